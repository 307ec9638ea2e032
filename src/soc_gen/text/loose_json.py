"""Finds JSON in text of models, and repairs nearly valid JSON without guessing.

Nearly valid JSON is lexed and written again: extra or missing commas, comments, other quotation marks,
unquoted keys, Python's constants, an extra bracket. A missing end is never invented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_DECODER = json.JSONDecoder(strict=False)  # models put raw newlines into strings
_START = re.compile(r"[{\[]")
_OBJECT_START = re.compile(r"\{\s*(?:[\"'“‘]|\w+\s*:)")
_FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n?(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)

_AFTER = r"\s*(?:[,;:\]}]|//|/\*|\Z)|\s+[\"“]"
"""Text that may follow a string; a quotation mark followed by anything else is inside the string."""


_QUOTES = {"double": ('"', '"'), "single": ("'", "'"), "curly": ("“", "”"), "curly_single": ("‘", "’")}
_WORDS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_STRINGS = "|".join(
    rf"{opens}(?P<{name}>(?:[^{closes}\\]|\\.|{closes}(?!{_AFTER}))*+){closes}"
    for name, (opens, closes) in _QUOTES.items()
)
_LEXEME = re.compile(
    rf"(?P<gap>(?:[\s,;]|\\[nrt]|//[^\n]*|/\*.*?\*/)++)|{_STRINGS}"
    rf"|(?P<key>[A-Za-z_]\w*+)(?=\s*:)|(?P<word>{'|'.join(_WORDS)})\b"
    r"|(?P<number>-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)|(?P<colon>:)|(?P<opens>[{\[])|(?P<closes>[\]}])",
    re.DOTALL,
)
_UNCLOSED = ("/*", *(opens for opens, _ in _QUOTES.values()))
"""Tokens without an end, at which lexing stops."""
_CLOSER = {"{": "}", "[": "]"}
_ESCAPE = re.compile(r"\\([\"\\/bfnrt]|u[0-9a-fA-F]{4})|\\(['’”])|(\\|\")")


@dataclass(frozen=True, slots=True)
class FoundJson:
    """An object or a list in a text."""

    start: int
    end: int
    value: Any
    """The value; None when it was cut off."""
    repaired: bool = False
    """Whether it had to be repaired."""


def find_json(text: str) -> Iterator[FoundJson]:
    """Yield the outermost objects and lists in ``text``, in order.

    A broken one is not yielded, nor are valid ones inside it; one that is cut off by the end of the text is
    yielded without its value, as the last.

    Raises:
        ValueError: A number has thousands of digits.
        RecursionError: Brackets are nested too deeply.
    """
    text, loosely = text.rstrip(), True
    begins = _START.search(text)
    while begins:
        found, end, ran_out = _read_at(text, begins.start(), loosely=loosely)
        if found:
            yield found
        loosely = loosely and not ran_out  # a bracket in prose; none after it is closed
        begins = _START.search(text, end)


def read_json(text: str) -> FoundJson | None:
    """Return the object or list that fills ``text``, possibly inside a code fence or a string, or None."""
    inner = strip_fence(text)
    for candidate in (inner, unescape_json(inner)):
        if not candidate or candidate[0] not in "{[":
            continue
        try:
            found = next(find_json(candidate), None)
        except (ValueError, RecursionError):
            return None
        if found and (found.start, found.end) == (0, len(candidate)):
            return found if found.value is not None and is_encodable(found.value) else None
    return None


def strip_fence(text: str) -> str:
    """Return ``text`` without the code fence, the byte order mark and the spaces around it."""
    fenced = _FENCE.fullmatch(text)
    return (fenced[1] if fenced else text).strip().lstrip("\ufeff")


def unescape_json(text: str) -> str | None:
    """Return the JSON in the escaped string ``text``, which may lack its quotation marks, or None."""
    if '\\"' not in text:
        return None
    body = text.strip().removeprefix('"').removesuffix('"')
    try:
        return str(json.loads(f'"{body}"', strict=False)).strip()
    except ValueError:
        return None


def is_encodable(value: object) -> bool:
    """Whether ``value`` can be written as UTF-8: it has no half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_at(text: str, start: int, *, loosely: bool) -> tuple[FoundJson | None, int, bool]:
    """Read the value at ``start``.

    Returns:
        The value or None; the position to continue from; and whether a bracket in prose has no end.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        fault = error
    else:
        return FoundJson(start, end, value), end, False
    found, end = _spell_at(text, start) if loosely else (None, fault.pos)
    if found:
        return found, end, False
    end = max(start + 1, end, fault.pos)
    if end < len(text) and not fault.msg.startswith("Unterminated string"):
        return None, end, False
    if _OBJECT_START.match(text, start):
        return FoundJson(start, len(text), None), len(text), False
    return None, start + 1, True


def _spell_at(text: str, start: int) -> tuple[FoundJson | None, int]:
    """Read nearly valid JSON at ``start``; return it or None, and the position where reading stopped.

    Commas are treated as spaces: one is put between any two values.
    """
    spelled: list[str] = []
    closers: list[str] = []
    at, after_value = start, False
    while match := _LEXEME.match(text, at):
        at, kind, lexeme = match.end(), match.lastgroup, match[0]
        if kind == "gap":
            continue
        if kind == "closes":
            if lexeme not in closers:
                continue  # one too many
            if closers.pop() != lexeme:
                return None, match.start()  # one is missing, and maybe more than that
        elif kind == "colon":
            after_value = False
        elif after_value:
            spelled.append(",")
        spelled.append(_spelled(match))
        after_value = kind not in {"opens", "colon"}
        if kind == "opens":
            closers.append(_CLOSER[lexeme])
        if not closers:
            return _decoded("".join(spelled), start, at), at
    return None, len(text) if text.startswith(_UNCLOSED, at) or at == len(text) else at


def _spelled(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind == "key":
        return f'"{match[0]}"'
    if kind == "word":
        return _WORDS[match[0]]
    if kind in {"number", "colon", "opens", "closes"}:
        return match[0]
    return f'"{_ESCAPE.sub(_escaped, match[kind])}"'


def _escaped(match: re.Match[str]) -> str:
    """Return an escape unchanged, a quotation mark without backslash, and anything else escaped."""
    return match[0] if match[1] else match[2] or f"\\{match[3]}"


def _decoded(spelled: str, start: int, end: int) -> FoundJson | None:
    try:
        return FoundJson(start, end, _DECODER.decode(spelled), repaired=True)
    except json.JSONDecodeError:
        return None
