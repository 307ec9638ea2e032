"""Text that was damaged on its way: characters that are lost, and escapes that nobody has undone."""

from __future__ import annotations

import json
import re

_ESCAPED = re.compile(r"(?:\\+u[0-9a-fA-F]{4})+")
_BACKSLASHES = re.compile(r"\\+")
_DAMAGE = re.compile(
    "\ufffd"  # a byte that was no UTF-8
    r"|\\u\{?[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}"
    r"|<0x[0-9A-F]{2}>"  # a token for one byte
)


def unescape_unicode(text: str) -> str:
    r"""Return ``text`` with characters in place of their escapes: ``caf\u00e9`` had been escaped twice."""
    return _ESCAPED.sub(_unescaped, text) if "\\u" in text else text


def _unescaped(match: re.Match[str]) -> str:
    """Return the characters, or the escapes as they are where half a surrogate pair is among them."""
    text = str(json.loads('"' + _BACKSLASHES.sub(r"\\", match[0]) + '"'))
    return match[0] if any(0xD800 <= ord(character) < 0xE000 for character in text) else text


def is_garbled(text: str) -> bool:
    """Whether a character of ``text`` is lost, or still an escape."""
    return bool(_DAMAGE.search(text))
