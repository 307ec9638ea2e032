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
from soc_gen.text.names import first_name

_CLOCK = r"(?:[\[(]?\d{1,2}:\d{2}(?::\d{2})?\s?(?:[ap]\.?m\.?)?[\])]?\s?[-–]?\s?)?"
_NAME = r"(?P<name>[^\s:：*\[\]()<>][^:：\n*\[\]()<>]{0,58}?)"
_COLON = re.compile(
    rf"\s*{_CLOCK}(?P<em>\*{{1,3}}|_{{1,2}}|)[\[(<\"“']?@?{_NAME}[\])>\"”']?\s?(?:[(\[][^()\[\]\n]{{1,30}}[)\]])?"
    r"\s?(?:(?P=em)\s?[:：]|[:：]\s?(?P=em))\s*",
    re.IGNORECASE,
)
_BRACKETS = re.compile(
    r"\s*(?:\[@?(?P<name>[^\[\]\n:]{1,60})\]|<(?!(?:image|gif|video|audio)>)@?(?P<irc>[^<>\n:]{1,60})>)\s*[:：]?\s*"
)
# Nobody talks to themselves: one's own name with a dash or an @ is a label too, but "@luna_x is my handle".
_OWN = re.compile(
    r"\s*(?:(?P<name>[^\n]{1,60}?)[ \t][-–—|]\s+"
    r"|@(?P<irc>[\w.-]{1,60})\s+(?!(?:is|on|for|as|same|without|with|but|if|everywhere|though)\b)(?=\S))",
    re.IGNORECASE,
)
# What follows "Luna: 3" in a list of what each of them has.
_NEXT_IN_LIST = re.compile(
    r"[,;/|&]\s*(?:and\s+)?@?(?P<name>[^\s:：,;/|&-][^:：,;/|&\n]{0,58}?)\s?(?:[:：]|\s[-–—]\s)"
)
_MOUTH = re.compile(r"['’]?[-^o]?[)(\[\]{}/\\|<>*$@DPpOoSsXxc30](?!\w)")
_LOGIN = re.compile(r"\b(?:pass(?:word|code|wd)?|pwd?|pin)\s?[:=]", re.IGNORECASE)
_ROLES = ("user", "assistant", "human", "persona", "person", "speaker", "participant", "character")
_ROLE = re.compile(rf"(?:{'|'.join(_ROLES[:3])}|(?:{'|'.join(_ROLES[3:])})\s?[#_]?(?:[0-2]|[ab]|one|two))")
_BEFORE_NAME = " \t\n\r\x0b\x0c\u00a0*_[(<\"'“”‘’@,."
# No label, whoever has it for a username: "no: i said 8".
_EVERYDAY = """
    a also and anyway aw because both btw but bye dear edit everyone fact fine first fyi great he hello
    help hey hi how i idea idk if info it just last later like lmao lol look love maybe me my name next
    nice no nope note now ok okay omg one or plan please pro con ps question re really reason right rule
    said same second she so sorry still sure thanks that the then there they this time tip tldr today
    tomorrow truth two update us wait we well what when where which who why with yeah yep yes you your
"""
_NICKNAME = re.compile(r"[\"“'‘(]([^\"“”'‘’()]{2,30})[\"”'’)]")


def names_of(persona: Persona) -> frozenset[str]:
    """Return what a label may call ``persona``, in the form labels are compared in."""
    return _names(persona.name, persona.username or "")


@lru_cache(maxsize=4096)
def _names(name: str, username: str) -> frozenset[str]:
    found = {first_name(name), username, *_NICKNAME.findall(name)}
    keys = {_key(name), *(key for one in found if (key := _key(one)) not in _EVERYDAY.split())}
    return frozenset(key for key in keys if len(key) > 1)


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
        speaks = name in own or name in other or (_ROLE.fullmatch(name) and not _LOGIN.search(text))
        if speaks and not _lists(text[match.end() :], name, own, other):
            return match.end()
    match_own = _OWN.match(text)
    if not match_own or _named(match_own) not in own:
        return 0
    return 0 if _lists(text[match_own.end() :], _named(match_own), own, other) else match_own.end()


def _lists(rest: str, name: str, own: Collection[str], other: Collection[str]) -> bool:
    """Does another speaker's name come in the same line, as in "Luna: 3, Max: 2"?"""
    later = (_named(match) for match in _NEXT_IN_LIST.finditer(rest[:200].partition("\n")[0]))
    return any(one != name and (one in own or one in other or _ROLE.fullmatch(one)) for one in later)


def _marked(text: str) -> list[re.Match[str]]:
    """Return what stands where a label would; a look at the first characters spares most messages."""
    start = text[:130]
    colon = _COLON.match(text) if ":" in start or "：" in start else None
    brackets = _BRACKETS.match(text) if "[" in start or "<" in start else None
    if colon and _smiles(text, colon):
        colon = None
    return [match for match in (colon, brackets) if match]


def _smiles(text: str, match: re.Match[str]) -> bool:
    """Are these the eyes of ``Luna :)`` and ``max >:(``, and no colon?"""
    head = match.group()
    at = match.start() + max(head.rfind(":"), head.rfind("："))
    after = text[at + 1 : at + 5]
    if match["em"]:
        return False
    return bool(_MOUTH.match(after)) or (text[at - 1].isspace() and bool(after) and not after[0].isspace())


def _named(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return _key(groups["name"] or groups.get("irc") or "")


def _key(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split()).strip("@\"'“”‘’ ,.")


def speaks_for(text: str, other_names: Collection[str]) -> bool:
    """Does a line of ``text`` begin with the other person's label (names from ``labels.names_of``)?

    After a line that ends in a colon, "who brings what:", labels are a list.
    """
    for line in text.splitlines():
        if has_label(line, other_names):
            return True
        if line.rstrip().endswith((":", "：")):
            return False
    return False


def own_label(text: str, own_names: Collection[str]) -> bool:
    """Does ``text`` begin with its writer's own label (names from ``labels.names_of``)?"""
    return has_label(text, own_names)
