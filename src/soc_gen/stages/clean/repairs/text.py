"""Text repairs: wrong encodings, invisible characters, and spaces around a message.

Emoji, kaomoji, slang, typos and typographic quotes are normal in chats and stay.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection

import ftfy
from ftfy.badness import is_bad

from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.text.markup import CODE

# Wrongly decoded UTF-8 appears as two or more characters of U+0080 to U+053F or U+2000 to U+2FFF in a row, or
# as one of ÂÃâ; emoji lie elsewhere. As a pattern over UTF-8, since that is searched ten times as fast.
_GARBLED = re.compile(rb"[\xc2-\xd4\xe2][\x80-\xbf]{1,2}[\xc2-\xd4\xe2]|\xc3[\x82\x83\xa2]")
_ENTITY = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:nbsp|amp|lt|gt|quot)(?![\w;=])"
)
_BARE = {
    "&": re.compile(r"&(?!#?\w{1,32};)"),
    "<": re.compile(r"(?<!\S)<(?!\S)"),
    ">": re.compile(r"(?<!\S)>(?!\S)"),
}
"""Signs that are kept as they are."""
_SPACE = re.compile("[\xa0\u2002-\u200a]")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
# Right-to-left scripts need direction marks (but not overrides, which only deceive); scripts without spaces
# separate words by U+200B. In other scripts both are removed.
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_DIRECTIONS = "\u200e\u200f\u202a-\u202c\u2066-\u2069"
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
)
_DIRECTION = re.compile(f"[{_DIRECTIONS}]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u202d\u202e\u2060-\u2064\u206a-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff]"
    f"|(?<![{_UNSPACED}\u200b])\u200b+|\u200b+(?![{_UNSPACED}\u200b])|\u200b(?=\u200b)"
    # Joiners hold emoji and some scripts together; beside ASCII or an end they hold nothing, unless they
    # make a letter of their own with an Indic virama: Malayalam chillus stand at the ends of words.
    f"|(?:(?<![^\x00-\x7f])[\u200c\u200d])+|(?<![{_VIRAMAS}\u200c\u200d])[\u200c\u200d]+(?![^\x00-\x7f])"
    f"|(?<=[{_VIRAMAS}][\u200c\u200d])[\u200c\u200d]+(?![^\x00-\x7f])"
)
_LINE_END = re.compile(r"[^\S\n]+(?=\n)")
_GAP = re.compile(r"\n{3,}")


def may_be_garbled(features: ChatFeatures) -> bool:
    """Whether ``fix_encoding`` may change something; fast."""
    return "&" in features.marks or bool(_GARBLED.search(features.rare) and _GARBLED.search(features.data))


def may_hide(features: ChatFeatures) -> bool:
    """Whether ``drop_invisible`` may change something other than line breaks; fast."""
    return not features.odd.replace("\n", "").isprintable()


def fix_encoding(text: str) -> str:
    """Undo mojibake (``itâ€™s``) and HTML entities (``&eacute;``).

    In a message with a bare ``&``, an ``&amp;`` was typed on purpose and stays; the same for ``<`` and ``>``.
    In code between backticks all entities stay.
    """
    if not text.isascii() and _GARBLED.search(text.encode("utf-8", "replace")) and is_bad(text):
        text = ftfy.fix_encoding(text)
    if "&" not in text or not _ENTITY.search(text):
        return text
    typed = {sign for sign, bare in _BARE.items() if bare.search(text)}
    pieces = enumerate(CODE.split(text))
    return "".join(piece if index % 2 else _decode_entities(piece, typed) for index, piece in pieces)


def _decode_entities(text: str, typed: Collection[str]) -> str:
    def decoded(match: re.Match[str]) -> str:
        meant = html.unescape(match[0])
        return match[0] if meant in typed else _SPACE.sub(" ", meant)

    return _ENTITY.sub(decoded, text)


def drop_invisible(text: str) -> str:
    """Remove control and zero-width characters; normalize line breaks, and replace tabs by spaces."""
    if text.isprintable():
        return text
    kept = text if _RIGHT_TO_LEFT.search(text) else _DIRECTION.sub("", text)
    return _UNSEEN.sub("", _LINE_BREAK.sub("\n", kept).replace("\t", " "))


def tidy_spaces(text: str) -> str:
    """Remove spaces around the message and at the ends of its lines; keep at most one empty line in a row."""
    text = text.strip()
    return _GAP.sub("\n\n", _LINE_END.sub("", text)) if "\n" in text else text
