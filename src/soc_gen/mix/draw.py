"""How many conversations of each source, and which: whole numbers by largest remainder, drawn by the seed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Feasible(NamedTuple):
    """The largest total that the shares allow."""

    total: int
    limited_by: int
    """Place of the source that runs out first."""


def quotas(total: int, shares: Sequence[Fraction]) -> list[int]:
    """Return whole numbers that sum to ``total``, each within one of its share, by largest remainder."""
    whole = sum(shares)
    exact = [share / whole * total for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda place: (counts[place] - exact[place], place))
    for place in by_remainder[: total - sum(counts)]:
        counts[place] += 1
    return counts


def feasible(capacities: Sequence[int], shares: Sequence[Fraction]) -> Feasible:
    """Return the largest total of which no source's share is more than it has."""
    whole = sum(shares)
    limits = [capacity * whole / share for capacity, share in zip(capacities, shares, strict=True)]
    limited_by = min(range(len(limits)), key=limits.__getitem__)
    return Feasible(int(limits[limited_by]), limited_by)


def take(order: Sequence[int], weights: Sequence[int], quota: int) -> list[int]:
    """Return the first of ``order`` whose weights together do not exceed ``quota``.

    Args:
        order: Places, in the order of the draw.
        weights: Of each place.
        quota: What they may weigh together.
    """
    taken: list[int] = []
    left = quota
    for place in order:
        if left <= 0:
            break
        if weights[place] <= left:
            taken.append(place)
            left -= weights[place]
    return taken
