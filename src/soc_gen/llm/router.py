"""Routes requests to replicas: sticky conversations, and a circuit breaker and rate limiter for each.

Here is also decided when no conversation can go on: nothing answers for too long, all that comes is refused,
or what answers is no chat endpoint at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from soc_gen.errors import EndpointError
from soc_gen.llm.faults import (
    AccessRefusedError,
    NotACompletionError,
    PromptFlaggedError,
    RequestRejectedError,
    TransientError,
)
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.types import Reply, Request
from soc_gen.log import log

_LONGEST_OPEN = 30.0
_FAULTS_WITH_OTHERS = 3  # in a row, before conversations move to another replica
_FAULTS_ALONE = 8  # in a row, before the only replica counts as down

_REFUSALS_IN_A_ROW = 8  # before it is not the conversations but the settings
_FLAGGED_IN_A_ROW = 20  # before it is not the conversations but the subject
_STRAY_REFUSALS, _STRAY_SECONDS = 4, 3.0  # of a key or model that worked, before they are believed
_NO_COMPLETIONS = 2  # where nothing was ever answered
_LOOK_AGAIN_SECONDS = 1.0
_LOOK_FOR_REPLY_SECONDS = 0.05
_KEPT = "Everything so far is kept; run the same command again when it is back"
_REFUSED = "The request was refused as it is; soc check shows what this endpoint takes"
_FLAGGED = "Its filter wants none of these prompts; change the seeds, or ask another endpoint"
_NO_CHAT = "What answers there is no chat endpoint. Check --base-url: it usually ends in /v1"

Sleep = Callable[[float], Awaitable[None]]


class Exchange(Protocol):
    """One server: see ``soc_gen.llm.client.EndpointClient``."""

    url: str

    async def ask(self, request: Request) -> Reply:
        """Make one exchange."""
        ...


@dataclass
class Replica:
    """One server and what is known of its health."""

    endpoint: Exchange
    limiter: AdaptiveRateLimiter
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Who is next to be sent: only the first one looks at the clock, so a change of the pace reaches all."""
    conversations: set[str] = field(default_factory=set)
    faults: int = 0
    """In a row."""
    open_until: float = 0.0
    """No request before then, in seconds of the monotonic clock."""
    trips: int = 0
    """Of the circuit breaker since the last success, at most 10; each doubles the next pause."""
    answered: bool = False
    """It has replied in this run, so its key and model are right."""
    strays: int = 0
    """Refusals of the key or the model in a row, after it had replied."""
    refused: EndpointError | None = None
    """Why it is not asked any more."""

    def succeeded(self) -> None:
        """Close the circuit: forget faults and back-off."""
        self.faults = self.trips = self.strays = 0
        self.answered, self.open_until = True, 0.0

    def is_up(self, now: float) -> bool:
        """Whether it may be asked."""
        return self.refused is None and self.open_until <= now

    def failed(self, now: float, allowed: int) -> None:
        """Count a fault; open the circuit after ``allowed`` in a row."""
        self.faults += 1
        if self.faults >= allowed and self.is_up(now):
            self.trip(now)

    def half_open(self, now: float) -> None:
        """Let one request probe a replica whose circuit was open; keep it open for the others meanwhile."""
        if self.trips:
            self.trip(now)

    def trip(self, now: float, seconds: float = 0.0) -> None:
        """Open the circuit: no request for 1, 2, 4 … 30 seconds, or for ``seconds`` where that is longer."""
        self.open_until = now + max(seconds, min(_LONGEST_OPEN, 2.0**self.trips))
        self.trips = min(self.trips + 1, 10)


class Router:
    """All replicas of a run.

    Args:
        replicas: At least one.
        give_up_seconds: How long all may be down before the run gives up.
        sleep: Waits, and ends early with an exception when the run is told to stop.
        on_wait: Is told what the run waits for, and "" when it no longer does.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        give_up_seconds: float,
        sleep: Sleep = asyncio.sleep,
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._replicas = replicas
        self._give_up_seconds = give_up_seconds
        self._sleep = sleep
        self._on_wait = on_wait
        self._last_success = time.monotonic()
        self._failing_since: float | None = None
        """When the first fault came that no success has followed; a process that was asleep is no outage."""
        self._last_fault = ""
        self._refusals = 0  # in a row
        self._flagged = 0  # in a row
        self._no_completions = 0  # before the first reply
        self._no_chat: EndpointError | None = None
        self._in_flight = 0
        self._home: dict[str, Replica] = {}

    async def ask(self, request: Request) -> Reply:
        """Make one exchange with the replica this conversation sticks to.

        Raises:
            TransientError: Worth repeating as it is.
            ContextLengthError: Not worth repeating.
            RequestRejectedError: Not worth repeating, while others are answered.
            EndpointError: Wrong key or model, or no replica has answered for too long.
        """
        replica = await self._choose(request.conversation)
        sent_at = await self._queue(replica)
        await self._wait_for_first_reply()
        self._in_flight += 1
        try:
            reply = await replica.endpoint.ask(request)
        except AccessRefusedError as refusal:
            raise self._refused_access(replica, refusal, sent_at) from None
        except TransientError as fault:
            self._record_fault(replica, fault, sent_at)
            raise
        except RequestRejectedError as refusal:
            self._count_refusal(refusal)
            raise
        finally:
            self._in_flight -= 1
        self._refusals = self._flagged = 0
        replica.succeeded()
        replica.limiter.on_success(reply.usage.total)
        self._last_success, self._failing_since = time.monotonic(), None
        return reply

    def _count_refusal(self, refusal: RequestRejectedError) -> None:
        """Count a request that was refused for itself.

        Raises:
            EndpointError: So many were, one after the other, that the next ones will be, too.
        """
        if isinstance(refusal, PromptFlaggedError):
            self._flagged += 1
            if self._flagged >= _FLAGGED_IN_A_ROW:
                raise EndpointError(str(refusal), hint=_FLAGGED) from None
            return
        self._refusals += 1
        if self._refusals >= _REFUSALS_IN_A_ROW:
            raise EndpointError(str(refusal), hint=_REFUSED) from None

    def _refused_access(self, replica: Replica, refusal: AccessRefusedError, sent_at: float) -> Exception:
        """Return what comes of a refused key, account or model: it passes, ends one conversation, or the run.

        A replica that has replied before takes the key: a single refusal is a fault of something between.
        Any other one is left out from now on, as long as there are others.
        """
        if replica.answered and refusal.status == 403:
            rejected = RequestRejectedError(str(refusal.error.what))
            self._count_refusal(rejected)
            return rejected
        fault = TransientError(f"http_{refusal.status}", refusal.error.what)
        if replica.answered and not refusal.lasting:
            replica.strays += 1
            silent = time.monotonic() - self._last_success
            if replica.strays < _STRAY_REFUSALS or silent < _STRAY_SECONDS:
                self._record_fault(replica, fault, sent_at)
                return fault
        replica.refused = refusal.error
        if all(other.refused for other in self._replicas):
            return refusal.error
        log.warning("%s. The other endpoints are asked.", str(refusal.error.what).rstrip("."))
        return fault

    def _record_fault(self, replica: Replica, fault: TransientError, sent_at: float) -> None:
        now = time.monotonic()
        self._last_fault = str(fault)
        if isinstance(fault, NotACompletionError):
            self._check_url(replica, fault)
        if self._failing_since is None:
            self._failing_since = now
        all_wait = True
        if fault.rate_limited:
            # It answers, so it is not down; but it wants to be asked less.
            all_wait = replica.limiter.on_rate_limited(now, sent_at, fault.retry_after)
        if all_wait and (fault.retry_after or 0.0) > _LONGEST_OPEN:
            replica.trip(now, fault.retry_after or 0.0)
        if fault.rate_limited:
            failing = now - self._failing_since
            if failing > self._give_up_seconds:
                raise EndpointError(f"nothing but 429 for {failing:.0f} s ({fault})", hint=_KEPT)
            return
        others = any(other is not replica and other.is_up(now) for other in self._replicas)
        replica.failed(now, _FAULTS_WITH_OTHERS if others else _FAULTS_ALONE)

    def _check_url(self, replica: Replica, fault: NotACompletionError) -> None:
        """Stop where nothing was ever answered, and nothing that is still asked may be.

        Raises:
            EndpointError: What is at the URL is something else.
        """
        if self._any_answered():
            return
        self._no_completions += 1
        if self._in_flight <= 1 and self._no_completions >= _NO_COMPLETIONS:
            what = f"{replica.endpoint.url} sends no chat completion ({fault})"
            self._no_chat = EndpointError(what, hint=_NO_CHAT)
            raise self._no_chat

    async def _wait_for_first_reply(self) -> None:
        """Send nothing more while it is open whether what answers is a chat endpoint."""
        while self._no_completions and self._in_flight and not self._any_answered():
            await self._sleep(_LOOK_FOR_REPLY_SECONDS)
        if self._no_chat is not None:
            raise self._no_chat

    def _any_answered(self) -> bool:
        return any(replica.answered for replica in self._replicas)

    async def _choose(self, conversation: str) -> Replica:
        while True:
            now = time.monotonic()
            home = self._home.get(conversation)
            up = [replica for replica in self._replicas if replica.is_up(now)]
            if up:
                if home is None or home not in up:
                    home = self._move(conversation, min(up, key=lambda replica: len(replica.conversations)))
                home.half_open(now)
                return home
            await self._wait_for_any(now)

    async def _wait_for_any(self, now: float) -> None:
        silent = 0.0 if self._failing_since is None else now - self._failing_since
        left = self._give_up_seconds - silent
        soonest = min(replica.open_until for replica in self._replicas if not replica.refused) - now
        if left < 0:
            what = f"no endpoint has answered for {silent:.0f} s (the last fault: {self._last_fault})"
            raise EndpointError(what, hint=_KEPT)
        if soonest > max(left, _LONGEST_OPEN):
            what = f"every endpoint wants to be left alone for {soonest:.0f} s ({self._last_fault})"
            raise EndpointError(what, hint=_KEPT)
        self._on_wait(f"no endpoint answers ({self._last_fault}); waiting, for {left:.0f} s more at most")
        await self._sleep(min(max(soonest, 0.05), left + 0.05, _LOOK_AGAIN_SECONDS))
        self._on_wait("")

    async def _queue(self, replica: Replica) -> float:
        """Wait until it is this request's turn; return when it is sent."""
        async with replica.queue:
            while (wait := replica.limiter.delay(time.monotonic())) > 0:
                await self._sleep(wait)
            now = time.monotonic()
            replica.limiter.sent(now)
            return now

    def _move(self, conversation: str, replica: Replica) -> Replica:
        self.release(conversation)
        replica.conversations.add(conversation)
        self._home[conversation] = replica
        return replica

    def release(self, conversation: str) -> None:
        """Stop counting a conversation that has ended at its replica."""
        home = self._home.pop(conversation, None)
        if home:
            home.conversations.discard(conversation)

    def silent_for(self) -> float:
        """Return the seconds since any replica answered."""
        return time.monotonic() - self._last_success
