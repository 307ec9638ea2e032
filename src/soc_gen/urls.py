"""URLs of endpoints: told apart from the secrets that users put into them, and fit to be shown."""

from __future__ import annotations

import base64
import ipaddress
import re
from urllib.parse import parse_qsl, unquote, urlsplit

# A piece of a path with a long unbroken run of letters and digits: no version or model is called that.
_KEY = re.compile(r"[^/]*(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}[^/]*")
_LIKE = "it looks like http://host:8000/v1"


def public_url(url: str) -> str:
    """Return ``url`` without user, password, query and what looks like a key in its path."""
    parts = urlsplit(without_user(url))
    return parts._replace(path=_KEY.sub("…", parts.path), query="", fragment="").geturl()


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
    """Return what in ``url`` may be a password or a key."""
    parts = urlsplit(url)
    in_query = [value for _, value in parse_qsl(parts.query)]
    return [unquote(parts.password or ""), *in_query, *_KEY.findall(parts.path)]


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
        fine = bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, brackets are not closed
        fine = False
    return "" if fine else f"{_shown(url)!r} is no URL; {_LIKE}"


def _shown(url: str) -> str:
    """Return ``url``, which may be none, without what may be secret."""
    scheme, slashes, rest = url.rpartition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{_KEY.sub('…', path)}"
