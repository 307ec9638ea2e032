"""Keys taken out of what a server says, in whatever form it repeats them.

``Redactor`` is the one place: endpoints and the Hub clients pass their errors through it before anything is
shown, raised or kept.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any

_CERTAIN = 12  # characters; a shorter secret may be a word ("something"), which a reply may well contain
_ALONE = 8  # characters; a shorter one, such as "x", is hidden where it stands alone, and not amid a word
_DEEPEST = 100  # levels of JSON; what is below is not looked at but dropped


class Redactor:
    """Hides secrets in texts and in JSON.

    A secret is found as it is, percent-encoded, escaped as in JSON, HTML or Python (all of it, or only some
    characters), and within base64, whatever stands before and after it there, as in ``user:key``.

    Args:
        secrets: Keys, passwords and tokens; empty ones are left out.
        shown: What stands in their place.
    """

    def __init__(self, secrets: Iterable[str], shown: str = "***") -> None:
        self._shown = shown
        known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._all = _pattern(known)
        self._certain = _pattern([secret for secret in known if len(secret) >= _CERTAIN])

    def error(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return a text or a JSON value of an error without any of the secrets."""
        return self._hidden(value, self._all, 0)

    def data(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """Return a JSON value without the secrets that are no word somebody may have written."""
        return self._hidden(value, self._certain, 0)

    def _hidden(self, value: Any, pattern: re.Pattern[str] | None, depth: int) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            return pattern.sub(self._shown, value) if pattern else value
        if depth == _DEEPEST:
            return None
        if isinstance(value, dict):
            pairs = value.items()
            return {
                self._hidden(key, pattern, 0): self._hidden(item, pattern, depth + 1) for key, item in pairs
            }
        if isinstance(value, list):
            return [self._hidden(item, pattern, depth + 1) for item in value]
        return value


def _pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Return what matches each of ``secrets`` in all its forms; None for none."""
    forms = [form for secret in secrets for form in _forms(secret)]
    return re.compile("|".join(forms), re.IGNORECASE) if forms else None


def _forms(secret: str) -> list[str]:
    plain = "".join(map(_character, secret))
    if len(secret) < _ALONE:
        return [rf"(?<![^\W_]){plain}(?![^\W_])"]
    cores = _in_base64(secret.encode("utf-8", "surrogatepass"))
    return [plain, *("".join(map(_character, core)) for core in cores)]


def _character(character: str) -> str:
    """Return a pattern for one character, as it is or in any encoding of texts and URLs."""
    code = ord(character)
    octets = "".join(rf"%(?:25)*{octet:02x}" for octet in character.encode("utf-8", "surrogatepass"))
    escaped = rf"\\+(?:u0*{code:04x}|u\{{0*{code:x}\}}|x0*{code:x})|&\#(?:x0*{code:x}|0*{code});"
    # As it is comes last: in "%25" and "&amp;" it is only the beginning.
    return rf"(?:{octets}|{escaped}{_named(character)}|\\*{re.escape(character)})"


def _named(character: str) -> str:
    """Return the alternative for the name that HTML has for ``character``."""
    names = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos", "+": "plus", "=": "equals"}
    return f"|&{names[character]};" if character in names else ""


def _in_base64(secret: bytes) -> list[str]:
    """Return what base64 has of ``secret``, for each of the three places it can begin at.

    The characters that also depend on what stands before or after it are left out.
    """
    cores = []
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret).decode().rstrip("=")
        whole = len(text) - bool((before + len(secret)) % 3)
        cores.append(text[(0, 2, 3)[before] : whole])
    return cores + [core.translate(str.maketrans("+/", "-_")) for core in cores if set(core) & set("+/")]
