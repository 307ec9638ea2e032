"""Running a stage: slots, repeats, resume, failures, a clean stop. The stages know nothing of it.

One slot, one conversation: a conversation that has begun is finished before a new one is opened, and
there is no barrier anywhere. A conversation asks through its ``Session``, which answers from the journal
what was already paid for, repeats what failed on the way, and makes each reply durable.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from soc_gen.config import Budget
from soc_gen.errors import ConversationFailed, SocError
from soc_gen.journal import Journal
from soc_gen.llm import Reply, Request
from soc_gen.llm.faults import ContextTooLong, Transient
from soc_gen.llm.fleet import Fleet
from soc_gen.llm.pace import AutoLimit
from soc_gen.meter import Meter
from soc_gen.models import Failure, Record
from soc_gen.output import OrderedOutput
from soc_gen.slots import Slots

J = TypeVar("J")
T = TypeVar("T")

_FAULTS_OF_ONE_REQUEST = 10  # of a server that answers others; then the request is the trouble
_LONGEST_WAIT = 30.0
_MOST_WAITING = 1024  # conversations open beyond the slots, waiting


class Stopped(Exception):  # noqa: N818 - a wish, not an error
    """The run was told to stop; what is open is owed to the next run."""


class Stop:
    """The wish to stop: no new request is sent, those in flight are waited for and kept."""

    def __init__(self) -> None:
        self.reason = ""
        self.error: SocError | None = None
        self._event = asyncio.Event()

    def set(self, reason: str, error: SocError | None = None) -> None:
        """Stop, for the first reason given."""
        if not self._event.is_set():
            self.reason, self.error = reason, error
            self._event.set()

    def is_set(self) -> bool:
        """Whether the run is stopping."""
        return self._event.is_set()

    async def sleep(self, seconds: float) -> None:
        """Wait, or raise ``Stopped`` as soon as the run is told to stop."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    async def race(self, awaitable: Awaitable[T]) -> T:
        """Wait for ``awaitable``, or raise ``Stopped`` as soon as the run is told to stop."""
        wanted = asyncio.ensure_future(awaitable)
        stopped = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({wanted, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise Stopped
            return wanted.result()
        finally:
            wanted.cancel()
            stopped.cancel()

    def check(self, budget: Budget, meter: Meter) -> None:
        """Stop when a bound of ``budget`` is reached."""
        if budget.max_cost is not None and meter.cost >= budget.max_cost:
            self.set(f"the budget of ${budget.max_cost:g} is spent")
        if budget.max_tokens is not None and meter.tokens >= budget.max_tokens:
            self.set(f"the budget of {budget.max_tokens:,} tokens is spent")
        if budget.max_minutes is not None and meter.seconds >= budget.max_minutes * 60:
            self.set(f"the {budget.max_minutes:g} minutes are over")


@dataclass(frozen=True, slots=True)
class Job(Generic[J]):
    """One record to be made."""

    index: int
    """Position in the input, from 0."""
    id: str
    """What the record will be called; names it in the journal."""
    payload: J


@dataclass
class Run:
    """What all conversations of a run share."""

    fleet: Fleet
    journal: Journal
    slots: Slots
    stop: Stop
    meter: Meter
    budget: Budget
    auto: AutoLimit | None = None
    """None: the number of slots stays as it is."""


class Session:
    """The model as one conversation sees it."""

    def __init__(self, run: Run, index: int) -> None:
        self._run = run
        self._index = index

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """Lend the slot to others while this conversation waits for something but the model."""
        return self._run.slots.lent(self._index)

    async def wait_for(self, awaitable: Awaitable[T]) -> T:
        """Wait for other conversations, holding no slot, or raise ``Stopped`` when the run is to stop."""
        async with self.waiting():
            return await self._run.stop.race(awaitable)

    async def complete(self, request: Request) -> Reply:
        """Answer from the journal, or ask, and keep the reply before anybody sees it."""
        run = self._run
        kept = run.journal.find(request)
        if kept is not None:
            run.meter.replayed += 1
            return kept
        await run.slots.yield_if_over(self._index)
        reply = await self._ask(request)
        run.meter.count(reply.usage)
        await run.journal.add_reply(request, reply)
        run.stop.check(run.budget, run.meter)
        return reply

    async def _ask(self, request: Request) -> Reply:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Transient),
            wait=_wait_seconds,
            stop=self._hopeless,
            sleep=self._pause,
            reraise=True,
        )
        try:
            return await attempts(self._exchange, request)
        except Transient as fault:
            raise ConversationFailed("endpoint", f"gave up after repeated {fault.kind}") from None
        except ContextTooLong as error:
            raise ConversationFailed("context_length", str(error)[:200]) from None

    async def _exchange(self, request: Request) -> Reply:
        run = self._run
        if run.stop.is_set():
            raise Stopped
        started = time.monotonic()
        run.meter.in_flight += 1
        try:
            reply = await run.fleet.ask(request)
        except Transient as fault:
            run.meter.retries[fault.kind] += 1
            if run.auto and fault.overload:
                run.slots.resize(run.auto.overloaded(time.monotonic(), started))
            raise
        finally:
            run.meter.in_flight -= 1
        if run.auto:
            busy = run.slots.used >= run.slots.limit
            run.slots.resize(run.auto.replied(time.monotonic(), reply.seconds, busy=busy))
        return reply

    def _hopeless(self, state: RetryCallState) -> bool:
        fault = state.outcome.exception() if state.outcome else None
        if isinstance(fault, Transient) and fault.overload:
            return False  # it will pass; the fleet gives up when nothing answers for too long
        return state.attempt_number >= _FAULTS_OF_ONE_REQUEST

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        async with self.waiting():
            await self._run.stop.sleep(seconds)


def _wait_seconds(state: RetryCallState) -> float:
    """Return how long one conversation waits before it repeats a request, in seconds.

    After a 429 it goes straight back into the row, since the whole fleet waits there.
    """
    fault = state.outcome.exception() if state.outcome else None
    if not isinstance(fault, Transient):
        return 0.0
    if fault.rate_limited and fault.retry_after is not None:
        return 0.0
    backoff = min(_LONGEST_WAIT, 0.25 * 2.0 ** min(state.attempt_number - 1, 10))
    return max(fault.retry_after or 0.0, backoff * random.uniform(0.5, 1.0))


async def run_jobs(
    run: Run,
    jobs: Iterable[Job[J]],
    work: Callable[[Job[J], Session], Awaitable[Record]],
    output: OrderedOutput,
    settled: Callable[[int, bytes | None], None] | None = None,
) -> list[Failure]:
    """Do every job that has no finished record yet; return what could not be obtained.

    Args:
        run: What the conversations share.
        jobs: In input order; read as slots come free, so it may be long.
        work: Makes one record through the session it is given.
        output: Is told of every outcome.
        settled: Is told of every outcome too, with the record as JSON where there is one.

    Raises:
        SocError: The run cannot go on; what was in flight has been waited for and kept.
    """
    failures: list[Failure] = []
    tasks: set[asyncio.Task[None]] = set()
    room = asyncio.Semaphore(_MOST_WAITING)

    def note(index: int) -> None:
        if settled is not None:
            settled(index, run.journal.record(index) if run.journal.is_done(index) else None)
        output.settle(index)

    async def one(job: Job[J]) -> None:
        run.meter.open += 1
        try:
            record = await work(job, Session(run, job.index))
            await run.journal.add_done(job.index, job.id, record)
            run.meter.done += 1
            note(job.index)
        except Stopped:
            pass
        except ConversationFailed as verdict:
            failure = Failure(index=job.index, id=job.id, reason=verdict.reason, detail=verdict.detail)
            await run.journal.add_failure(failure)
            failures.append(failure)
            run.meter.failed += 1
            note(job.index)
        except SocError as error:
            run.stop.set("error", error)
        finally:
            run.meter.open -= 1
            run.fleet.forget(job.id)
            run.slots.release()
            room.release()

    try:
        for job in jobs:
            if run.journal.is_done(job.index):
                run.meter.resumed += 1
                note(job.index)
                continue
            await room.acquire()
            await run.slots.acquire(job.index)
            if run.stop.is_set():
                break
            task = asyncio.create_task(one(job))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while tasks:
            await asyncio.wait(tasks)
    finally:
        output.finish()
    if run.stop.error is not None:
        raise run.stop.error
    return sorted(failures, key=lambda failure: failure.index)
