"""People as the measure: the range of each figure over corpora of real talk, shipped or the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

from soc_gen.metrics.figures import Values, percentiles

_FILE = Path(__file__).with_name("people.json")
Percentiles = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Range:
    """Where people are."""

    low: float
    """The smallest 10th percentile of the corpora."""
    middle_low: float
    """The smallest median."""
    middle_high: float
    """The largest median."""
    high: float
    """The largest 90th percentile."""

    def distance(self, value: float) -> float:
        """Return how far ``value`` is from people: 0 between the medians, 1 at an end of the range."""
        if value < self.middle_low:
            return (self.middle_low - value) / self._width(self.middle_low - self.low)
        if value > self.middle_high:
            return (value - self.middle_high) / self._width(self.high - self.middle_high)
        return 0.0

    def _width(self, side: float) -> float:
        """Return what counts as 1: half of the range, or the value itself, where the side has no width."""
        return side or (self.high - self.low) or abs(self.high) or 1.0

    def side(self, value: float) -> str | None:
        """Return ``below`` or ``above`` for a value outside."""
        if value < self.low:
            return "below"
        return "above" if value > self.high else None


People = Mapping[str, Range]
"""By figure."""


def ranges(corpora: Iterable[Mapping[str, Percentiles]]) -> People:
    """Return the range of each figure that any of ``corpora`` has."""
    found: dict[str, list[Percentiles]] = {}
    for corpus in corpora:
        for name, points in corpus.items():
            found.setdefault(name, []).append(points)
    return {name: _range(points) for name, points in found.items()}


def _range(points: list[Percentiles]) -> Range:
    lows, middles, highs = zip(*points, strict=True)
    return Range(min(lows), min(middles), max(middles), max(highs))


def people_of(measured: list[Values]) -> People:
    """Return the ranges of one corpus, given the figures of its blocks."""
    return ranges([percentiles(measured)])


@cache
def shipped_corpora() -> dict[str, dict[str, Percentiles]]:
    """Return the percentiles of the shipped corpora of people, by corpus and figure."""
    corpora = orjson.loads(_FILE.read_bytes())["corpora"]
    return {
        name: {figure: (low, middle, high) for figure, (low, middle, high) in corpus["figures"].items()}
        for name, corpus in corpora.items()
    }


def messaging() -> People:
    """Return the ranges over the shipped corpora: messengers and SMS, in English."""
    return ranges(shipped_corpora().values())
