"""URLs fit to be shown: what users put into them may be a password or a key."""

from __future__ import annotations

from urllib.parse import urlsplit


def public_url(url: str) -> str:
    """Return ``url`` without user, password and query, fit to be written down."""
    return urlsplit(without_user(url))._replace(query="", fragment="").geturl()


def without_user(url: str) -> str:
    """Return ``url`` without user and password, for when a key says who is asking."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
