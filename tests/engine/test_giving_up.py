"""When one request is given up, and who holds a slot meanwhile: each bound below, at and above."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from tenacity import AsyncRetrying, RetryCallState

from soc_gen.engine.concurrency import OPEN, Slots
from soc_gen.engine.journal import Journal
from soc_gen.engine.metrics import RunMetrics
from soc_gen.engine.runner import Session
from soc_gen.engine.stop import Stop
from soc_gen.llm.faults import TransientError
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router
from soc_gen.settings import Budget
from tests.support.job_runs import Server, active
from tests.support.journals import INPUTS

GIVE_UP_SECONDS = 600.0  # the default of ``Endpoint``
OVERLOADED = TransientError("http_503", overload=True)
BROKEN = TransientError("http_500")


class Clock:
    """Stands for the module ``time`` where the router reads it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@contextmanager
def session(
    folder: Path, *, open_conversations: int = 2, slots: Slots | None = None, stop: Stop | None = None
) -> Iterator[Session]:
    """Open the session of one conversation, among ``open_conversations`` of its run."""
    stop = stop or Stop()
    with Journal(folder / "out.journal.jsonl", INPUTS) as journal:
        router = Router([Replica(Server(), AdaptiveRateLimiter())], GIVE_UP_SECONDS, stop.sleep)
        metrics = RunMetrics(open=open_conversations)
        yield Session(
            active(router, journal, slots or Slots(1), stop, metrics=metrics, budget=Budget()), "c0", 0
        )


def gives_up(asker: Session, fault: TransientError, *, attempts: int = 10, seconds: float = 10.0) -> bool:
    """Whether a request is given up that failed ``attempts`` times in ``seconds``, last with ``fault``."""
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number, state.start_time = attempts, 0.0
    state.set_exception((type(fault), fault, None))
    state.outcome_timestamp = seconds
    return asker._should_give_up(state)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The router's clock: from 0, when it counts as answered, to where a test sets it."""
    clock = Clock()
    monkeypatch.setattr("soc_gen.llm.router.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.mark.parametrize(("attempts", "expected"), [(1, False), (9, False), (10, True), (11, True)])
@pytest.mark.parametrize("fault", [BROKEN, OVERLOADED], ids=str)
def test_a_request_is_given_up_after_ten_attempts_at_the_earliest(
    tmp_path: Path, clock: Clock, fault: TransientError, attempts: int, expected: bool
) -> None:
    """However long they took, while others are answered."""
    with session(tmp_path) as asker:
        assert gives_up(asker, fault, attempts=attempts, seconds=10 * GIVE_UP_SECONDS) is expected


@pytest.mark.parametrize(("seconds", "expected"), [(599.9, False), (600.0, False), (600.1, True)])
def test_an_overloaded_server_is_asked_for_the_whole_give_up_time(
    tmp_path: Path, clock: Clock, seconds: float, expected: bool
) -> None:
    """Also by the only conversation there is, and where others are answered."""
    for count in (1, 2):
        with session(tmp_path, open_conversations=count) as asker:
            assert gives_up(asker, OVERLOADED, attempts=1000, seconds=seconds) is expected


@pytest.mark.parametrize(("silent", "expected"), [(9.9, True), (10.0, False), (10.1, False)])
@pytest.mark.parametrize("kind", ["http_500", "bad_body", "connection", "timeout"])
def test_a_request_is_given_up_when_others_were_answered_since_its_first_attempt(
    tmp_path: Path, clock: Clock, kind: str, silent: float, expected: bool
) -> None:
    """Ten seconds ago; where nobody was answered since then, the endpoint is the problem."""
    with session(tmp_path) as asker:
        clock.now = silent
        assert gives_up(asker, TransientError(kind, overload=kind == "timeout"), seconds=10.0) is expected


@pytest.mark.parametrize(
    ("count", "kind", "expected"),
    [
        *[(1, "http_500", True), (2, "http_500", False), (3, "http_500", False)],
        *[(1, "bad_body", True), (2, "bad_body", False)],
        *[(1, "connection", False), (1, "timeout", False)],
    ],
)
def test_the_only_conversation_gives_up_by_itself_where_the_endpoint_replies(
    tmp_path: Path, clock: Clock, count: int, kind: str, expected: bool
) -> None:
    """With two open, and nobody answered for an hour, the router is left to give up the run."""
    with session(tmp_path, open_conversations=count) as asker:
        clock.now = 3600.0
        assert gives_up(asker, TransientError(kind), attempts=9) is False
        assert gives_up(asker, TransientError(kind), attempts=10) is expected


@pytest.mark.parametrize(("seconds", "held"), [(-1.0, None), (0.0, None), (0.01, 0)])
def test_a_repeat_that_waits_for_nothing_releases_no_slot(
    tmp_path: Path, seconds: float, held: int | None
) -> None:
    """One that waits does; nobody who queues gets the slot of one that does not."""
    slots = Slots(1)

    class Watched(Stop):
        held: int | None = None  # slots, while this conversation waits

        async def sleep(self, _: float) -> None:
            self.held = slots.used

    async def main(asker: Session) -> None:
        await slots.acquire(0)
        await asker._pause(seconds)
        assert slots.used == 1

    stop = Watched()
    with session(tmp_path, slots=slots, stop=stop) as asker:
        asyncio.run(main(asker))
    assert stop.held == held


@pytest.mark.parametrize(
    ("limit", "goes_on", "next_one_begins"), [(4, True, True), (3, True, False), (2, False, False)]
)
def test_a_slot_is_given_back_between_turns_only_over_the_limit(
    limit: int, goes_on: bool, next_one_begins: bool
) -> None:
    """Three are held of four, three or two, and an earlier conversation queues."""

    async def main() -> tuple[bool, bool]:
        slots = Slots(3)
        for order in (5, 6, 7):
            await slots.acquire(order)
        queued = asyncio.create_task(slots.acquire(0, OPEN))
        await asyncio.sleep(0)
        slots.resize(limit)
        turn = asyncio.create_task(slots.yield_if_over(7))
        for _ in range(5):
            await asyncio.sleep(0)
        ended = turn.done(), queued.done()
        turn.cancel()
        queued.cancel()
        await asyncio.gather(turn, queued, return_exceptions=True)
        return ended

    assert asyncio.run(main()) == (goes_on, next_one_begins)
