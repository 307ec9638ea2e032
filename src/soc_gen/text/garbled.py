"""Damaged text: lost characters, and escapes that were not decoded."""

from __future__ import annotations

import json
import re

_ESCAPED = re.compile(r"(?:\\+u[0-9a-fA-F]{4})+")
_BACKSLASHES = re.compile(r"\\+")
_DAMAGE = re.compile(
    "\ufffd"  # a byte that was not UTF-8
    r"|\\u\{?[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}"
    r"|<0x[0-9A-F]{2}>"  # a token for one byte
)


def unescape_unicode(text: str) -> str:
    r"""Return ``text`` with escapes such as ``\u00e9`` decoded, which remain after double escaping."""
    return _ESCAPED.sub(_unescaped, text) if "\\u" in text else text


def _unescaped(match: re.Match[str]) -> str:
    """Return the decoded characters, or the escapes unchanged if they have half a surrogate pair."""
    text = str(json.loads('"' + _BACKSLASHES.sub(r"\\", match[0]) + '"'))
    return match[0] if any(0xD800 <= ord(character) < 0xE000 for character in text) else text


def is_garbled(text: str) -> bool:
    """Whether ``text`` has a lost character or an undecoded escape."""
    return bool(_DAMAGE.search(text))
