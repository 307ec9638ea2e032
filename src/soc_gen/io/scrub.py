"""Removes secrets from settings and manifests before they are written, and private data before publishing.

The only place that decides what is a secret, an address of a server, or a folder of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = frozenset({
    "auth", "authentication", "authorization", "bearer", "cookie", "cookies", "credential", "credentials",
    "jwt", "pass", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets", "session",
    "signature", "creds",
})  # fmt: skip
_SECRET_ENDS = ("key", "keys", "token", "secret", "password")
_SECRET_TOKENS = frozenset({"access", "api", "bot", "refresh"})  # access_tokens, but not max_tokens
_ADDRESS_WORDS = frozenset({
    "address", "host", "hostname", "hosts", "proxies", "proxy", "server", "uri", "uris", "url", "urls",
})  # fmt: skip
_FREE = frozenset({"extra_body", "extra_headers", "extra_query", "headers"})
"""Keys with free values from users: long unbroken strings in them are treated as secrets."""

_KNOWN_KEY = re.compile(
    r"\b(?:(?:sk|pk|rk|xai|pplx|nvapi|glpat|tgp|hf|gsk|r8|gh[opsu]|github_pat|xox[abeprs])[-_][\w-]{8,}"
    r"|AKIA[0-9A-Z]{12,}|AIza[\w-]{20,}|eyJ[\w-]{8,}(?:\.[\w-]+){1,2}"
    r"|(?:[Bb]earer|[Bb]asic)\s+[\w+/=.~-]{8,})|-----BEGIN [\s\S]*"
)
_LONG_RUN = re.compile(r"(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{20,}={0,2}")
_URL = re.compile(
    r"\b[a-zA-Z][\w+.-]*://\S+"
    r"|[^\s/@:'\"]+:[^\s/@'\"]+@[\w.-]+\S*"  # user:password@host
    r"|\b(?:\d{1,3}\.){3}\d{1,3}\b(?::\d+)?(?:/\S*)?"
    r"|\b(?:localhost|[\w-]+(?:\.[\w-]+)+):\d{3,5}\b(?:/\S*)?"
)
_URL_USER = re.compile(r"(?<=://)[^\s/@]+@")
_FOLDER = re.compile(r"(?<![\w<./:~|\\])(?:~[\w-]*/|/[\w.@+-]+/|[A-Za-z]:[\\/]|\\\\[\w.-]+\\)[^\s'\",;|<>]*")
_GONE = "…"


def without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value without passwords and keys, to be written to files of this machine."""
    return _walk(value, _is_secret, _without_keys)


def scrub(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value without secrets, addresses of servers, or the folders of the writer's machine."""
    return _walk(value, lambda key: _is_secret(key) or _is_address(key), _public_text)


def _walk(
    value: Any,  # noqa: ANN401 - any JSON value
    hides: Callable[[str], bool],
    clean: Callable[[str], str],
    *,
    free: bool = False,
) -> Any:  # noqa: ANN401 - as it came
    if isinstance(value, dict):
        return {
            clean(str(key)): _walk(item, hides, clean, free=free or key in _FREE)
            for key, inner in value.items()
            if (item := _without_texts(inner) if hides(str(key)) else inner) is not _HIDDEN
            and not _vanishes(item, clean)
        }
    if isinstance(value, list | tuple):
        return [_walk(item, hides, clean, free=free) for item in value if not _vanishes(item, clean)]
    if isinstance(value, str):
        return clean(_LONG_RUN.sub(_GONE, value) if free else value)
    return value


_HIDDEN = object()


def _without_texts(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``value`` with its numbers only, in the same lists and objects; ``_HIDDEN`` for a text."""
    if isinstance(value, dict):
        items = ((key, _without_texts(item)) for key, item in value.items())
        return {key: item for key, item in items if item is not _HIDDEN}
    if isinstance(value, list | tuple):
        return [item for item in map(_without_texts, value) if item is not _HIDDEN]
    return _HIDDEN if isinstance(value, str) else value


def _vanishes(value: object, clean: Callable[[str], str]) -> bool:
    """Whether a text is only an address or a key, so that nothing else is left of it."""
    return isinstance(value, str) and value != _GONE and clean(value) == _GONE


def _is_secret(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    if words[-1:] == ["env"]:  # the name of an environment variable
        return False
    tokens = "tokens" in words and not _SECRET_TOKENS.isdisjoint(words)
    return tokens or any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDS) for word in words)


def _is_address(key: str) -> bool:
    return not _ADDRESS_WORDS.isdisjoint(word.lower() for word in _WORD.findall(key))


def _without_keys(text: str) -> str:
    return _URL_USER.sub("", _KNOWN_KEY.sub(_GONE, text))


def _public_text(text: str) -> str:
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return _name(text)
    return _FOLDER.sub(lambda match: _name(match[0]), _URL.sub(_GONE, _without_keys(text)))


def _name(path: str) -> str:
    return PureWindowsPath(path).name
