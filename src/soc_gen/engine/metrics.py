"""The counters of a run, filled by the runner and read by whoever shows progress or writes the manifest."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from soc_gen.llm.types import Usage
from soc_gen.settings import Prices


def cost(prices: Prices, usage: Usage) -> float:
    """Return US dollars for ``usage``."""
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    fresh = usage.prompt - usage.cached
    return (fresh * prices.input + usage.cached * cached_price + usage.completion * prices.output) / 1e6


@dataclass
class RunMetrics:
    """What has happened so far in this process."""

    prices: Prices = field(default_factory=Prices)
    total: int | None = None
    """Records wanted, where it is known."""
    resumed: int = 0
    """Records that an earlier run had finished."""
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Conversations given up, by reason."""
    in_flight: int = 0
    """Requests sent, or waiting for their place in the row."""
    open: int = 0
    replies: int = 0
    replayed: int = 0
    """Replies taken from the journal, not paid again."""
    usage: Usage = field(default_factory=Usage)
    """Of the paid replies together."""
    cost: float = 0.0
    """US dollars."""
    retries: Counter[str] = field(default_factory=Counter)
    """Exchanges repeated, by kind."""
    rerolls: Counter[str] = field(default_factory=Counter)
    """Replies asked for again because of what they said, by check."""
    repairs: Counter[str] = field(default_factory=Counter)
    """Replies put right without asking again, by kind."""
    waiting_for: str = ""
    """What the run is waiting for, if it is."""
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    tokens_before: int = 0
    """Prompt and reply, by the stages before this one: a budget is for all of them."""
    cost_before: float = 0.0
    """US dollars."""
    seconds_before: float = 0.0

    def count(self, usage: Usage) -> None:
        """Add one paid reply."""
        self.replies += 1
        self.usage += usage
        self.cost += cost(self.prices, usage)

    @property
    def seconds(self) -> float:
        """How long the run has taken."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def failed(self) -> int:
        """How many conversations were given up."""
        return self.failures.total()

    def share(self) -> float | None:
        """Return how much of this run's work is done, or None while that cannot be known.

        Those that are open count as half done: with a thousand open, they are most of the work so far.
        """
        finished = self.done + self.failed
        if not self.total or not finished:
            return None
        return min(1.0, (finished + self.open / 2) / max(1, self.total - self.resumed))

    def eta(self) -> float | None:
        """Return the seconds still to go at the pace so far, or None while that cannot be known."""
        share = self.share()
        return None if share is None else self.seconds * (1 / share - 1)

    def expected_cost(self) -> float | None:
        """Return the US dollars of the whole of this run, or None while that cannot be known."""
        share = self.share()
        return None if share is None else self.cost / share
