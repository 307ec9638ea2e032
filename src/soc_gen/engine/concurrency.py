"""Slots: how many conversations may be open at once. One slot, one conversation, one request in flight."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

OPEN, FRESH = 0, 1
"""Who goes first: a conversation that has begun, then a new one."""


class Slots:
    """A semaphore with a limit that may change while it is in use.

    Conversations that wait without their slot let others begin. At most twice ``limit`` are open, so that an
    outage of the endpoint does not open more and more conversations.

    Args:
        limit: Conversations open at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._released = 0
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def limit(self) -> int:
        """Number of slots."""
        return self._limit

    @property
    def used(self) -> int:
        """Number of slots that are held."""
        return self._used

    def resize(self, limit: int) -> None:
        """Change how many slots there are; held ones stay held until their next turn."""
        self._limit = max(1, limit)
        self._wake()

    async def acquire(self, order: int, rank: int = FRESH) -> None:
        """Wait for a slot; conversations that have begun go before new ones, lower ``order`` first."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (rank, order, future))
        self._wake()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release()  # it was granted at the same moment
            raise

    def release(self) -> None:
        """Release a slot."""
        self._used -= 1
        self._wake()

    def _wake(self) -> None:
        while self._queue and self._used < self._limit:
            if self._queue[0][0] == FRESH and self._released + self._used >= 2 * self._limit:
                return
            _, _, future = heapq.heappop(self._queue)
            if not future.done():
                self._used += 1
                future.set_result(None)

    @asynccontextmanager
    async def temporarily_released(self, order: int) -> AsyncIterator[None]:
        """Release the slot inside the block; at its end, acquire one before any new conversation does."""
        self._released += 1
        self.release()
        try:
            yield
        finally:
            try:
                await self.acquire(order, OPEN)
            except asyncio.CancelledError:
                self._used += 1  # the holder will release the slot, although it did not get it back
                raise
            finally:
                self._released -= 1
                self._wake()

    async def yield_if_over(self, order: int) -> None:
        """Between two turns: give up the slot and wait while more slots are held than the limit allows."""
        if self._used > self._limit:
            async with self.temporarily_released(order):
                pass


class AdaptiveConcurrency:
    """Finds how many conversations to keep open: more while the throughput rises, fewer on overload.

    Slots are doubled while that raises the throughput, then a single step is tried from time to time; a step
    that did not raise it (the server only queues) is reverted. Overload (503, 529, timeouts) cuts by 30 %,
    and not again before the first cut can have had an effect, as TCP does (additive increase,
    multiplicative decrease; Chiu and Jain 1989).

    Args:
        limit: Slots at the start.
        highest: Most slots.
    """

    def __init__(self, limit: int = 4, highest: int = 1024) -> None:
        self.limit = limit
        self._highest = highest
        self._round = 0  # replies of this round
        self._round_began: float | None = None
        self._best: tuple[float, int] | None = None  # turns per second, slots
        self._ramping = True
        self._rounds_until_try = 0
        self._cut_at = float("-inf")
        self._seconds = 0.0  # of a reply, on average

    def replied(self, now: float, seconds: float, *, busy: bool) -> int:
        """Record a reply; return the number of slots to use from now on.

        Args:
            now: Seconds on any clock.
            seconds: How long the reply took.
            busy: Whether all slots were in use; otherwise the throughput says nothing about the limit.
        """
        if self._round_began is None:
            self._round_began = now - seconds
        self._round += 1
        self._seconds += 0.1 * (seconds - self._seconds)
        if self._round >= max(8, 2 * self.limit):
            if busy and now > self._round_began:
                self._judge(self._round / (now - self._round_began))
            self._round, self._round_began = 0, now
        return self.limit

    def _judge(self, throughput: float) -> None:
        if self._best is None or throughput > self._best[0] * 1.05:
            self._best = (throughput, self.limit)
            self._rounds_until_try = 0
        elif self.limit > self._best[1]:
            # More slots, not more turns: the server queues.
            self.limit, self._ramping, self._rounds_until_try = self._best[1], False, 8
            return
        if self._rounds_until_try > 0:
            self._rounds_until_try -= 1
            return
        step = self.limit if self._ramping else max(1, self.limit // 8)
        self.limit = min(self._highest, self.limit + step)

    def overloaded(self, now: float, sent_at: float) -> int:
        """Record a 503, 529 or timeout of a request sent at ``sent_at``; return the slots to use."""
        # Open conversations release their slots before their next turn, one reply later.
        if sent_at >= self._cut_at + self._seconds:
            self.limit = max(1, int(self.limit * 0.7))
            self._cut_at, self._ramping, self._best = now, False, None
            self._round, self._round_began, self._rounds_until_try = 0, None, 8
        return self.limit
