"""The words of a text, fast: what duplicates, loops and leaked prompts are compared by."""

from __future__ import annotations

import string

_SPACES = bytes.maketrans(
    (string.punctuation + string.ascii_uppercase).encode(),
    (" " * len(string.punctuation) + string.ascii_lowercase).encode(),
)
_APOSTROPHE = "’".encode()
_MARKS = tuple(mark.encode() for mark in "—–…“”")
_MARK_START = "—".encode()[:2]


def tokens(text: str) -> list[bytes]:
    """Return the words of ``text`` as UTF-8; ASCII punctuation, dashes, … and “” part them.

    Only ASCII letters become lower-case, and an apostrophe is nothing (``Don't`` is ``dont``): it is
    compared, not shown.
    """
    return tokens_of(text.encode("utf-8", "replace"))


def tokens_of(data: bytes) -> list[bytes]:
    """Return the words of a text in UTF-8, as ``tokens`` does."""
    if _MARK_START in data:
        data = data.replace(_APOSTROPHE, b"")
        for mark in _MARKS:
            data = data.replace(mark, b" ")
    return data.translate(_SPACES, b"'").split()


def runs(words: list[bytes], length: int) -> list[bytes]:
    """Return every run of ``length`` words in a row, joined; a shorter text is one run."""
    if 0 < len(words) < length:
        return [b" ".join(words)]
    return list(map(b" ".join, zip(*[words[start:] for start in range(length)], strict=False)))


def joined(words: list[bytes], runs_of_them: list[bytes], length: int) -> bytes:
    """Return ``b" ".join(words)``, faster: every so many of their ``runs`` of ``length`` have most of it."""
    pieces = runs_of_them[::length]
    return b" ".join(pieces + words[length * len(pieces) :])
