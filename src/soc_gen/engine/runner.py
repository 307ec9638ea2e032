"""Runs the jobs of a stage: slots, retries, resume, failures, clean stop. Stages do not depend on it.

Each open conversation holds one slot. Conversations that have begun are finished before new ones are
opened, and none waits for a whole batch. A conversation sends requests through its ``Session``, which takes
replies already paid for from the journal, retries transport faults, and journals each new reply.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from soc_gen.display import excerpt
from soc_gen.engine.connect import Connection
from soc_gen.engine.context import RunContext
from soc_gen.engine.journal import Journal
from soc_gen.engine.ordered_output import OrderedOutput
from soc_gen.engine.stop import StopRequested
from soc_gen.engine.unusable import MOST_GIVEN_UP, GivenUp, unusable_error
from soc_gen.errors import ConversationError
from soc_gen.llm.faults import ContextLengthError, RequestRejectedError, TransientError
from soc_gen.llm.types import Reply, Request
from soc_gen.models import Failure, Record

J = TypeVar("J")
T = TypeVar("T")

_FAULTS_OF_ONE_REQUEST = 10  # while the server answers other requests; after that the cause is this request
_LONGEST_WAIT = 30.0
_NOT_FOR_ITS_REPLIES = frozenset({"endpoint", "context_length", "refused"})
"""Failure reasons that are set in this module; all others come from stages and concern the replies."""


@dataclass(frozen=True, slots=True)
class Job(Generic[J]):
    """One record to be made."""

    index: int
    """Position in the input, from 0."""
    id: str
    """Id of the record; its name in the journal."""
    payload: J


@dataclass(frozen=True)
class ActiveRun:
    """A run in progress: what all its conversations share."""

    context: RunContext
    connection: Connection
    journal: Journal


class Session:
    """The model as one conversation sees it."""

    def __init__(self, run: ActiveRun, job_id: str, index: int) -> None:
        context, connection = run.context, run.connection
        self._journal, self._metrics, self._stop = run.journal, context.metrics, context.stop
        self._budget, self._give_up_seconds = context.budget, context.endpoint.give_up_seconds
        self._slots, self._router, self._adaptive = connection.slots, connection.router, connection.adaptive
        self._index = index
        self.previous_failures = self._journal.failed_attempts[job_id]
        """How many earlier runs failed to finish this conversation."""
        self.notes: dict[str, Counter[str]] = {}
        """Counts of this conversation by kind, replayed replies included."""
        self.last_reply: Reply | None = None
        self._attempts = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            wait=_wait,
            stop=self._should_give_up,
            sleep=self._pause,
            reraise=True,
        )

    def note(self, kind: str, name: str) -> None:
        """Count a ``reroll`` or a ``repair`` under ``name``."""
        self.notes.setdefault(kind, Counter())[name] += 1
        {"reroll": self._metrics.rerolls, "repair": self._metrics.repairs}[kind][name] += 1

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Release the slot while this conversation waits for anything but the model."""
        return self._slots.temporarily_released(self._index)

    async def wait_for(self, awaitable: Awaitable[T]) -> T:
        """Wait for other conversations without a slot; raise ``StopRequested`` when the run stops."""
        async with self.waiting():
            return await self._stop.race(awaitable)

    async def complete(self, request: Request) -> Reply:
        """Answer from the journal, or ask the model and journal its reply before returning it."""
        kept = self._journal.find(request)
        if kept is not None:
            self._metrics.replayed += 1
            self.last_reply = kept
            return kept
        await self._slots.yield_if_over(self._index)
        self.last_reply = reply = await self._ask(request)
        self._metrics.count(reply.usage)
        await self._journal.add_reply(request, reply)
        self._stop.check(self._budget, self._journal.totals, self._metrics)
        return reply

    async def _ask(self, request: Request) -> Reply:
        """Send ``request`` until it is answered: the only place where requests are retried."""
        try:
            return await self._attempts(self._exchange, request)
        except TransientError as fault:
            raise ConversationError("endpoint", f"gave up after repeated faults, the last: {fault}") from None
        except ContextLengthError as error:
            raise ConversationError("context_length", excerpt(str(error), 300)) from None
        except RequestRejectedError as error:
            raise ConversationError("refused", excerpt(str(error), 300)) from None

    async def _exchange(self, request: Request) -> Reply:
        if self._stop.is_set():
            raise StopRequested
        started = time.monotonic()
        self._metrics.in_flight += 1
        try:
            reply = await self._router.ask(request)
        except TransientError as fault:
            self._metrics.retries[fault.kind] += 1
            # The rate limiter handles 429: fewer slots would only reduce throughput.
            if self._adaptive and fault.overload and not fault.rate_limited:
                self._slots.resize(self._adaptive.overloaded(time.monotonic(), started))
            raise
        finally:
            self._metrics.in_flight -= 1
        if self._adaptive:
            busy = self._slots.used >= self._slots.limit
            self._slots.resize(self._adaptive.replied(time.monotonic(), reply.seconds, busy=busy))
        return reply

    def _should_give_up(self, state: RetryCallState) -> bool:
        fault, seconds = _fault(state), state.seconds_since_start or 0.0
        if state.attempt_number < _FAULTS_OF_ONE_REQUEST:
            return False
        if fault.overload and fault.kind != "timeout":
            return seconds > self._give_up_seconds
        # While no request is answered, the endpoint is the cause, and the router gives up the whole run. If
        # this is the only open conversation and the endpoint does respond, the cause is this request.
        alone = self._metrics.open <= 1 and fault.kind not in {"connection", "timeout"}
        return alone or self._router.silent_for() < seconds

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        async with self.waiting():
            await self._stop.sleep(seconds)


def _fault(state: RetryCallState) -> TransientError:
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, TransientError):
        msg = "only transient faults are repeated"
        raise TypeError(msg)
    return fault


def _wait(state: RetryCallState) -> float:
    return wait_seconds(_fault(state), state.attempt_number)


def wait_seconds(fault: TransientError, faults: int) -> float:
    """Return how long one conversation waits before it repeats a request, in seconds.

    As long as the server asks for, but at most ``_LONGEST_WAIT``: after that the router waits or uses another
    replica.

    Args:
        fault: The last fault.
        faults: Number of faults of this request so far.
    """
    backoff = min(_LONGEST_WAIT, 0.25 * 2.0 ** min(faults - 1, 10))
    return max(min(_LONGEST_WAIT, fault.retry_after or 0.0), backoff * random.uniform(0.5, 1.0))


async def run_jobs(
    run: ActiveRun,
    jobs: Iterable[Job[J]],
    work: Callable[[Job[J], Session], Awaitable[Record]],
    output: OrderedOutput,
    settled: Callable[[int, bytes | None], None] | None = None,
) -> list[Failure]:
    """Process every job that has no finished record yet; return the failures, by position.

    Args:
        run: The run in progress.
        jobs: In input order; consumed one by one as slots become free, so there may be very many.
        work: Makes the record of one job; asks the model only through the session.
        output: Receives the position of every job that has finished or failed.
        settled: Called with each position, and the record as JSON or None for a failure.

    Raises:
        SocError: The run cannot go on; replies to requests in flight are in the journal.
    """
    pool = _TaskPool(run, work, output, settled)
    run.context.stop.check(run.context.budget, run.journal.totals, run.context.metrics)
    timer = run.context.stop.set_in_time(run.context.budget, run.context.metrics)
    try:
        for job in jobs:
            if run.journal.is_done(job.index):
                run.context.metrics.resumed += 1
                pool.note(job.index)
            elif not await pool.open(job):
                break
        await pool.wait_all()
    finally:
        if timer is not None:
            timer.cancel()
        await pool.cancel_all()
        await run.journal.flush()
        output.finish()
    if run.context.stop.error is not None:
        raise run.context.stop.error
    return sorted(pool.failures, key=lambda failure: failure.index)


@dataclass
class _TaskPool(Generic[J]):
    """The open conversations: one task and one slot each."""

    run: ActiveRun
    work: Callable[[Job[J], Session], Awaitable[Record]]
    output: OrderedOutput
    settled: Callable[[int, bytes | None], None] | None
    failures: list[Failure] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    opened: int = 0
    """Number of conversations opened so far."""
    given_up: GivenUp = field(default_factory=GivenUp)

    def __post_init__(self) -> None:
        journal = self.run.journal
        self._mostly_good = journal.done > len(journal.pending)
        """Most conversations of earlier runs succeeded; those that failed are likely to fail again."""

    async def open(self, job: Job[J]) -> bool:
        """Start ``job`` when a slot is free; return False when the run is stopping instead."""
        slots = self.run.connection.slots
        await slots.acquire(job.index)
        if self.run.context.stop.is_set():
            slots.release()
            return False
        self.run.context.metrics.open += 1
        task = asyncio.create_task(self._play(job, self.opened))
        self.opened += 1
        self.tasks.add(task)
        task.add_done_callback(partial(self._close, job))
        return True

    async def _play(self, job: Job[J], place: int) -> None:
        run, session = self.run, Session(self.run, job.id, job.index)
        try:
            record = await self.work(job, session)
        except StopRequested:
            return
        except ConversationError as verdict:
            failure = Failure(index=job.index, id=job.id, reason=verdict.reason, detail=verdict.detail)
            await run.journal.add_failure(failure)
            self.failures.append(failure)
            run.context.metrics.failures[verdict.reason] += 1
            self._stop_if_hopeless(place, verdict.reason, session)
        else:
            await run.journal.add_done(job.index, job.id, record, session.notes)
            run.context.metrics.done += 1
            self.given_up.finished()
        self.note(job.index)

    def _stop_if_hopeless(self, place: int, reason: str, session: Session) -> None:
        """Stop the run when too many conversations in a row were given up because of their replies."""
        reply, stop = session.last_reply, self.run.context.stop
        again = session.previous_failures > 0 and self._mostly_good
        counts = reply is not None and reason not in _NOT_FOR_ITS_REPLIES and not again
        number = self.given_up.add(place, counts=counts)
        if reply is not None and number >= MOST_GIVEN_UP and not stop.is_set():
            stop.set("error", unusable_error(number, reply))

    def _close(self, job: Job[J], task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.run.context.metrics.open -= 1
        self.run.connection.router.release(job.id)
        self.run.connection.slots.release()
        # Any error stops the run: going on without this conversation would hide it.
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.run.context.stop.set("error", error)

    def note(self, index: int) -> None:
        """Report that job ``index`` has finished or failed."""
        journal = self.run.journal
        if self.settled is not None:
            self.settled(index, journal.record(index) if journal.is_done(index) else None)
        self.output.settle(index)

    async def wait_all(self) -> None:
        """Wait until no conversation is open."""
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def cancel_all(self) -> None:
        """Cancel the open conversations; replies they are waiting for are lost."""
        for task in self.tasks:
            task.cancel()
        await self.wait_all()
