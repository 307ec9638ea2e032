"""The words of a text, fast: what duplicates, loops and leaked prompts are compared by."""

from __future__ import annotations

import re
import string

from soc_gen.text.normalize import fold

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uaa60-\uaa7f"  # Thai, Lao; Burmese; Khmer; Shan
    "\u3040-\u30ff\u3400-\u9fff"  # kana, Chinese
)
"""Scripts without spaces between words, as a part of a character class."""
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:['’][^\W{UNSPACED}]+)*")
"""A word of a text; where a script has no spaces, a character is one."""

_SPACES = bytes.maketrans(
    (string.punctuation + string.ascii_uppercase).encode(),
    (" " * len(string.punctuation) + string.ascii_lowercase).encode(),
)
_APOSTROPHE = "’".encode()
_MARKS = tuple(mark.encode() for mark in "—–…“”")
_ASCII = bytes(range(128))
_MARK_START = "—".encode()[:2]
_WIDE = re.compile(
    rb"[\xe3-\xe9][\x80-\xbf]{2}|\xe0[\xb8-\xbb][\x80-\xbf]|\xef\xbc[\x81-\x8f\x9a-\xa0]"
    rb"|\xe1(?:[\x80\x81\x9e\x9f][\x80-\xbf]|\x82[\x80-\x9f])|\xea\xa9[\xa0-\xbf]"
)
_NO_WIDE_START = bytes({*range(256)} - {0xE0, 0xE1, 0xEA, *range(0xE3, 0xEA)})
# Letters outside ASCII may be written in several ways. Emoji, punctuation and Chinese may not.
_SPELLED = re.compile(rb"[\xc2-\xe1\xe3\xea-\xee]|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xef[\xbb-\xbe]")
_WIDE_MARKS = ("\u3000".encode()[:2], "！".encode()[:2])  # how wide spaces and punctuation begin


def tokenize(text: str) -> list[bytes]:
    """Return the words of ``text`` as UTF-8; ASCII and wide punctuation, dashes, … and “” part them.

    Where a script has no spaces, a character is a word. Letters are compared, not shown: case and accents
    make no difference, and an apostrophe is nothing (``Don't`` is ``dont``).
    """
    return tokenize_bytes(text.encode("utf-8", "replace"))


def tokenize_bytes(data: bytes, rare: bytes | None = None) -> list[bytes]:
    """Return the words of a text in UTF-8, as ``tokens`` does.

    Args:
        data: The text.
        rare: What of it is not printable ASCII, where that is known: short, and faster to look through.
    """
    if rare is None:
        rare = data.translate(None, _ASCII)
    if _SPELLED.search(rare):
        data = fold(data.decode()).encode()
        rare = data.translate(None, _ASCII)
    if _MARK_START in rare:
        data = data.replace(_APOSTROPHE, b"")
        for mark in _MARKS:
            data = data.replace(mark, b" ")
    if rare.translate(None, _NO_WIDE_START):
        data = _WIDE.sub(_apart, data)
    return data.translate(_SPACES, b"'").split()


def _apart(match: re.Match[bytes]) -> bytes:
    character = match[0]
    return b" " if character.startswith(_WIDE_MARKS) else b" %b " % character
