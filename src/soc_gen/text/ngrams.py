"""Runs of words in a row: what texts are compared by."""

from __future__ import annotations

from collections.abc import Sequence


def ngrams(words: list[bytes], length: int) -> list[bytes]:
    """Return every run of ``length`` words in a row, joined; a shorter text is one run."""
    if 0 < len(words) < length:
        return [b" ".join(words)]
    return list(map(b" ".join, zip(*[words[start:] for start in range(length)], strict=False)))


def join_ngrams(words: list[bytes], runs_of_them: list[bytes], length: int) -> bytes:
    """Return ``b" ".join(words)``, faster: every so many of their ``runs`` of ``length`` have most of it."""
    pieces = runs_of_them[::length]
    return b" ".join(pieces + words[length * len(pieces) :])


def word_ngrams(words: Sequence[str], length: int) -> frozenset[tuple[str, ...]]:
    """Return the different runs of ``length`` words in a row; none where there are fewer words."""
    return frozenset(zip(*(words[start:] for start in range(length)), strict=False))
