"""Lines of a journal: JSON objects that end with a checksum, by which damage is detected.

The checksum is the CRC-32 of all bytes before it, as ``,"crc":"89abcdef"}``. Lines of older versions have
none; such a line counts as damaged only if it is not JSON or not an entry of a journal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zlib import crc32

import orjson

from soc_gen.engine.compatibility import VERSION

HEAD = b'{"kind":'
"""First bytes of every line."""
_MARK = b',"crc":"'
_END = len(_MARK) + 8 + len(b'"}')
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def encode_line(entry: dict[str, Any]) -> bytes:
    """Return ``entry`` as a line with its checksum."""
    body = orjson.dumps(entry)[:-1]
    return b'%b%b%08x"}\n' % (body, _MARK, crc32(body))


def decode_line(line: bytes) -> dict[str, Any] | None:
    """Return the entry in ``line``, or None when the line is damaged."""
    line = line.rstrip(b"\n")
    body, end = line[:-_END], line[-_END:]
    has_checksum = end.startswith(_MARK)
    if has_checksum and end != b'%b%08x"}' % (_MARK, crc32(body)):
        return None
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    is_whole = isinstance(entry, dict) and ("crc" in entry) == has_checksum and _is_entry(entry)
    return entry if is_whole else None


def _has_digests(entry: dict[str, Any]) -> bool:
    return _HEX.fullmatch(entry["rows"]) is not None


def _has_tokens(entry: dict[str, Any]) -> bool:
    """Whether a reply has its three token counts and valid pairs of the replies it voids, if any."""
    voids = entry.get("voids", [])
    return _are_numbers(entry["tokens"], 3) and (
        isinstance(voids, list) and all(_are_numbers(pair, 2) for pair in voids)
    )


def _are_numbers(value: object, length: int) -> bool:
    if not isinstance(value, list) or len(value) != length:
        return False
    return set(map(type, value)) == {int} and min(value) >= 0


def _has_place(entry: dict[str, Any]) -> bool:
    return bool(entry["index"] >= 0)


def _has_counts(entry: dict[str, Any]) -> bool:
    groups = {"": entry["retries"]} if entry["kind"] == "time" else entry.get("notes", {})
    return isinstance(groups, dict) and all(map(_are_counts, groups.values()))


def _are_counts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(count, int) for count in value.values())


def _is_entry(entry: dict[str, Any]) -> bool:
    """Whether an entry has every field that is read, with the right type."""
    kind = entry.get("kind")
    if kind == "header" and entry.get("version") != VERSION:
        return "version" in entry  # the journal is refused by its version
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        return False
    for name, types in fields:  # a plain loop: this runs for every line of a journal
        if not isinstance(entry.get(name, ...), types):
            return False
    return _CHECKS[kind](entry)


_NONE = type(None)
_FIELDS: dict[object, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "header": (("inputs", dict), ("rows", str)),
    "rows": (("rows", str),),
    "reply": (
        ("id", str),
        ("turn", int),
        ("attempt", int),
        ("request", str),
        ("text", str),
        ("finish_reason", (str, _NONE)),
        ("tokens", list),
        ("seconds", (int, float)),
        ("endpoint", str),
    ),
    "done": (("index", int), ("id", str), ("record", dict)),
    "failed": (("index", int), ("id", str), ("reason", str), ("detail", str), ("turn", (int, _NONE))),
    "time": (("seconds", (int, float)), ("retries", dict)),
}
_CHECKS: dict[object, Callable[[dict[str, Any]], bool]] = {
    "header": _has_digests,
    "rows": _has_digests,
    "reply": _has_tokens,
    "done": lambda entry: _has_place(entry) and _has_counts(entry),
    "failed": _has_place,
    "time": _has_counts,
}
