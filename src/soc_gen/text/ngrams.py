"""Word n-grams, used to compare texts."""

from __future__ import annotations

from collections.abc import Sequence


def ngrams(words: list[bytes], length: int) -> list[bytes]:
    """Return every run of ``length`` words in a row, joined; a shorter text is one run."""
    if 0 < len(words) < length:
        return [b" ".join(words)]
    return list(map(b" ".join, zip(*[words[start:] for start in range(length)], strict=False)))


def join_ngrams(words: list[bytes], runs_of_them: list[bytes], length: int) -> bytes:
    """Return ``b" ".join(words)``, made faster from every ``length``-th of their ``runs``."""
    pieces = runs_of_them[::length]
    return b" ".join(pieces + words[length * len(pieces) :])


def word_ngrams(words: Sequence[str], length: int) -> frozenset[tuple[str, ...]]:
    """Return the set of runs of ``length`` words; empty if there are fewer words."""
    return frozenset(zip(*(words[start:] for start in range(length)), strict=False))
