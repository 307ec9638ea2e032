"""Splits a text with turns of a chat template, which a model wrote instead of a single reply.

A template writes the role before each turn (``<|im_start|>user``) and, most of them, a token after it
(``<|im_end|>``). A model can echo earlier turns, or invent later ones. Only the single turn of the assistant
is its reply; all other turns belong to the prompt or to the other person.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import NamedTuple

from soc_gen.text.special_tokens import SIGNS, drop_tokens
from soc_gen.text.template_families import FAMILIES, HEADINGS, KINDS, KNOWN, Kind
from soc_gen.text.thinking import SEAM, TAG_NAMES

_ANY = rf"[^<>|\n{SEAM}]{{0,40}}"
# After the role: "assistant name=luna", Kimi's role names, a colon, empty lines.
_TAIL = (
    rf"(?:[ \t]+(?:name|to)[ =][^\s<>]+)?(?:{_ANY}(?:<\|constrain\|>\w+)?<\|(?:im_middle|im_sep|message)\|>)?"
    r":?[ \t\n]*"
)
# </s> followed by words on the same line is strikethrough, or the end of sarcasm.
_STRUCK = rf"(?i:</s>(?![ \t]+(?!(?:{KNOWN})\b)\w))"


class Mark(NamedTuple):
    """Position of a turn mark, and the kind of text after it."""

    start: int
    end: int
    kind: Kind


Block = Mark
"""Position of the text of one turn, and its kind."""


def _turn(turn: str) -> str:
    """Return the pattern of a mark in ``Family.turns``."""
    before, placeholder, after = re.split("(ROLE|NAME)", turn)
    if placeholder == "ROLE":
        role = f"({KNOWN})" + ("" if after else r"\b")
    elif after:
        role = f"({_ANY})"
    else:
        role = rf"([ \t\n]*(?:{KNOWN})\b|[\w.-]{{1,40}}(?=[ \t]*(?:\n|<\|)))?"
    return f"(?i:{re.escape(before)}{role}{re.escape(after)}){_TAIL}"


class _Sign(NamedTuple):
    """One mark to look for."""

    first: str
    """Pattern of its first one or two characters, which is searched first."""
    pattern: str
    """Full pattern, with one group."""
    kind: Kind | None
    """Kind of the text after it; None when the role in the group decides."""
    alone: bool


def _signs() -> Iterator[_Sign]:
    yield _Sign("<[^|]", f"({_STRUCK})", "end", alone=True)
    for family in FAMILIES:
        for turn in family.turns:
            yield _Sign(_first(turn), _turn(turn), None, family.alone)
        for token, kind in family.marks.items():
            yield _Sign(_first(token), f"((?i:{re.escape(token)})){_TAIL}", kind, family.alone)
        for token in family.ends:
            yield _Sign(_first(token), f"((?i:{re.escape(token)}))", "end", family.alone)
    for heading in HEADINGS:
        first = _first(heading.first) if heading.first in {"<", "<|"} else f"[{re.escape(heading.first)}]"
        yield _Sign(first, heading.pattern + _TAIL, None, heading.alone)
        if heading.end:
            yield _Sign(first, f"({heading.end})", "end", heading.alone)


def _first(token: str) -> str:
    if token.startswith("<|"):
        return r"<\|"
    return "<[^|]" if token.startswith("<") else f"[{re.escape(token[0])}]"


# The search is fast because the possible first characters come before the full patterns. Marks that count
# alone come before those that need others.
_BY_FIRST = sorted(_signs(), key=lambda sign: (not sign.alone, sign.first))
_MARK = re.compile(
    "|".join(
        f"(?={first})(?:{'|'.join(sign.pattern for sign in signs)})"
        for first, signs in groupby(_BY_FIRST, key=lambda sign: sign.first)
    )
)
_EMPTY_THOUGHT = re.compile(rf"<(?:{TAG_NAMES})\s*/>", re.IGNORECASE)
_SIGNS = frozenset("<[]#：")
_ROLE_LINES = frozenset({"system", "user", "assistant", "model", "tool"})
_COLON_WORDS = ("ASSISTANT", "USER", "GPT", "BOT", "Instruct", "Answer", "Ассистент")
_LINE_WORDS = ("assistant", "user", "model", "system")
_WORDS = re.compile(rf"(?:{'|'.join(_COLON_WORDS)}|Correct \w+):|(?:{'|'.join(_LINE_WORDS)})(?:\n|\Z)")


def may_hold_turns(signs: Collection[str], messages: list[str]) -> bool:
    """Whether ``messages`` may have a mark of a turn: no misses, and fast.

    Args:
        signs: The characters in them; everyday characters may be missing.
        messages: Messages of one or more parts.
    """
    if not _SIGNS.isdisjoint(signs) or not _ROLE_LINES.isdisjoint(messages):
        return True
    parted = [
        message for message in messages if ":" in message or "\n" in message or message[-9:] == "assistant"
    ]
    return any(_WORDS.search(message) for message in parted if may_have_word(message))


def may_have_word(message: str) -> bool:
    """Whether ``message`` may have a word that marks a turn: no misses, and faster than ``_WORDS``."""
    if "\n" in message or "Correct " in message or message.endswith(_LINE_WORDS):
        return True
    return any(piece.endswith(_COLON_WORDS) for piece in message.split(":"))


def find_marks(text: str) -> list[Mark]:
    """Return the marks of turns in ``text``, in order."""
    marks = [(match.start(), match.end(), *_said_by(match)) for match in _MARK.finditer(text)]
    several = len({kind for _, _, kind, _ in marks}) > 1
    return [Mark(start, end, kind) for start, end, kind, alone in marks if alone or several]


def _said_by(match: re.Match[str]) -> tuple[Kind, bool]:
    if not match.lastindex:
        return "unnamed", True
    sign = _BY_FIRST[match.lastindex - 1]
    role = match[match.lastindex].strip().lower()
    return sign.kind or (KINDS.get(role, "prompt") if role else "unnamed"), sign.alone


def blocks(text: str) -> list[Block]:
    """Return the turns of ``text``: the texts before, between and after its marks, also empty ones.

    Messages are separated by ``SEAM``: after the end of a turn, the rest of the message belongs to no turn,
    and the next message has no named role.
    """
    turns: list[Block] = []
    kind: Kind = "unnamed"
    start = 0
    for mark in [*find_marks(text), Mark(len(text), len(text), "end")]:
        seam = text.find(SEAM, start, mark.start) if kind == "end" else -1
        if seam >= 0:
            turns.append(Block(start, seam, "end"))
            kind, start = "unnamed", seam
        turns.append(Block(start, mark.start, kind))
        kind, start = mark.kind, mark.end
    return turns


class UnclearTurnsError(Exception):
    """A text has turns of a template, but not exactly one of them is the reply."""


def keep_reply(messages: list[str]) -> list[str]:
    """Return ``messages`` with the assistant's turn only; unchanged if there are no turns.

    Args:
        messages: Messages of one part; a turn may span several.

    Raises:
        UnclearTurnsError: There is no turn of the assistant with text, or more than one.
    """
    text = SEAM.join(messages)
    turns = blocks(text) if may_hold_turns(text, messages) else []
    if len(turns) <= 1:
        return messages
    if not _has_one_reply(text, turns):
        raise UnclearTurnsError
    kept = [
        text[start:end] if kind in {"reply", "unnamed"} else SEAM * text.count(SEAM, start, end)
        for start, end, kind in turns
    ]
    return "".join(kept).split(SEAM)


def drop_template_tokens(messages: list[str]) -> list[str]:
    """Return ``messages`` with the assistant's turn only, and without the tokens of templates.

    Raises:
        UnclearTurnsError: There are turns, but not exactly one of them is the reply.
    """
    return [
        drop_tokens(_EMPTY_THOUGHT.sub("", message)) if not SIGNS.isdisjoint(message) else message
        for message in keep_reply(messages)
    ]


def _has_one_reply(text: str, turns: list[Block]) -> bool:
    """Whether exactly one turn is the reply. The assistant's turns in successive messages are one."""
    replied_until = -1  # end of the last turn of the reply
    asked = False  # the last named turn was somebody else's
    has_named = False
    for start, end, kind in turns:
        if kind in {"prompt", "reply"}:
            asked, has_named = kind == "prompt", True
        if kind not in {"reply", "unnamed"} or not drop_tokens(text[start:end]).strip():
            continue
        if asked or (replied_until >= 0 and _is_apart(text, turns, replied_until, start)):
            return False
        replied_until = end
    return replied_until >= 0 or not has_named


def _is_apart(text: str, turns: list[Block], end: int, start: int) -> bool:
    """Whether a turn from ``start`` is separate from one that ended at ``end``."""
    between = any(turn.kind == "prompt" and end <= turn.start <= start for turn in turns)
    return between or SEAM not in text[end : start + 1]
