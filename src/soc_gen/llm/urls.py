"""URLs fit to be shown: what users put into them may be a password or a key."""

from __future__ import annotations

from urllib.parse import urlsplit


def public_url(url: str) -> str:
    """Return ``url`` without user, password and query, fit to be written down."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"
