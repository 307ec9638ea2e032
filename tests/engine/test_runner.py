"""The runner: who is asked again, who gives up, how a run stops; with a scripted endpoint."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from soc_gen.engine.concurrency import Slots
from soc_gen.engine.journal import Journal
from soc_gen.engine.metrics import RunMetrics
from soc_gen.engine.ordered_output import OrderedOutput
from soc_gen.engine.runner import Job, Session, run_jobs, wait_seconds
from soc_gen.engine.stop import Stop
from soc_gen.errors import ConversationError, EndpointError, OutputError
from soc_gen.llm.faults import ContextLengthError, RequestRejectedError, TransientError
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router
from soc_gen.llm.types import Reply, Request
from soc_gen.models import Failure, Persona
from soc_gen.settings import Budget, Prices
from tests.support.job_runs import TURNS, Server, active, run, talk
from tests.support.journals import INPUTS


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two repeats nothing is waited for: what is tested here is what is asked, not when."""
    monkeypatch.setattr("soc_gen.engine.runner.random.uniform", lambda *_: 0.0)


def test_every_job_is_done_with_no_more_open_than_slots(tmp_path: Path) -> None:
    server = Server()
    outcome = run(tmp_path, server, count=20, slots=4)
    assert outcome.written.count("\n") == 20
    assert server.peak == 4
    assert len(server.asked) == 20 * TURNS


def test_a_conversation_that_has_begun_is_finished_before_new_ones_open(tmp_path: Path) -> None:
    """With one slot: all turns of the first, then all of the second."""
    server = Server()
    run(tmp_path, server, count=3, slots=1)
    assert [request.conversation for request in server.asked] == [
        f"c{n}" for n in range(3) for _ in range(TURNS)
    ]


def test_a_transport_fault_repeats_the_very_same_request(tmp_path: Path) -> None:
    """Equal in everything, until it is answered."""
    faults = iter([TransientError("connection"), TransientError("bad_body"), TransientError("http_500")])
    server = Server(lambda request: next(faults, None) if request.turn == 1 else None)
    outcome = run(tmp_path, server, count=1)
    assert server.asked[1] == server.asked[2] == server.asked[3] == server.asked[4]
    assert outcome.meter.retries == {"connection": 1, "bad_body": 1, "http_500": 1}
    assert outcome.meter.replies == TURNS


def test_a_request_that_fails_where_others_are_answered_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times, then it is a failure with a reason, and the others are done."""
    monkeypatch.setattr("soc_gen.engine.runner.random.uniform", lambda *_: 0.04)
    server = Server(lambda request: TransientError("http_500") if request.conversation == "c1" else None)
    outcome = run(tmp_path, server, count=40, slots=2)
    assert [(failure.index, failure.reason) for failure in outcome.failures] == [(1, "endpoint")]
    assert "http_500" in outcome.failures[0].detail
    assert sum(request.conversation == "c1" for request in server.asked) == 10
    assert outcome.written.count("\n") == 39


def test_an_endpoint_that_is_down_gives_up_the_run_not_the_conversations(tmp_path: Path) -> None:
    """No failure is recorded for what was not theirs; what was done is kept."""
    down = False

    def fault(request: Request) -> Exception | None:
        return TransientError("connection") if down or request.conversation == "c3" else None

    server = Server(fault)
    run(tmp_path, server, count=2)
    down = True
    with pytest.raises(EndpointError, match="kept"):
        run(tmp_path, server, count=5)
    down = False
    server.fault = lambda _: None
    outcome = run(tmp_path, server, count=5)
    assert outcome.failures == []
    assert outcome.meter.resumed == 2
    assert outcome.written.count("\n") == 5


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ContextLengthError("too long"), "context_length"), (RequestRejectedError("400: filter"), "refused")],
)
def test_what_cannot_be_repeated_is_a_failure_at_once(tmp_path: Path, error: Exception, reason: str) -> None:
    server = Server(lambda request: error if request.conversation == "c0" else None)
    outcome = run(tmp_path, server)
    assert [failure.reason for failure in outcome.failures] == [reason]
    assert sum(request.conversation == "c0" for request in server.asked) == 1


def test_what_was_paid_for_is_not_asked_again(tmp_path: Path) -> None:
    """Cut off in the middle, the second run asks only for the rest, and ends with the same file."""
    whole = run(tmp_path / "whole", Server()).written
    server = Server(
        lambda request: EndpointError("401") if request.turn == 2 and request.conversation == "c3" else None
    )
    with pytest.raises(EndpointError):
        run(tmp_path / "cut", server)
    paid = {(r.conversation, r.turn) for r in server.asked} - {("c3", 2)}
    second = Server()
    outcome = run(tmp_path / "cut", second)
    assert not {(r.conversation, r.turn) for r in second.asked} & paid
    assert outcome.meter.replayed > 0
    assert outcome.written == whole


def test_failures_are_asked_again_and_come_out_in_their_place(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", Server()).written
    server = Server(lambda request: ContextLengthError("x") if request.conversation in {"c0", "c2"} else None)
    assert len(run(tmp_path / "failed", server).failures) == 2
    outcome = run(tmp_path / "failed", Server())
    assert outcome.failures == []
    assert outcome.written == whole


def test_a_wish_to_stop_waits_for_what_is_in_flight_and_keeps_it(tmp_path: Path) -> None:
    """No request after the wish; what was answered is in the journal."""
    stop = Stop()
    server = Server()

    def fault(_: Request) -> None:
        if len(server.asked) >= 5:
            stop.set("interrupted")

    server.fault = fault
    outcome = run(tmp_path, server, count=50, slots=2, stop=stop)
    assert len(server.asked) <= 6
    assert outcome.meter.replies == len(server.asked)
    again = Server()
    run(tmp_path, again, count=50)
    assert len(again.asked) == 50 * TURNS - len(server.asked)


def test_a_stop_reaches_those_who_wait_for_a_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one slot, released by one that waits for an hour: the run ends, and does not hang."""
    monkeypatch.setattr("soc_gen.engine.runner.random.uniform", lambda *_: 1e6)
    stop, server = Stop(), Server()

    def fault(request: Request) -> Exception | None:
        if request.conversation == "c0":
            return TransientError("http_500")
        if len(server.asked) >= 8:
            stop.set("interrupted")
        return None

    server.fault = fault
    outcome = run(tmp_path, server, count=9, slots=1, stop=stop)
    assert outcome.failures == []
    assert outcome.stop.reason == "interrupted"


@pytest.mark.parametrize(
    ("budget", "word"),
    [
        (Budget(max_tokens=1000), "tokens"),
        (Budget(max_cost=0.001), "$0.001"),
        (Budget(max_minutes=1e-9), "minutes"),
    ],
)
def test_a_budget_stops_cleanly_and_says_so(tmp_path: Path, budget: Budget, word: str) -> None:
    """At most what was in flight is spent beyond it; a raised one goes on."""
    meter = RunMetrics(prices=Prices(input=1.0, output=1.0))
    outcome = run(tmp_path, Server(), count=50, slots=3, budget=budget, meter=meter)
    assert word in outcome.stop.reason
    assert meter.usage.total <= 1000 + 3 * 110
    assert run(tmp_path, Server(), count=50).written.count("\n") == 50


def test_the_minutes_end_also_while_nothing_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint is down, everybody waits: the time is over all the same."""
    monkeypatch.setattr("soc_gen.engine.runner.random.uniform", lambda *_: 1e6)
    server = Server(lambda _: TransientError("connection"))
    outcome = run(tmp_path, server, budget=Budget(max_minutes=0.002))
    assert outcome.stop.reason == "the 0.002 minutes are over"
    assert outcome.failures == []


def test_a_budget_is_for_all_stages(tmp_path: Path) -> None:
    """What the stage before has spent, in tokens and time, is not there to be spent again."""
    meter, server = RunMetrics(tokens_before=990), Server()
    run(tmp_path, server, slots=1, budget=Budget(max_tokens=1000), meter=meter)
    assert len(server.asked) == 1
    late = RunMetrics(seconds_before=61)
    assert "minutes" in run(tmp_path, server, count=50, budget=Budget(max_minutes=1), meter=late).stop.reason


def test_a_budget_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """An endpoint that counts nothing would go on for ever; without such a budget it may."""

    class Uncounted(Server):
        async def ask(self, request: Request) -> Reply:
            return Reply((await super().ask(request)).text, "stop")

    with pytest.raises(EndpointError, match="counts no tokens"):
        run(tmp_path, Uncounted(), budget=Budget(max_tokens=1000))
    assert run(tmp_path, Uncounted(), budget=Budget(max_minutes=5)).written.count("\n") == 5


def test_a_budget_counts_what_earlier_runs_spent(tmp_path: Path) -> None:
    """The same command in a loop does not spend it again and again."""
    budget, server = Budget(max_tokens=1000), Server()
    for _ in range(5):
        run(tmp_path, server, count=50, slots=1, budget=budget)
    assert len(server.asked) == 10


def test_a_defect_stops_the_run_and_is_seen(tmp_path: Path) -> None:
    """Nothing that goes wrong in one conversation is swallowed with its task; what is paid is kept."""

    async def work(job: Job[str], session: Session) -> Persona:
        if job.index == 2:
            raise ZeroDivisionError
        return await talk(job, session)

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, Server(), work=work)
    server = Server()
    assert run(tmp_path, server).written.count("\n") == 5
    assert len(server.asked) < 5 * TURNS


def test_a_run_that_is_broken_off_leaves_nothing_half_done(tmp_path: Path) -> None:
    """Cancelled in flight: no task is left, the journal can be opened, the second run completes."""

    class Stuck(Server):
        async def ask(self, request: Request) -> Reply:
            if request.conversation != "c0":
                await asyncio.Event().wait()
            return await super().ask(request)

    async def main() -> set[asyncio.Task[Any]]:
        with Journal(tmp_path / "out.journal.jsonl", INPUTS) as journal:
            stop = Stop()
            going = active(
                Router([Replica(Stuck(), AdaptiveRateLimiter())], 5, stop.sleep),
                journal,
                Slots(3),
                stop,
                metrics=RunMetrics(),
                budget=Budget(),
            )
            jobs = (Job(n, f"c{n}", "") for n in range(9))
            first = asyncio.Event()
            task = asyncio.create_task(
                run_jobs(
                    going, jobs, talk, OrderedOutput(tmp_path / "out.jsonl", journal), lambda *_: first.set()
                )
            )
            await first.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 1
    assert run(tmp_path, Server(), count=9).written.count("\n") == 9


def test_the_input_is_read_as_slots_come_free(tmp_path: Path) -> None:
    """However long it is, no more than one job is read ahead of those that are open."""
    server, ahead = Server(), 0

    def jobs() -> Iterator[Job[str]]:
        nonlocal ahead
        for n in range(300):
            ahead = max(ahead, n - len({request.conversation for request in server.asked}))
            yield Job(n, f"c{n}", "")

    run(tmp_path, server, slots=4, jobs=jobs)
    assert ahead <= 4 + 1


def test_a_finished_run_is_not_paid_for_twice(tmp_path: Path) -> None:
    run(tmp_path, Server())
    server = Server()
    outcome = run(tmp_path, server)
    assert server.asked == []
    assert outcome.meter.resumed == 5


def test_how_long_a_repeat_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubling, to half a minute; as long as the server asks, to that too."""
    monkeypatch.setattr("soc_gen.engine.runner.random.uniform", lambda *_: 1.0)
    waits = [wait_seconds(TransientError("http_500"), faults) for faults in range(1, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.25, 30.0)
    assert wait_seconds(TransientError("http_503", retry_after=20), 1) == 20
    assert wait_seconds(TransientError("http_503", retry_after=86400), 1) == 30
    assert wait_seconds(TransientError("http_429", retry_after=20), 1) == 20
    assert wait_seconds(TransientError("http_429", retry_after=90), 1) == 30


def test_a_replica_lets_go_of_every_conversation_that_has_ended(tmp_path: Path) -> None:
    """Finished or failed: never more are counted there than slots are open, and none after the run."""
    counted: list[int] = []
    server = Server()
    replica = Replica(server, AdaptiveRateLimiter())

    def fault(request: Request) -> Exception | None:
        counted.append(len(replica.conversations))
        return ContextLengthError("too long") if request.conversation == "c3" else None

    server.fault = fault
    assert len(run(tmp_path, server, count=20, slots=3, replica=replica).failures) == 1
    assert max(counted) == 3
    assert replica.conversations == set()


def test_a_failed_conversation_is_data(tmp_path: Path) -> None:
    """A verdict of the stage becomes a failure record with its reason."""

    async def work(job: Job[str], session: Session) -> Persona:
        if job.index == 1:
            raise ConversationError("bad_turn", "turn 0 after 4 replies: empty")
        return await talk(job, session)

    outcome = run(tmp_path, Server(), work=work)
    assert outcome.failures == [
        Failure(index=1, id="c1", reason="bad_turn", detail="turn 0 after 4 replies: empty")
    ]
    assert outcome.meter.failed == 1


def test_an_error_after_a_wish_to_stop_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while a stopped run waits for what is in flight: those replies are lost."""
    stop, server = Stop(), Server()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no room")

    def fault(_: Request) -> None:
        if len(server.asked) >= 5:
            stop.set("interrupted")
            monkeypatch.setattr("soc_gen.engine.journal.os.write", full)

    server.fault = fault
    with pytest.raises(OutputError, match="disk is full"):
        run(tmp_path, server, count=50, slots=2, stop=stop)
    assert stop.reason == "interrupted"
