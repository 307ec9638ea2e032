"""URLs fit to be shown: what users put into them may be a password or a key."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit


def public_url(url: str) -> str:
    """Return ``url`` without user, password and query, fit to be written down."""
    return urlsplit(without_user(url))._replace(query="", fragment="").geturl()


def without_user(url: str) -> str:
    """Return ``url`` without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def basic_auth(url: str) -> dict[str, str] | None:
    """Return the header that says what user and password in ``url`` do, or None where there are none."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
