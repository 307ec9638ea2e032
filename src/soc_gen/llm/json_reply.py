"""Find the JSON object in what a model wrote: bare, in a code fence, after prose or thinking."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from soc_gen.text.thinking import is_thinking_aloud, strip_thinking

_DECODER = json.JSONDecoder(strict=False)  # models put raw newlines into strings
_OBJECT_START = re.compile(r'\{\s*"')
# Between one person's turn and the next: nothing, the prompt's own "Now Max's turn.", tokens with a role.
_NEXT_TURN = re.compile(
    r"[\s,\]]*(?:now\b[^\n]{0,80}\bturn\b[^\n{]{0,40}\s*)?"
    r"|(?:\s*<\|?[^<>\n]{1,40}\|?>\s*|\s*\b(?:user|assistant|model|human)\b:?\s*|\s*now\b[^\n]{0,80}\bturn\b\.?\s*)+",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"[\s`]*[*_]*(?!Final|Answer|Response|Reply|Output)[A-Z]\w+(?: [A-Z]\w+)?[*_]*:\s*(?:```\w*\s*)?"
)
_AT_END = re.compile(r"[\s`.,;\]]*(?:</?[|\w/｜▁:]{1,40}>[\s`]*)*")


@dataclass(frozen=True, slots=True)
class _Found:
    """An object in a text; without a value where it was cut off."""

    start: int
    end: int
    value: dict[str, Any] | None


def parse_json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that is the answer in ``text``, or None where none can be told to be it.

    Prose, code fences and thoughts around it are ignored. Of several that differ: the first, where nothing
    but the change of turns stands between them (the model went on with the other side's turn); otherwise
    the last, if it stands at the end (those before are drafts). None also for an object that was cut off,
    even if whole ones are nested in it, and for half a surrogate pair, which could not be written to a file.
    """
    answer = strip_thinking(text)
    try:
        objects = list(_objects(answer))
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets without end
        return None
    chosen = _choose(answer, objects)
    return chosen.value if chosen and chosen.value is not None and _is_encodable(chosen.value) else None


def _choose(text: str, objects: list[_Found]) -> _Found | None:
    if not objects:
        return None
    first, last = objects[0], objects[-1]
    at_end = bool(_AT_END.fullmatch(text, last.end))
    if is_thinking_aloud(text) and not at_end:
        return None  # a draft that the thought goes on about
    if all(found.value == first.value for found in objects):
        return first
    for before, found in zip(reversed(objects[:-1]), reversed(objects), strict=False):
        gap = text[before.end : found.start]
        if _LABEL.fullmatch(gap):
            return None  # whose turn is which, the text alone does not tell
        if not _NEXT_TURN.fullmatch(gap):
            return found if at_end else None
    return first


def _objects(text: str) -> Iterator[_Found]:
    """Yield the objects in ``text`` that are not within another one."""
    start = text.find("{")
    while start >= 0:
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            if _is_cut_off(text, start, error):
                yield _Found(start, len(text), None)
                return
            end = max(start + 1, error.pos)
        else:
            yield _Found(start, end, value)
        start = text.find("{", end)


def _is_cut_off(text: str, start: int, error: json.JSONDecodeError) -> bool:
    """Does the object at ``start`` go on to the end of the text without a fault but that end?"""
    if not _OBJECT_START.match(text, start):
        return False
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")


def _is_encodable(value: dict[str, Any]) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
