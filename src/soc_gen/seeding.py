"""Random seeds that depend on names and numbers alone, so that the same run draws the same."""

from __future__ import annotations

import hashlib


def child_seed(random_seed: int, *parts: object) -> int:
    """Return a seed in ``[0, 2**31)``, which every server accepts, that depends on all arguments."""
    text = "\x1f".join(map(str, (random_seed, *parts)))
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFFFFFF
