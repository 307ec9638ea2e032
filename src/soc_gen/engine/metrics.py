"""Counters of a run, updated by the runner, read by the progress display and the manifest."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from soc_gen.llm.types import Usage
from soc_gen.settings import Prices


def cost(prices: Prices, usage: Usage) -> float:
    """Return the cost of ``usage`` in US dollars; prices are per million tokens."""
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    fresh = usage.prompt - usage.cached
    return (fresh * prices.input + usage.cached * cached_price + usage.completion * prices.output) / 1e6


@dataclass
class RunMetrics:
    """Counters of this process."""

    prices: Prices = field(default_factory=Prices)
    total: int | None = None
    """Number of records to make, None when it is unknown."""
    resumed: int = 0
    """Records finished by earlier runs."""
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Conversations given up, by reason."""
    in_flight: int = 0
    """Requests that were sent or wait for the rate limiter."""
    open: int = 0
    replies: int = 0
    replayed: int = 0
    """Replies taken from the journal, not paid for again."""
    usage: Usage = field(default_factory=Usage)
    """Tokens of all paid replies."""
    cost: float = 0.0
    """US dollars."""
    retries: Counter[str] = field(default_factory=Counter)
    """Repeated requests, by kind of fault."""
    rerolls: Counter[str] = field(default_factory=Counter)
    """Replies rejected for their content and asked for again, by check."""
    repairs: Counter[str] = field(default_factory=Counter)
    """Replies repaired without asking again, by kind."""
    waiting_for: str = ""
    """What the run is waiting for, "" when it is not."""
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    tokens_before: int = 0
    """Prompt and completion tokens of the stages before this one: the budget covers all stages."""
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
        """Duration of the run in seconds."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def failed(self) -> int:
        """Number of conversations that were given up."""
        return self.failures.total()

    def share(self) -> float | None:
        """Return the finished share of this run's work, 0 to 1, or None while it is unknown.

        Open conversations count as half done: with a thousand open, they are most of the work so far.
        """
        finished = self.done + self.failed
        if not self.total or not finished:
            return None
        return min(1.0, (finished + self.open / 2) / max(1, self.total - self.resumed))

    def eta(self) -> float | None:
        """Return the estimated seconds left at the average speed so far, or None while it is unknown."""
        share = self.share()
        return None if share is None else self.seconds * (1 / share - 1)

    def expected_cost(self) -> float | None:
        """Return the estimated cost of the whole run in US dollars, or None while it is unknown."""
        share = self.share()
        return None if share is None else self.cost / share
