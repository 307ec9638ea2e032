"""URLs of endpoints: told apart from the secrets that users put into them, and fit to be shown."""

from __future__ import annotations

import base64
import ipaddress
import re
from urllib.parse import unquote, unquote_plus, urlsplit

# A long unbroken run of letters and digits: no version or model is called that.
_LONG = re.compile(r"(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}")
_VERSION = re.compile(r"v\d[\w.]*")
_KEY_PREFIX = re.compile(r"(sk|pk|rk|hf|gsk|key|tok|token|pat|apikey)[-_].", re.IGNORECASE)
_LONG_USER = 8  # characters; a shorter name beside a password is a name
_BEFORE_NAME = frozenset({"deployments", "deployment", "engines", "engine", "models", "model"})
_BEFORE_KEY = frozenset({"key", "keys", "k", "token", "tokens", "t", "auth", "secret", "apikey", "api-key"})
_LIKE = "it looks like http://host:8000/v1"


def public_url(url: str) -> str:
    """Return ``url`` without user, password, query and what looks like a key in its path."""
    parts = urlsplit(without_user(url))
    return parts._replace(path=_public_path(parts.path), query="", fragment="").geturl()


def without_user(url: str) -> str:
    """Return ``url`` without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def join_url(url: str, path: str) -> str:
    """Return the address of ``path`` under the base ``url``, whose query (a key, say) stays at the end."""
    parts = urlsplit(without_user(url))
    return parts._replace(path=f"{parts.path.rstrip('/')}/{path}", fragment="").geturl()


def is_loopback(url: str) -> bool:
    """Whether ``url`` is of this machine, where no proxy stands between."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def secrets_in(url: str) -> list[str]:
    """Return what in ``url`` may be a password or a key, as it stands there and decoded."""
    parts = urlsplit(url)
    pieces = parts.path.split("/")
    keys = [piece for before, piece in zip(["", *pieces], pieces, strict=False) if _is_key(piece, before)]
    values = [value or name for name, _, value in (item.partition("=") for item in parts.query.split("&"))]
    user = parts.username or ""
    raw = [parts.password or "", *values, *keys, parts.fragment]
    if not parts.password or len(user) >= _LONG_USER:  # the key itself, as some gateways want it
        raw.append(user)
    secrets = [*raw, *map(unquote, raw), *map(unquote_plus, values)]
    return list(dict.fromkeys(filter(None, secrets)))


def _public_path(path: str) -> str:
    pieces = path.split("/")
    return "/".join(
        "…" if _is_key(piece, before) else piece for before, piece in zip(["", *pieces], pieces, strict=False)
    )


def _is_key(piece: str, before: str) -> bool:
    """Whether a piece of a path may be a key, for all that can be seen: it has digits and is no version.

    What stands behind ``deployments/`` or ``models/`` is a name, unless it looks like a key all over.
    """
    piece, before = unquote(piece), before.lower()
    if _LONG.search(piece) or _KEY_PREFIX.match(piece) or before in _BEFORE_KEY or "@" in piece[1:]:
        return bool(piece)
    named = before in _BEFORE_NAME or _VERSION.fullmatch(piece)
    return not named and any(map(str.isdigit, piece))


def basic_auth(url: str) -> dict[str, str] | None:
    """Return the header that says what user and password in ``url`` do, or None where there are none."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def validate_url(url: str) -> str:
    """Return what is wrong with ``url`` as that of an endpoint, in words without its secrets, or ""."""
    if not url.isprintable() or " " in url:
        return f"{_shown(url)!r} is no URL: there are spaces or control characters; {_LIKE}"
    if not url.startswith(("http://", "https://")):
        what = "is not served over HTTP" if "://" in url else "has no scheme"
        return f"{_shown(url)!r} {what}; write http://{_shown(url.rsplit('://', maxsplit=1)[-1])}"
    try:
        parts = urlsplit(url)
        # A password with a "/" in it would be taken for a path.
        torn = "@" not in parts.netloc and re.search(r"[^/]@", parts.path)
        fine = bool(parts.hostname) and parts.port != 0 and not torn
    except ValueError:  # the port is no number, brackets are not closed
        fine = False
    return "" if fine else f"{_shown(url)!r} is no URL; {_LIKE}"


def _shown(url: str) -> str:
    """Return ``url``, which may be none, without what may be secret."""
    scheme, slashes, rest = url.partition("://") if "://" in url else ("", "", url)
    address = re.split(r"[?#]", rest)[0]
    if "@" in rest and "@" not in address:  # in the query, or behind a password that has a "?"
        return f"{scheme}{slashes}…"
    host, slash, path = address.rpartition("@")[2].partition("/")
    return f"{scheme}{slashes}{host}{slash}{_public_path(path)}"
