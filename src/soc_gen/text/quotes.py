"""Removes quotation marks and stars that models put around a whole message."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"([\"“”„]{1,3})([^\"“”„]+)([\"“”]{1,3})")
_WRAPPERS = (('"', '"'), ("“", "”"), ("«", "»"), ("*", "*"), ("_", "_"))
_PAIR = 2
_CORRECTION = 3  # words


def unquote(text: str) -> str:
    """Remove quotation marks, also doubled ones, around a whole message."""
    match = _QUOTED.fullmatch(text.strip())
    return match[2] if match and len(match[1]) == len(match[3]) else text


def unwrap_line(line: str) -> str:
    """Return ``line`` without quotation marks or stars around all of it; quoted phrases in it stay.

    An unpaired mark at the very start or end is removed too: it remains from a pair in a line that was cut.
    A star before a word or two is a correction by the writer, and stays.
    """
    before = None
    while line != before:
        before = line
        for opening, closing in _WRAPPERS:
            line = _without(line, opening, closing)
    return line


def _without(line: str, opening: str, closing: str) -> str:
    marks = sum(line.count(mark) for mark in {opening, closing})
    starts, ends = line.startswith(opening), line.endswith(closing)
    if marks == _PAIR and starts and ends:
        return line[1:-1].strip()
    if marks == 1 and starts and not (opening == "*" and len(line.split()) <= _CORRECTION):
        return line[1:].strip()
    if marks == 1 and ends and not line[-2:-1].isdigit():
        return line[:-1].strip()
    return line
