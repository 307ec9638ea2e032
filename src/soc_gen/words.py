"""The words of a text, fast: what duplicates, loops and leaked prompts are compared by."""

from __future__ import annotations

import string

_SPACES = bytes.maketrans(string.punctuation.encode(), b" " * len(string.punctuation))


def tokens(text: str) -> list[bytes]:
    """Return the words of ``text`` as UTF-8; ASCII punctuation parts them, ``Don't`` is ``dont``.

    Only ASCII letters become lower-case, and an apostrophe is nothing: it is compared, not shown.
    """
    return tokens_of(text.encode("utf-8", "replace"))


def tokens_of(data: bytes) -> list[bytes]:
    """Return the words of a text in UTF-8, as ``tokens`` does."""
    return data.lower().replace(b"\xe2\x80\x99", b"").translate(_SPACES, b"'").split()


def runs(words: list[bytes], length: int) -> list[bytes]:
    """Return every run of ``length`` words in a row, joined; a shorter text is one run."""
    if 0 < len(words) < length:
        return [b" ".join(words)]
    return list(map(b" ".join, zip(*(words[start:] for start in range(length)), strict=False)))
