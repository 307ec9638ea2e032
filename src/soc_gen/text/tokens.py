"""Splits a text into words, fast; used to compare texts for duplicates, loops and leaked prompts."""

from __future__ import annotations

import re
import string

from soc_gen.text.normalize import fold

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uaa60-\uaa7f"  # Thai, Lao; Burmese; Khmer; Shan
    "\u3040-\u30ff\u3400-\u9fff"  # kana, Chinese
)
"""Scripts without spaces between words, as part of a character class."""
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+(?:['’][^\W{UNSPACED}]+)*")
"""Pattern of a word; in scripts without spaces, each character is a word."""

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
# Letters outside ASCII may have several encodings. Emoji, punctuation and Chinese do not.
_SPELLED = re.compile(rb"[\xc2-\xe1\xe3\xea-\xee]|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xef[\xbb-\xbe]")
_WIDE_MARKS = ("\u3000".encode()[:2], "！".encode()[:2])  # first bytes of wide spaces and punctuation


def tokenize(text: str) -> list[bytes]:
    """Return the words of ``text`` as UTF-8; ASCII and wide punctuation, dashes, … and “” separate them.

    In scripts without spaces, each character is a word. Words are normalized for comparison: without case and
    accents, and without apostrophes (``Don't`` is ``dont``).
    """
    return tokenize_bytes(text.encode("utf-8", "replace"))


def tokenize_bytes(data: bytes, rare: bytes | None = None) -> list[bytes]:
    """Return the words of a text in UTF-8, as ``tokenize`` does.

    Args:
        data: The text.
        rare: Its bytes that are not printable ASCII, if known; short, so that it is searched faster.
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
