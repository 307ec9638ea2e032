"""Random age-weighted pairs of personas, derived from one ``random_seed``.

Pairs are drawn without replacement with probabilities proportional to weights, which is the order in
which independent exponential clocks ring (Efraimidis and Spirakis, 2006). All pairs of the same two
ages have the same weight, so the clocks are kept per pair of *ages*: how many of a cell's pairs ring in
the next stretch of time is binomial, when they ring is a truncated exponential, and which of its pairs
they are is a uniform draw from those not yet drawn. That is exact for every bank and every strength,
from the first pair to the last, in memory for the cells (ages²) and the pairs drawn, never for all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from soc_gen.seeding import child_seed

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_FIRST_STRETCH = 4096  # pairs expected in the first stretch of time; each later one expects twice as many
_LEAST_WEIGHT = 1e-300  # so that an extreme strength cannot make a pair impossible


def pair_by_age(ages: Sequence[int], strength: float, random_seed: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of different positions in ``ages``, without end.

    A pair's weight is ``(1 / (1 + |age difference|)) ** strength``. No pair is repeated before every pair
    has been drawn; then a new pass begins. A longer draw begins with the pairs of a shorter one.

    Raises:
        ValueError: Fewer than two ages.
    """
    if len(ages) < 2:
        msg = f"a pair takes two, not {len(ages)}"
        raise ValueError(msg)
    cells = _Cells.of(np.asarray(ages, dtype=np.int64), strength)
    for number in count():
        yield from _one_pass(cells, np.random.default_rng(child_seed(random_seed, "pairs", number)))


@dataclass(frozen=True, slots=True)
class _Cells:
    """All unordered pairs, by the two ages: each cell's pairs are numbered and weigh the same."""

    members: Ints
    """Positions, sorted by age."""
    starts: Ints
    """Where the cell's lower and higher age begin in ``members``; two rows."""
    heights: Ints
    """Number of personas with the cell's higher age."""
    same: npt.NDArray[np.bool_]
    """Whether the cell's two ages are equal."""
    sizes: Ints
    """Pairs in the cell."""
    weights: Floats
    """Weight of each pair of the cell."""

    @classmethod
    def of(cls, ages: Ints, strength: float) -> _Cells:
        known, counts = np.unique(ages, return_counts=True)
        begins = np.cumsum(counts) - counts
        low, high = np.triu_indices(len(known))
        same = low == high
        sizes = np.where(same, counts[low] * (counts[low] - 1) // 2, counts[low] * counts[high])
        weights = np.maximum((1.0 + known[high] - known[low]) ** -strength, _LEAST_WEIGHT)
        starts = np.stack([begins[low], begins[high]])
        return cls(np.argsort(ages, kind="stable"), starts, counts[high], same, sizes, weights)

    def pairs(self, cells: Ints, numbers: Ints) -> Iterator[tuple[int, int]]:
        """Yield the two positions of each numbered pair of a cell."""
        first, second = np.divmod(numbers, self.heights[cells])
        same = self.same[cells]
        first[same], second[same] = _unrank(numbers[same])
        firsts = self.members[self.starts[0, cells] + first]
        seconds = self.members[self.starts[1, cells] + second]
        yield from zip(firsts.tolist(), seconds.tolist(), strict=True)


def _unrank(numbers: Ints) -> tuple[Ints, Ints]:
    """Return ``(i, j)``, ``i < j``, of pair number ``j * (j - 1) / 2 + i``."""
    j = ((1 + np.sqrt(1.0 + 8.0 * numbers)) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > numbers  # the root may be rounded either way
    j += j * (j + 1) // 2 <= numbers
    return numbers - j * (j - 1) // 2, j


def _one_pass(cells: _Cells, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    left = cells.sizes.copy()
    drawn: list[Ints] = [np.empty(0, dtype=np.int64)] * len(left)
    expected = _FIRST_STRETCH
    while left.any():
        stretch = expected / float(left @ cells.weights)
        rung = rng.binomial(left, -np.expm1(-cells.weights * stretch))
        owner = np.repeat(np.arange(len(left)), rung)
        order = np.argsort(_times(cells.weights[owner], stretch, rng), kind="stable")
        numbers = np.empty_like(owner)
        ends = np.cumsum(rung)
        for cell in np.flatnonzero(rung):
            fresh, drawn[cell] = _undrawn(drawn[cell], int(left[cell]), int(rung[cell]), rng)
            numbers[ends[cell] - rung[cell] : ends[cell]] = fresh
        yield from cells.pairs(owner[order], numbers[order])
        left -= rung
        expected *= 2


def _times(weights: Floats, stretch: float, rng: np.random.Generator) -> Floats:
    """Return the times at which clocks of these rates ring, given that they ring within ``stretch``."""
    return -np.log1p(rng.random(len(weights)) * np.expm1(-weights * stretch)) / weights


def _undrawn(drawn: Ints, left: int, wanted: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return ``wanted`` numbers that are not among the sorted ``drawn``, and all drawn so far, sorted."""
    ranks = rng.choice(left, wanted, replace=False)
    skipped = np.searchsorted(drawn - np.arange(len(drawn)), ranks, side="right")
    fresh = ranks + skipped
    return fresh, np.sort(np.concatenate([drawn, fresh]))
