"""The endpoints of a run: which replica a conversation sticks to, which are set aside, how fast to ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from soc_gen.errors import EndpointError
from soc_gen.llm import Reply, Request
from soc_gen.llm.faults import Transient
from soc_gen.llm.pace import Pacer

_LONGEST_ASIDE = 60.0
_FAULTS_WITH_OTHERS = 3  # in a row, before conversations move to another replica
_FAULTS_ALONE = 8  # in a row, before the only replica counts as down

Sleep = Callable[[float], Awaitable[None]]


class Exchange(Protocol):
    """One server: see ``soc_gen.llm.client.Endpoint``."""

    url: str

    async def ask(self, request: Request) -> Reply:
        """Make one exchange."""
        ...


@dataclass
class Replica:
    """One server and what is known of its health."""

    endpoint: Exchange
    pacer: Pacer
    conversations: set[str] = field(default_factory=set)
    faults: int = 0
    """In a row."""
    aside_until: float = 0.0
    times_aside: int = 0

    def succeeded(self) -> None:
        """Forget its faults."""
        self.faults = self.times_aside = 0
        self.aside_until = 0.0

    def failed(self, now: float, allowed: int) -> None:
        """Count a fault; set the replica aside, for longer each time, after ``allowed`` in a row."""
        self.faults += 1
        if self.faults >= allowed and self.aside_until <= now:
            self.aside_until = now + min(_LONGEST_ASIDE, 2.0**self.times_aside)
            self.times_aside += 1


class Fleet:
    """All replicas of a run.

    Args:
        replicas: At least one.
        give_up_seconds: How long all may be down before the run gives up.
        sleep: Waits, and ends early with an exception when the run is told to stop.
        notice: Is told what the run waits for, and "" when it no longer does.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        give_up_seconds: float,
        sleep: Sleep = asyncio.sleep,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._replicas = replicas
        self._give_up_seconds = give_up_seconds
        self._sleep = sleep
        self._notice = notice
        self._last_success = time.monotonic()
        self._home: dict[str, Replica] = {}

    async def ask(self, request: Request) -> Reply:
        """Make one exchange with the replica this conversation sticks to.

        Raises:
            Transient: Worth repeating as it is.
            ContextTooLong: Not worth repeating.
            EndpointError: Wrong key or model, or no replica has answered for too long.
        """
        replica = await self._choose(request.conversation)
        await self._wait(replica.pacer.reserve(time.monotonic()))
        sent_at = time.monotonic()
        try:
            reply = await replica.endpoint.ask(request)
        except Transient as fault:
            self._note(replica, fault, sent_at)
            raise
        replica.succeeded()
        replica.pacer.served(sent_at, reply.usage.prompt + reply.usage.completion)
        self._last_success = time.monotonic()
        return reply

    def _note(self, replica: Replica, fault: Transient, sent_at: float) -> None:
        now = time.monotonic()
        if fault.rate_limited:
            # It answers, so it is not down; but it wants to be asked less.
            replica.pacer.refused(now, sent_at, fault.retry_after)
            self._last_success = now
            return
        others = any(other is not replica and other.aside_until <= now for other in self._replicas)
        replica.failed(now, _FAULTS_WITH_OTHERS if others else _FAULTS_ALONE)

    async def _choose(self, conversation: str) -> Replica:
        while True:
            now = time.monotonic()
            home = self._home.get(conversation)
            if home and home.aside_until <= now:
                return home
            up = [replica for replica in self._replicas if replica.aside_until <= now]
            if up:
                return self._move(conversation, min(up, key=lambda replica: len(replica.conversations)))
            await self._wait_for_any(now)

    async def _wait_for_any(self, now: float) -> None:
        silent = now - self._last_success
        if silent > self._give_up_seconds:
            raise EndpointError(
                f"no endpoint has answered for {silent:.0f} s",
                hint="Everything so far is kept; run the same command again when it is back",
            )
        self._notice(f"no endpoint answers; waiting, for {self._give_up_seconds - silent:.0f} s more at most")
        soonest = min(replica.aside_until for replica in self._replicas) - now
        await self._sleep(max(0.05, soonest))
        self._notice("")

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)

    def _move(self, conversation: str, replica: Replica) -> Replica:
        self.forget(conversation)
        replica.conversations.add(conversation)
        self._home[conversation] = replica
        return replica

    def forget(self, conversation: str) -> None:
        """Let go of a conversation that has ended."""
        home = self._home.pop(conversation, None)
        if home:
            home.conversations.discard(conversation)

    def silent_for(self) -> float:
        """Return the seconds since any replica answered."""
        return time.monotonic() - self._last_success
