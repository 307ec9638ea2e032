"""The words of a text, fast: what duplicates, loops and leaked prompts are compared by."""

from __future__ import annotations

import string

_SPACES = bytes.maketrans(string.punctuation.encode(), b" " * len(string.punctuation))


def tokens(text: str) -> list[bytes]:
    """Return the lower-case words of ``text`` as UTF-8; ASCII punctuation parts them, ``don't`` is one."""
    data = text.lower().replace("’", "'").encode("utf-8", "replace")
    return data.translate(_SPACES, b"'").split()


def runs(words: list[bytes], length: int) -> list[bytes]:
    """Return every run of ``length`` words in a row, joined; a shorter text is one run."""
    if 0 < len(words) < length:
        return [b" ".join(words)]
    return list(map(b" ".join, zip(*(words[start:] for start in range(length)), strict=False)))
