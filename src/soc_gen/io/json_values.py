"""JSON files that are not JSON Lines: one array of records, or records written over several lines.

``is_spread`` detects them by the beginning of the file; ``split_values`` yields the records one by one, so
that a large array need not fit into memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

import orjson

from soc_gen.errors import UsageError

BOM = b"\xef\xbb\xbf"
LONGEST_VALUE = 16 << 20
"""Largest size in bytes of a record in a JSON array."""
_STEP = 1 << 18  # bytes
# A string, whole; a bracket or a comma; a quotation mark whose string goes on beyond what was read.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]|"', re.DOTALL)
_ARRAY = re.compile(rb"\[\s*\{")
_INDENTED = re.compile(rb"[\[{][ \t\r]*\n\s*[\"{]")
_BUFFER = 4096  # bytes, of which a file's first buffer has more
_GOES_ON = (b"{", b"[", b",", b":")

FOREIGN = (
    (b"PK\x03\x04", "a zip file (or an Excel sheet, which is one)"),
    (b"\x1f\x8b", "packed with gzip; its name should end in .gz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; its name should end in .zst"),
    (b"ARROW1", "an Arrow file"),
    (b"\xff\xff\xff\xff", "an Arrow stream, as datasets keeps them"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
    (b"---\n", "YAML"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
"""First bytes of other file formats, and their names."""
PARQUET = b"PAR1"
"""First bytes of a Parquet file."""


class Value(NamedTuple):
    """One value of a text."""

    line: int
    """Line on which it begins, from 1."""
    data: bytes
    whole: bool = True
    """False when the text ends in the middle of the value."""


def refuse_foreign(head: bytes, where: str) -> None:
    """Refuse a file whose first bytes, ``head``, are those of another format.

    Raises:
        UsageError: The message names the format.
    """
    for start, name in FOREIGN:
        if head.startswith(start):
            raise UsageError(f"is {name}", where=where, hint="Give JSON Lines in UTF-8, or Parquet")


def is_spread(head: bytes) -> bool:
    """Whether a text that begins with ``head`` is one JSON array, or JSON values over several lines.

    Args:
        head: Up to its whole; one buffer is enough.
    """
    text = head.removeprefix(BOM).lstrip()
    if _INDENTED.match(text):
        return True
    array = _ARRAY.match(text)
    line, _, rest = text.partition(b"\n")
    if not array and not (text.startswith(b"{") and rest[:1] in (b" ", b"\t")):
        return False
    if _is_json(line):
        return array is not None and not rest.strip()
    first = _first_value(text[array.end() - 1 :] if array else text)
    if first is None:  # it is longer than the buffer, or there is no more of it
        return len(head) >= _BUFFER and (array is not None or line.rstrip().endswith(_GOES_ON))
    return (array is not None or b"\n" in first) and _is_json(first)


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _first_value(text: bytes) -> bytes | None:
    """Return the JSON object at the start of ``text``, or None when it is incomplete."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += _step(token[0])
        if depth == 0 and token[0] in (b"}", b"]"):
            return text[: token.end()]
    return None


def _step(token: bytes) -> int:
    return (token in (b"{", b"[")) - (token in (b"}", b"]"))


def split_values(handle: IO[bytes], longest: int, where: str) -> Iterator[Value]:
    """Yield the items of the JSON array in ``handle``, or the objects that follow each other there.

    Only brackets and strings are parsed; the text between them may be invalid JSON.

    Args:
        handle: The file, at its beginning.
        longest: Largest size of a value in bytes.
        where: The file, for error messages.

    Raises:
        UsageError: A value is longer.
    """
    text = handle.read(_STEP).removeprefix(BOM)
    blank = len(text) - len(text.lstrip())
    line, in_array = 1 + text[:blank].count(b"\n"), text[blank : blank + 1] == b"["
    start = position = blank + in_array
    depth = 0
    while True:
        token = _TOKEN.search(text, position)
        if token is None or token[0] == b'"':
            more = handle.read(_STEP)
            if not more:
                break
            position = (token.start() if token else len(text)) - start
            text, start = text[start:] + more, 0
            if len(text) > longest + _STEP:
                what = f"holds a JSON value of over {longest / 2**20:g} MiB, which no chat is"
                raise UsageError(what, where=f"{where}:{line}", hint="Give JSON Lines, one chat a line")
            continue
        position = token.end()
        depth += _step(token[0])
        if in_array:
            ends, end = depth == -1 or (depth == 0 and token[0] == b","), token.start()
        else:
            ends, end = depth <= 0 and token[0] in (b"}", b"]"), token.end()
        if not ends:
            continue
        yield from _value(text[start:end], line)
        line += text.count(b"\n", start, position)
        in_array = in_array and depth == 0
        start, depth = position, 0
    yield from _value(text[start:], line, whole=False)


def _value(data: bytes, line: int, *, whole: bool = True) -> Iterator[Value]:
    stripped = data.lstrip()
    if stripped.strip():
        begins = line + data[: len(data) - len(stripped)].count(b"\n")
        yield Value(begins, stripped.rstrip(), whole)
