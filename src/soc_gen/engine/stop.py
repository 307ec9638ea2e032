"""Why and when a run stops early: Ctrl-C, an exhausted budget, an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from soc_gen.engine.journal import Totals
from soc_gen.engine.metrics import RunMetrics, cost
from soc_gen.errors import EndpointError
from soc_gen.settings import Budget

T = TypeVar("T")

_UNCOUNTED = "A budget in tokens or money cannot be kept with it; leave it out, or take --max-minutes"
_SURELY_UNCOUNTED = 8  # replies without token counts before this is an error; the first few may have none


class StopRequested(Exception):  # noqa: N818 - a wish, not an error
    """The run was told to stop; open conversations are continued by the next run."""


class Stop:
    """A stop signal: no new request is sent; replies to requests in flight are awaited and journaled."""

    def __init__(self) -> None:
        self.reason = ""
        self.error: BaseException | None = None
        self._event = asyncio.Event()

    def set(self, reason: str, error: BaseException | None = None) -> None:
        """Stop the run; later reasons and errors do not replace the first."""
        self.error = self.error or error
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def is_set(self) -> bool:
        """Whether the run is stopping."""
        return self._event.is_set()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``, or raise ``StopRequested`` as soon as the run stops."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return
        raise StopRequested

    async def race(self, awaitable: Awaitable[T]) -> T:
        """Wait for ``awaitable``, or raise ``StopRequested`` as soon as the run stops."""
        wanted = asyncio.ensure_future(awaitable)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({wanted, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise StopRequested
            return wanted.result()
        finally:
            wanted.cancel()
            stopped.cancel()

    def check(self, budget: Budget, totals: Totals, metrics: RunMetrics) -> None:
        """Stop when all runs of these outputs together reach the money or token limit of ``budget``."""
        if budget.max_cost is None and budget.max_tokens is None:
            return
        dollars = metrics.cost_before + cost(metrics.prices, totals.usage)
        if budget.max_cost is not None and dollars >= budget.max_cost:
            self.set(f"the budget of ${budget.max_cost:g} is spent")
        if budget.max_tokens is not None and metrics.tokens_before + totals.usage.total >= budget.max_tokens:
            self.set(f"the budget of {budget.max_tokens:,} tokens is spent")
        if metrics.replies >= _SURELY_UNCOUNTED and not metrics.usage.total:
            self.set("error", EndpointError("the endpoint counts no tokens", hint=_UNCOUNTED))

    def set_in_time(self, budget: Budget, metrics: RunMetrics) -> asyncio.TimerHandle | None:
        """Schedule a stop for when the minutes of ``budget`` are over, even if nothing is answered then."""
        if budget.max_minutes is None:
            return None
        left = budget.max_minutes * 60 - metrics.seconds_before - metrics.seconds
        reason = f"the {budget.max_minutes:g} minutes are over"
        return asyncio.get_running_loop().call_later(max(0.0, left), self.set, reason)
