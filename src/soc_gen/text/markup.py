"""Removes markup other than soc_gen's tags: HTML tags and tags invented by a model. Their content stays."""

from __future__ import annotations

import re
from functools import partial

from soc_gen.text.tags import MARK, UNKNOWN, settle, unknown_tags

_BLOCK = re.compile(
    r"p|div|br|hr|[uod]l|li|d[td]|t[rdh]|thead|tbody|tfoot|h[1-6]|pre|blockquote|html|textarea|figcaption|fieldset"
)
"""Names of tags whose content is on lines of its own."""
_BLOCK_WORD = re.compile(
    r"table|section|article|header|footer|main|aside|nav|form|details|summary|title|body|head|address|menu"
    r"|center|figure|caption|option|select|dialog|legend|label|button"
)
"""The same where it is closed or has attributes; alone it is a word."""
_INLINE = re.compile(r"[biu]|em|strong|span|su[bp]|del|ins|kbd|wbr|samp|abbr|cite|dfn|bdo|bdi|tt|strike|nobr")
"""Names of tags that may be inside a word."""
_INLINE_WORD = re.compile(r"a|code|font|big|small|mark|q|time|data|var|s")
"""The same where it is closed or has attributes; alone it is a word."""

_HIDDEN = re.compile(
    r"<!--(?:(?!<!--|-->).)*-->|<!doctype\b[^<>]*>|<\?xml\b[^<>]*\?>|<(?P<name>script|style)\b[^<>]*>[^<]*</(?P=name)\s*>",
    re.IGNORECASE | re.DOTALL,
)
CODE = re.compile(r"((?<!`)`++[^`]++`++)")
"""Code between backticks, used to split a text."""
_FACE = re.compile(r"[^\W_]_+[^\W_]")
_BREAK = "\x1f"
_BREAKS = re.compile(rf"(?<![ \t\n])[ \t\n]*+{_BREAK}[ \t\n{_BREAK}]*")


def strip_unknown(message: str) -> str:
    """Return ``message`` without tags other than soc_gen's.

    ``<b>words</b>`` becomes ``words``, and a lone ``<sigh>`` ``sigh``; HTML blocks become lines of their own;
    empty tags (``<typing/>``, ``<!-- … -->``) are removed. Code stays: ``List<String>``, and text between
    backticks or after an open one; so do faces such as ``<o_o>``.
    """
    if "<" not in message:
        return message
    if "`" not in message:
        return settle(_strip_once, message)
    pieces = enumerate(CODE.split(message))
    return "".join(piece if index % 2 else settle(_strip_once, piece) for index, piece in pieces)


def _strip_once(text: str) -> str:
    if "<!" in text or "<?" in text or "</s" in text.lower():
        text = _HIDDEN.sub(_apart, text)
    tags = list(unknown_tags(text))
    if not tags:
        return text
    closed = frozenset(match["name"].lower() for match in tags if match["slash"])
    stripped = UNKNOWN.sub(partial(_words, closed=closed), text)
    return _BREAKS.sub("\n", stripped) if _BREAK in stripped else stripped


def _words(match: re.Match[str], closed: frozenset[str]) -> str:
    """Return the replacement of a tag."""
    name = match["name"].lower()
    before = match.string[max(0, match.start() - 1) : match.start()]
    if before == "`" or _FACE.fullmatch(match["name"]) or MARK.search(match.group()):
        return match.group()
    is_markup = bool(name in closed or match["attributes"] or match["alone"])
    if _BLOCK.fullmatch(name) or (is_markup and _BLOCK_WORD.fullmatch(name)):
        return _BREAK
    is_parameter = (
        before.isalnum() and not is_markup and (not _INLINE.fullmatch(name) or match["name"].isupper())
    )
    if is_parameter:  # List<String>, Set<T>
        return match.group()
    if _INLINE.fullmatch(name) or (is_markup and _INLINE_WORD.fullmatch(name)):
        return ""
    if is_markup:
        return _apart(match)
    after = match.string[match.end() : match.end() + 1]
    return f"{match['name']} " if after.isalnum() and len(name) > 1 else match["name"]


def _apart(match: re.Match[str]) -> str:
    """Return a space if the words on both sides would be joined otherwise, else ""."""
    text, start, end = match.string, match.start(), match.end()
    return " " if text[max(0, start - 1) : start].isalnum() and text[end : end + 1].isalnum() else ""
