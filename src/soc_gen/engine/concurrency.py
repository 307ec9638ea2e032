"""Slots: how many conversations may be open at once. One slot, one conversation, one request in flight."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

OPEN, FRESH = 0, 1
"""Who goes first: a conversation that has begun, then a new one."""


class Slots:
    """A counter of free places whose size may change while it is used.

    No more than twice as many conversations are open, the others waiting with their slot lent, so that a
    bad hour of the endpoint does not open conversations without end.

    Args:
        limit: Conversations open at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._lent = 0
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def limit(self) -> int:
        """How many slots there are."""
        return self._limit

    @property
    def used(self) -> int:
        """How many are held."""
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
                self.release()  # it was granted in the same moment
            raise

    def release(self) -> None:
        """Give a slot back."""
        self._used -= 1
        self._wake()

    def _wake(self) -> None:
        while self._queue and self._used < self._limit:
            if self._queue[0][0] == FRESH and self._lent + self._used >= 2 * self._limit:
                return
            _, _, future = heapq.heappop(self._queue)
            if not future.done():
                self._used += 1
                future.set_result(None)

    @asynccontextmanager
    async def lent(self, order: int) -> AsyncIterator[None]:
        """Let others use this conversation's slot while it waits; take one again, before new ones."""
        self._lent += 1
        self.release()
        try:
            yield
        finally:
            try:
                await self.acquire(order, OPEN)
            except asyncio.CancelledError:
                self._used += 1  # its holder is going to release what it never got back
                raise
            finally:
                self._lent -= 1
                self._wake()

    async def yield_if_over(self, order: int) -> None:
        """Between two turns: step back while more slots are held than there are."""
        if self._used > self._limit:
            async with self.lent(order):
                pass
