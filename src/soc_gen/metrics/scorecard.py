"""How like people's some chats are: each figure, where people are, what to do, and the chats furthest out.

One pass; what is kept of a chat are its words until its block is full, and its id if it is far out.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

from soc_gen.metrics.advice import advice
from soc_gen.metrics.figures import BLOCK, FIGURES, Values, block_figures, percentiles
from soc_gen.metrics.people import People, Range
from soc_gen.metrics.statistics import MOST_UNSPACED
from soc_gen.metrics.talk import Talk

_FURTHEST = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure, read against people."""

    value: float
    low: float
    high: float
    side: str | None
    """``below`` or ``above`` people's range; None inside."""
    distance: float
    advice: str
    chats: list[str]
    """Ids of the chats furthest out, the furthest first."""

    @property
    def inside(self) -> bool:
        """Whether the value is within people's range."""
        return self.side is None


@dataclass(frozen=True, slots=True)
class Score:
    """All figures of some chats."""

    chats: int
    messages: int
    readings: Mapping[str, Reading]
    missing: Mapping[str, str]
    """Figures that do not apply, and why."""

    @property
    def inside(self) -> int:
        """Figures within people's range."""
        return sum(reading.inside for reading in self.readings.values())

    @property
    def distance(self) -> float:
        """The mean distance from people's middle."""
        return sum(reading.distance for reading in self.readings.values()) / max(1, len(self.readings))


@dataclass(slots=True)
class _Furthest:
    """The chats that are furthest out on one side of one figure."""

    heap: list[tuple[float, int, str]] = field(default_factory=list)

    def offer(self, distance: float, position: int, name: str) -> None:
        item = (distance, -position, name)
        if len(self.heap) < _FURTHEST:
            heapq.heappush(self.heap, item)
        elif item > self.heap[0]:
            heapq.heapreplace(self.heap, item)


class Scorecard:
    """Takes chats one by one; says at the end how like people's they are.

    Args:
        people: The measure.
    """

    def __init__(self, people: People) -> None:
        self.people = people
        self.chats = 0
        self.messages = 0
        self._letters = self._unspaced = 0
        self._block: list[Talk] = []
        self._in_block = 0
        self._measured: list[Values] = []
        self._furthest = {(name, side): _Furthest() for name in FIGURES for side in ("below", "above")}

    def add(self, talk: Talk) -> None:
        """Count one chat."""
        self.messages += len(talk)
        letters, unspaced = talk.letters
        self._letters += letters
        self._unspaced += unspaced
        self._look_at(talk)
        self.chats += 1
        self._block.append(talk)
        self._in_block += len(talk)
        if self._in_block >= BLOCK:
            self._measured.append(block_figures(self._block))
            self._block, self._in_block = [], 0

    def _look_at(self, talk: Talk) -> None:
        for name, value in block_figures([talk]).items():
            where = self.people.get(name)
            side = where.side(value) if where and value is not None else None
            if where and value is not None and side:
                self._furthest[name, side].offer(where.distance(value), self.chats, talk.name)

    def score(self) -> Score:
        """Return what was found so far."""
        measured = self._measured or ([block_figures(self._block)] if self._block else [])
        points = percentiles(measured)
        readings: dict[str, Reading] = {}
        missing: dict[str, str] = {}
        for name, figure in FIGURES.items():
            if self._unspaced > MOST_UNSPACED * self._letters and not figure.any_script:
                missing[name] = "words parted by spaces"
            elif name not in points:
                missing[name] = figure.needs
            elif name not in self.people:
                missing[name] = f"people's range; they have no {figure.needs}"
            else:
                readings[name] = self._read(name, points[name][1], self.people[name])
        return Score(self.chats, self.messages, readings, missing)

    def _read(self, name: str, value: float, people: Range) -> Reading:
        side = people.side(value)
        sides = (side,) if side else ("below", "above")
        found = sorted((item for one in sides for item in self._furthest[name, one].heap), reverse=True)
        return Reading(
            value=value,
            low=people.low,
            high=people.high,
            side=side,
            distance=people.distance(value),
            advice=advice(name, side),
            chats=[chat for _, _, chat in found[:_FURTHEST]],
        )
