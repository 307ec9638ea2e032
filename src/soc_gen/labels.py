"""Speaker labels: the ``Luna:`` that models put before what Luna says.

A label is a name that belongs to a speaker, at the start of a line, marked as a label: ``Luna:``,
``**Luna:**``, ``[Luna]``, ``<Luna>``, ``Luna (12:31):``, ``@luna_x:``, ``Persona 1:``, ``User:``. A name
followed by a comma, or in the middle of a sentence, is somebody being talked to.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from soc_gen.models import Persona

_CLOCK = r"(?:[\[(]?\d{1,2}:\d{2}(?::\d{2})?\s?(?:[ap]\.?m\.?)?[\])]?\s?[-–]?\s?)?"
_NAME = r"(?P<name>[^\s:：*\[\]()<>][^:：\n*\[\]()<>]{0,58}?)"
_COLON = re.compile(
    rf"\s*{_CLOCK}(?P<em>\*{{1,3}}|_{{1,2}}|)[\[(<\"“']?@?{_NAME}[\])>\"”']?\s?(?:[(\[][^()\[\]\n]{{1,30}}[)\]])?"
    r"\s?(?:(?P=em)\s?[:：]|[:：]\s?(?P=em))\s*",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\s*(?:\[@?(?P<name>[^\[\]\n:]{1,60})\]|<@?(?P<irc>[^<>\n:]{1,60})>)\s*[:：]?\s*")
# Nobody talks to themselves: one's own name with a dash or an @ is a label too.
_OWN = re.compile(r"\s*(?:(?P<name>[^\n]{1,60}?)[ \t][-–—|]\s+|@(?P<irc>[\w.-]{1,60})(?!\S)\s*)")
_ROLES = ("user", "assistant", "human", "persona", "person", "speaker", "participant", "character")
_ROLE = re.compile(rf"(?:{'|'.join(_ROLES[:3])}|(?:{'|'.join(_ROLES[3:])})\s?[#_]?(?:\d|[ab]|one|two))")
_BEFORE_NAME = " \t\n\r\x0b\x0c\u00a0*_[(<\"'“”‘’@,."
_TITLES = frozenset(
    {"dr", "mr", "mrs", "ms", "miss", "prof", "professor", "sir", "captain", "officer", "the"}
)
_NICKNAME = re.compile(r"[\"“'‘(]([^\"“”'‘’()]{2,30})[\"”'’)]")


def names_of(persona: Persona) -> frozenset[str]:
    """Return what a label may call ``persona``, in the form labels are compared in."""
    return _names(persona.name, persona.username or "")


@lru_cache(maxsize=4096)
def _names(name: str, username: str) -> frozenset[str]:
    given = next((word for word in name.split() if word.rstrip(".").casefold() not in _TITLES), "")
    found = {name, given, username, *_NICKNAME.findall(name)}
    return frozenset(key for one in found if len(key := _key(one)) > 1)


@lru_cache(maxsize=4096)
def label_starts(names: frozenset[str]) -> tuple[str, ...]:
    """Return what a text must start with, marks aside, to begin with a label that names one of ``names``."""
    return (*_ROLES, *(name.split()[0] for name in names), *"0123456789")


def may_have_label(text: str, starts: tuple[str, ...]) -> bool:
    """Whether ``strip_label`` has to look closer; ``starts`` is the ``label_starts`` of all names."""
    return text[:80].casefold().lstrip(_BEFORE_NAME).startswith(starts)


def strip_label(text: str, own: Collection[str], other: Collection[str] = ()) -> str:
    """Return ``text`` without the label it begins with.

    Args:
        text: A message, or a line of one.
        own: Names of the one who writes, from ``names_of``.
        other: Names of the one who is written to.
    """
    return text[_label_end(text, own, other) :]


def has_label(text: str, names: Collection[str]) -> bool:
    """Does ``text`` begin with a label that names one of ``names``?"""
    return any(_named(match) in names for match in _marked(text))


def _label_end(text: str, own: Collection[str], other: Collection[str]) -> int:
    for match in _marked(text):
        name = _named(match)
        if name in own or name in other or _ROLE.fullmatch(name):
            return match.end()
    match_own = _OWN.match(text)
    return match_own.end() if match_own and _named(match_own) in own else 0


def _marked(text: str) -> list[re.Match[str]]:
    """Return what stands where a label would; a look at the first characters spares most messages."""
    start = text[:130]
    found = []
    if ":" in start or "：" in start:
        found.append(_COLON.match(text))
    if "[" in start or "<" in start:
        found.append(_BRACKETS.match(text))
    return [match for match in found if match]


def _named(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return _key(groups["name"] or groups.get("irc") or "")


def _key(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split()).strip("@\"'“”‘’ ,.")
