"""A run whose replies cannot be used: when it stops, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.engine.runner import Job, Session
from soc_gen.engine.unusable import MOST_GIVEN_UP, GivenUp, advice, came
from soc_gen.errors import ConversationError, EndpointError
from soc_gen.llm.faults import ContextLengthError, RequestRejectedError
from soc_gen.llm.types import Reply, Request
from soc_gen.models import Persona
from soc_gen.settings import Sampling
from tests.support.job_runs import Server, run
from tests.support.journals import persona


def playing(good: Callable[[int], bool]) -> Callable[[Job[str], Session], object]:
    """Return the work of a stage to which only the replies to some conversations are of use."""

    async def work(job: Job[str], session: Session) -> Persona:
        turns = 1 + session.previous_failures
        for attempt in range(turns):
            request = Request(job.id, 0, attempt, ({"role": "user", "content": "?"},), Sampling(), attempt)
            reply = await session.complete(request)
        if good(job.index):
            return persona(reply.text)
        raise ConversationError("bad_turn", "turn 0 after 1 replies: broken_json")

    return work


def never(_: int) -> bool:
    return False


def test_the_bound_is_twenty() -> None:
    assert MOST_GIVEN_UP == 20


@pytest.mark.parametrize("slots", [1, 4])
def test_nineteen_in_a_row_are_failures(tmp_path: Path, slots: int) -> None:
    outcome = run(tmp_path, Server(), count=19, slots=slots, work=playing(never))
    assert len(outcome.failures) == 19


@pytest.mark.parametrize("count", [20, 21])
def test_with_the_twentieth_the_run_stops(tmp_path: Path, count: int) -> None:
    """What came and what to try are said in one line; nobody else is asked."""
    server = Server()
    with pytest.raises(EndpointError, match=r'^20 conversations in a row .* "c19\.0"\. Try') as caught:
        run(tmp_path, server, count=count, slots=1, work=playing(never))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1
    assert len(server.asked) == 20


def test_a_good_one_now_and_then_lets_the_run_go_on(tmp_path: Path) -> None:
    outcome = run(tmp_path, Server(), count=100, slots=4, work=playing(lambda index: index % 19 == 18))
    assert len(outcome.failures) == 95


@pytest.mark.parametrize("error", [ContextLengthError("full"), RequestRejectedError("no")])
def test_what_the_server_refuses_does_not_count(tmp_path: Path, error: Exception) -> None:
    """Nor does it interrupt the row: twenty of no use stop the run, with two refused ones between each."""
    server = Server(lambda request: error if int(request.conversation[1:]) % 3 else None)
    outcome = run(tmp_path, server, count=56, slots=1, work=playing(never))
    assert len(outcome.failures) == 56
    (tmp_path / "more").mkdir()
    server.asked.clear()
    with pytest.raises(EndpointError, match="20 conversations"):
        run(tmp_path / "more", server, count=90, slots=1, work=playing(never))
    assert len(server.asked) == 58


def test_a_long_good_one_is_waited_for(tmp_path: Path) -> None:
    """Every tenth is good and takes as long as thirty bad ones: the bad ones after it do not stop the run."""

    async def work(job: Job[str], session: Session) -> Persona:
        for turn in range(30 if job.index % 10 == 9 else 1):
            request = Request(job.id, turn, 0, ({"role": "user", "content": "?"},), Sampling(), turn)
            await session.complete(request)
            await asyncio.sleep(0.001)
        if job.index % 10 == 9:
            return persona("good")
        raise ConversationError("bad_turn", "turn 0 after 1 replies: empty")

    assert len(run(tmp_path, Server(), count=80, slots=4, work=work).failures) == 72


def test_a_second_run_pays_up_to_the_bound_again(tmp_path: Path) -> None:
    server = Server()
    for paid in (20, 40):
        with pytest.raises(EndpointError, match="20 conversations"):
            run(tmp_path, server, count=150, slots=1, work=playing(never))
        assert len(server.asked) == paid


def test_hard_ones_among_good_ones_do_not_stop_the_next_run(tmp_path: Path) -> None:
    """Of 90 conversations 40 are given up, every time: they are asked again, and so are those after them."""
    work = playing(lambda index: index % 9 >= 4)
    assert len(run(tmp_path, Server(), count=90, work=work).failures) == 40
    again = run(tmp_path, Server(), count=100, work=work)
    assert (len(again.failures), again.meter.done) == (45, 5)


@given(st.permutations(range(30)), st.sets(st.integers(0, 29)))
def test_rows_do_not_depend_on_who_ends_first(order: list[int], passed_over: set[int]) -> None:
    """The last to end completes the row of all, whichever it is; those passed over are not counted."""
    given_up, counted = GivenUp(), 30 - len(passed_over)
    rows = [given_up.add(place, counts=place not in passed_over) for place in order]
    assert max(rows) <= 30 - len(passed_over)
    if counted < MOST_GIVEN_UP and order[-1] not in passed_over:
        assert rows[-1] == counted


@pytest.mark.parametrize(
    ("reply", "words", "try_"),
    [
        (Reply("I'm  sorry,\nbut no", "stop"), 'began "I\'m sorry, but no"', "another model"),
        (Reply("\x1b[31mred", "stop"), r'began "\x1b[31mred"', "another model"),
        (Reply("word " * 90, "length"), "and was cut", "Raise max_tokens"),
        (Reply("", "stop"), "was empty", "another model"),
        (Reply("", "length"), "was empty and was cut", "if the model thinks"),
        (Reply("", "length", thought=True), "was empty beside its thoughts", "enable_thinking = false"),
        (Reply("hey", "stop", thought=True), 'began "hey" beside', "enable_thinking = false"),
    ],
)
def test_what_came_and_what_to_try(reply: Reply, words: str, try_: str) -> None:
    assert words in came(reply)
    assert len(came(reply)) < 160
    assert try_ in advice(reply)
