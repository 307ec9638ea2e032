"""Find the answer in what a model wrote: JSON bare, in a code fence or a string, after prose or thinking."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson

from soc_gen.text.loose_json import FoundJson, find_json, is_encodable, unescape_json
from soc_gen.text.speaker_labels import callers, line_label
from soc_gen.text.templates import blocks
from soc_gen.text.thinking import is_thinking_aloud, strip_thinking

T = TypeVar("T")

# Between one person's turn and the next: nothing, the prompt's own "Now Max's turn.", tokens with a role.
# No other tag: ``{…}</draft><answer>{…}``.
_NEXT_TURN = re.compile(
    r"[\s,\]]*(?:now\b[^\n]{0,80}\bturn\b[^\n{]{0,40}\s*)?"
    r"|(?:\s*\b(?:user|assistant|model|human)\b:?\s*|\s*now\b[^\n]{0,80}\bturn\b\.?\s*)+",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```\w*")
_AT_END = re.compile(r"[\s`.,;\]}]*(?:</?[|\w/｜▁:]{1,40}>[\s`]*)*")
_MID_SENTENCE = re.compile(r"[\w,][ \t]*\Z"), re.compile(r"[ \t]*[,;–—-]?[ \t]*(?-i:[a-z])")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was asked for, as it was found in a reply."""

    value: T
    source: Any
    """The JSON value that it was read from."""
    repaired: bool
    """That was not quite JSON, or stood in a string."""


@dataclass(frozen=True, slots=True)
class _Candidate(Generic[T]):
    """JSON of the kind that was asked for; without a value where it was cut off."""

    found: FoundJson
    value: T | None


def find_answer(
    text: str, read: Callable[[Any], T | None], other_names: Collection[str] = frozenset()
) -> Answer[T] | None:
    """Return the answer in ``text``, or None where none can be told to be it.

    Prose, code fences and thoughts around it are ignored. Of several that differ: the first, where nothing
    but the change of turns stands between them (the model went on with the other side's turn); otherwise
    the last, if it stands at the end (those before are drafts). None also for one that was cut off, even if
    whole ones are nested in it, and for half a surrogate pair, which could not be written to a file.

    Args:
        text: Content of a completion.
        read: Gives what was asked for in a JSON value, or None where it is something else.
        other_names: What a label calls the other side by, from ``speaker_labels.names_of``.
    """
    spoken = strip_thinking(text)
    if (whole := _read_whole(spoken, read)) is not None:
        return whole
    inner = None
    try:
        candidates = _candidates(spoken, read)
        if not candidates and (inner := unescape_json(spoken)):
            candidates = _candidates(inner, read)
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets without end
        return None
    chosen = _choose(inner or spoken, candidates, other_names)
    if chosen is None or chosen.value is None or not is_encodable(chosen.found.value):
        return None
    return Answer(chosen.value, chosen.found.value, chosen.found.repaired or inner is not None)


def _read_whole(text: str, read: Callable[[Any], T | None]) -> Answer[T] | None:
    """Return the answer where ``text`` is one JSON value and nothing else, as most replies are."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    value = read(found) if isinstance(found, dict) else None
    return None if value is None else Answer(value, found, repaired=False)


def object_with(value: object, keys: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the object that has all of ``keys``: ``value``, or the one that it holds, however deep.

    Of a list the first that does; of those in an object, one of which may be a draft, only the single one.
    """
    if isinstance(value, dict) and value.keys() >= set(keys):
        return value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [one for item in inner if (one := object_with(item, keys)) is not None]
    return found[0] if found and (len(found) == 1 or isinstance(value, list)) else None


def _candidates(text: str, read: Callable[[Any], T | None]) -> list[_Candidate[T]]:
    found = [(one, None if one.value is None else read(one.value)) for one in find_json(text)]
    return [_Candidate(one, value) for one, value in found if one.value is None or value is not None]


def _choose(text: str, candidates: list[_Candidate[T]], other_names: Collection[str]) -> _Candidate[T] | None:
    if not candidates:
        return None
    first, last = candidates[0], candidates[-1]
    at_end = bool(_AT_END.fullmatch(text, last.found.end))
    if not at_end and (is_thinking_aloud(text) or (first is last and _is_mid_sentence(text, first.found))):
        return None  # a draft that the thought goes on about
    if all(one.value == first.value for one in candidates):
        return first
    for before, one in zip(reversed(candidates[:-1]), reversed(candidates), strict=False):
        if not _changes_turns(text[before.found.end : one.found.start], other_names):
            return one if at_end else None
    return first


def _changes_turns(gap: str, other_names: Collection[str]) -> bool:
    """Does nothing stand in ``gap`` but what passes the word to the other side?"""
    apart_from_tokens = "".join(gap[turn.start : turn.end] for turn in blocks(gap))
    if _NEXT_TURN.fullmatch(apart_from_tokens):
        return True
    label = _FENCE.sub("", gap).strip()
    if not label or not other_names:
        return False
    named = line_label(f"{label} {{", callers(frozenset(), frozenset(other_names)))
    return named is not None and named.end > len(label)


def _is_mid_sentence(text: str, found: FoundJson) -> bool:
    """Is the object spoken of: ``Maybe {…} but that is dull``?"""
    before, after = _MID_SENTENCE
    return bool(before.search(text[: found.start]) and after.match(text, found.end))
