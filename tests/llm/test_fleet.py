"""Replicas: who a conversation sticks to, who is set aside, when the run gives up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from soc_gen.errors import EndpointError
from soc_gen.llm.faults import (
    AccessRefusedError,
    NotACompletionError,
    PromptFlaggedError,
    RequestRejectedError,
    TransientError,
)
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router
from soc_gen.llm.types import Reply, Request
from soc_gen.settings import Sampling


class Scripted:
    """A server that answers, or raises what it is told to."""

    def __init__(self, url: str, fault: Callable[[], Exception | None] = lambda: None) -> None:
        self.url = url
        self.fault = fault
        self.asked: list[str] = []

    async def ask(self, request: Request) -> Reply:
        self.asked.append(request.conversation)
        await asyncio.sleep(0)
        if error := self.fault():
            raise error
        return Reply("hey", endpoint=self.url)


def request(conversation: str) -> Request:
    return Request(conversation, 0, 0, ({"role": "user", "content": "hi"},), Sampling(), 1)


def fleet_of(
    *servers: Scripted,
    give_up: float = 600.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    notice: Callable[[str], None] = lambda _: None,
) -> Router:
    return Router([Replica(server, AdaptiveRateLimiter()) for server in servers], give_up, sleep, notice)


async def persist(fleet: Router, conversation: str, tries: int = 50) -> Reply:
    """Ask until it is answered, as the runner does."""
    for _ in range(tries):
        try:
            return await fleet.ask(request(conversation))
        except TransientError:
            continue
    msg = "never answered"
    raise AssertionError(msg)


def test_a_conversation_sticks_to_its_replica() -> None:
    """Its prefix is cached there; the conversations are spread evenly."""

    async def main() -> None:
        one, two = Scripted("one"), Scripted("two")
        fleet = fleet_of(one, two)
        for _ in range(3):
            for name in "abcd":
                await fleet.ask(request(name))
        assert not set(one.asked) & set(two.asked)
        assert len(set(one.asked)) == len(set(two.asked)) == 2

    asyncio.run(main())


def test_a_finished_conversation_makes_room() -> None:
    """The next new one goes where fewer are open."""

    async def main() -> None:
        one, two = Scripted("one"), Scripted("two")
        fleet = fleet_of(one, two)
        for name in "abc":
            await fleet.ask(request(name))
        for name in "ac":
            fleet.release(name)
        assert (await fleet.ask(request("d"))).endpoint == "one"

    asyncio.run(main())


def test_conversations_of_a_replica_that_fails_move_and_stay() -> None:
    """Three faults in a row, and it is left alone; who moved does not move back."""

    async def main() -> None:
        broken = True
        one = Scripted("one", lambda: TransientError("http_500") if broken else None)
        two = Scripted("two")
        fleet = fleet_of(one, two)
        assert (await persist(fleet, "a")).endpoint == "two"
        assert len(one.asked) == 3
        broken = False
        assert (await fleet.ask(request("a"))).endpoint == "two"

    asyncio.run(main())


def test_a_429_is_not_a_failure_of_the_replica() -> None:
    """It is there; it only wants to be asked less."""

    async def main() -> None:
        calls = 0

        def fault() -> Exception | None:
            nonlocal calls
            calls += 1
            return TransientError("http_429", retry_after=0.0, overload=True) if calls < 12 else None

        one = Scripted("one", fault)
        assert (await persist(fleet_of(one, Scripted("two")), "a")).endpoint == "one"

    asyncio.run(main())


def test_a_429_holds_up_its_replica_and_not_the_others() -> None:
    """All conversations of the one wait as long as it asks; those of the other go on meanwhile."""

    async def main() -> None:
        limits = iter([TransientError("http_429", retry_after=0.3, overload=True)])
        limited = False
        one = Scripted("one", lambda: next(limits, None) if limited else None)
        two = Scripted("two")
        fleet = fleet_of(one, two)
        for name in "abcd":
            await fleet.ask(request(name))
        limited = True
        with pytest.raises(TransientError):
            await fleet.ask(request("a"))
        resumed = time.monotonic() + 0.29
        waiting = asyncio.gather(fleet.ask(request("c")), fleet.ask(request("a")))
        for _ in range(20):
            await fleet.ask(request("b"))
            await fleet.ask(request("d"))
        assert one.asked == ["a", "c", "a"]
        await waiting
        assert time.monotonic() >= resumed
        assert sorted(one.asked) == ["a", "a", "a", "c", "c"]

    asyncio.run(main())


def test_when_all_are_down_it_waits_says_so_and_goes_on() -> None:
    """The notice is there while it waits and gone afterwards; no more than one asks meanwhile."""

    async def main() -> None:
        down = True
        notices: list[str] = []
        one = Scripted("one", lambda: TransientError("connection") if down else None)
        fleet = fleet_of(one, notice=notices.append)
        with pytest.raises(AssertionError):
            await persist(fleet, "a", tries=8)
        before = len(one.asked)

        async def back() -> None:
            nonlocal down
            await asyncio.sleep(0.2)
            down = False

        await asyncio.gather(back(), *(persist(fleet, name) for name in "abcdefgh"))
        assert any("no endpoint answers" in notice for notice in notices)
        assert notices[-1] == ""
        assert len(one.asked) <= before + 8 + 2

    asyncio.run(main())


def test_it_gives_up_after_the_stated_time() -> None:
    """With one line that says that everything is kept."""

    async def main() -> None:
        fleet = fleet_of(Scripted("one", lambda: TransientError("connection")), give_up=0.3)
        began = time.monotonic()
        with pytest.raises(EndpointError, match=r"the last fault: connection.*kept"):
            await persist(fleet, "a", tries=10_000)
        assert time.monotonic() - began >= 0.3

    asyncio.run(main())


def test_nothing_but_429_ends_as_well() -> None:
    """A quota that is used up for the day says 429 for ever."""

    async def main() -> None:
        fault = TransientError("http_429", retry_after=0.01, overload=True)
        fleet = fleet_of(Scripted("one", lambda: fault), give_up=0.2)
        with pytest.raises(EndpointError, match="429"):
            await persist(fleet, "a", tries=10_000)

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["http_429", "http_503"])
def test_a_retry_after_of_hours_is_not_waited_for(kind: str) -> None:
    """It ends at once where nobody else is there, and the others are asked where there is one."""

    async def main() -> None:
        tired = TransientError(kind, retry_after=7200.0, overload=True)
        with pytest.raises(EndpointError, match="7200"):
            await persist(fleet_of(Scripted("one", lambda: tired)), "a")
        two = Scripted("two")
        assert (await persist(fleet_of(Scripted("one", lambda: tired), two), "a")).endpoint == "two"

    asyncio.run(main())


def test_a_refusal_is_the_conversations_trouble_while_others_are_answered() -> None:
    """A content filter stops one conversation, wrong settings stop the run."""

    async def main() -> None:
        filtered = True
        one = Scripted(
            "one", lambda: RequestRejectedError("answers 400: content filter") if filtered else None
        )
        fleet = fleet_of(one)
        for _ in range(4):
            filtered = True
            for name in "abc":
                with pytest.raises(RequestRejectedError):
                    await fleet.ask(request(name))
            filtered = False
            await fleet.ask(request("d"))
        filtered = True
        with pytest.raises(EndpointError, match="content filter"):
            for _ in range(8):
                try:
                    await fleet.ask(request("a"))
                except RequestRejectedError:
                    continue

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["timeout", "http_429"])
def test_a_process_that_was_asleep_has_seen_no_outage(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Stopped for an hour, it finds its requests timed out: that is no hour without an answer."""
    clock = Clock()
    monkeypatch.setattr("soc_gen.llm.router.time.monotonic", clock)
    faults = [TransientError(kind, retry_after=0.01) for _ in range(9)]
    server = Scripted("http://one", lambda: faults.pop() if faults else None)

    async def main() -> Reply:
        fleet = fleet_of(server, sleep=clock.sleep)
        clock.now += 3600
        return await persist(fleet, "a")

    assert asyncio.run(main()).text == "hey"


class Clock:
    """Seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def limited_replica() -> Replica:
    return Replica(Scripted("one"), AdaptiveRateLimiter())


@pytest.mark.parametrize(("faults", "up"), [(1, True), (2, True), (3, False), (4, False)])
def test_the_circuit_opens_at_the_allowed_number_of_faults_in_a_row(faults: int, up: bool) -> None:
    """Not one before; a fault that comes while it is open does not prolong it."""
    replica = limited_replica()
    for _ in range(faults):
        replica.failed(100.0, 3)
    assert replica.is_up(100.0) is up
    assert replica.open_until == (0.0 if up else 101.0)


def test_an_open_circuit_closes_when_its_time_has_come() -> None:
    """Not before that moment; at it, it may be asked."""
    replica = limited_replica()
    replica.trip(100.0)
    assert [replica.is_up(now) for now in (100.999, 101.0, 101.001)] == [False, True, True]


def test_each_trip_waits_twice_as_long_until_half_a_minute() -> None:
    """1, 2, 4, 8, 16, then 30 seconds for ever; a longer time that the server names counts instead."""
    replica = limited_replica()
    waits = []
    for _ in range(12):
        replica.trip(0.0)
        waits.append(replica.open_until)
    assert waits == [1, 2, 4, 8, 16, *[30] * 7]
    for named, waited in [(29.0, 30), (30.0, 30), (31.0, 31)]:
        replica.trip(0.0, named)
        assert replica.open_until == waited


def test_a_success_resets_the_back_off_and_the_count_of_faults() -> None:
    """The next trip waits a second again, and takes as many faults again."""
    replica = limited_replica()
    for _ in range(5):
        replica.trip(0.0)
    replica.failed(20.0, 3)
    replica.failed(20.0, 3)
    replica.succeeded()
    assert replica.is_up(0.0)
    replica.failed(50.0, 3)
    replica.failed(50.0, 3)
    assert replica.is_up(50.0)
    replica.failed(50.0, 3)
    assert replica.open_until == 51.0


@pytest.mark.parametrize(("faults", "asked"), [(7, 8), (8, 8)])
def test_the_only_replica_counts_as_down_after_eight_faults(
    monkeypatch: pytest.MonkeyPatch, faults: int, asked: int
) -> None:
    """After seven the next request goes out at once, after eight it waits a second."""
    clock = Clock()
    monkeypatch.setattr("soc_gen.llm.router.time.monotonic", clock)
    left = [TransientError("connection") for _ in range(faults)]
    server = Scripted("one", lambda: left.pop() if left else None)
    asyncio.run(persist(fleet_of(server, sleep=clock.sleep), "a"))
    assert len(server.asked) == faults + 1
    assert clock.now == (0.0 if faults < asked else 1.0)


def test_one_request_probes_a_replica_that_was_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait until it is answered, and only then go there."""
    clock = Clock()
    monkeypatch.setattr("soc_gen.llm.router.time.monotonic", clock)

    async def main() -> None:
        answered = asyncio.Event()
        server = Held("one", answered)
        replica = Replica(server, AdaptiveRateLimiter())
        replica.trip(clock.now)

        async def sleep(_: float) -> None:
            await answered.wait()

        fleet = Router([replica], 600.0, sleep)
        clock.now += 1.0
        waiting = asyncio.gather(*(fleet.ask(request(name)) for name in "abcd"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert server.asked == ["a"]
        answered.set()
        await waiting
        assert sorted(server.asked) == ["a", "b", "c", "d"]

    asyncio.run(main())


class Held(Scripted):
    """A server that answers nothing until it is let."""

    def __init__(self, url: str, answered: asyncio.Event) -> None:
        super().__init__(url)
        self._answered = answered

    async def ask(self, request: Request) -> Reply:
        self.asked.append(request.conversation)
        await self._answered.wait()
        return Reply("hey", endpoint=self.url)


def flagged() -> Exception:
    return PromptFlaggedError("flagged")


@pytest.mark.parametrize(("count", "stops"), [(19, False), (20, True), (21, True)])
def test_a_filter_that_refuses_every_prompt_stops_the_run(count: int, stops: bool) -> None:
    """Twenty in a row; a flagged prompt alone does not count as a refusal of the settings."""

    async def main() -> bool:
        fleet = fleet_of(Scripted("one", flagged))
        for number in range(count):
            try:
                await fleet.ask(request(str(number)))
            except PromptFlaggedError:
                continue
            except EndpointError:
                return True
        return False

    assert asyncio.run(main()) is stops


def access(status: int, *, lasting: bool = False) -> AccessRefusedError:
    return AccessRefusedError(
        status, EndpointError(f"answers {status}", hint="Check the key"), lasting=lasting
    )


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_never_worked_stops_the_run_at_once(status: int) -> None:
    fleet = fleet_of(Scripted("one", lambda: access(status)))
    with pytest.raises(EndpointError, match=f"answers {status}"):
        asyncio.run(fleet.ask(request("a")))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_one_replica_that_refuses_the_key_is_left_out(status: int) -> None:
    """The other one does all the work, and is not asked to rest by it."""

    async def main() -> None:
        bad, good = Scripted("bad", lambda: access(status)), Scripted("good")
        fleet = fleet_of(bad, good)
        for number in range(8):
            await persist(fleet, str(number))
        assert len(bad.asked) == 1
        assert len(good.asked) == 8

    asyncio.run(main())


def test_a_key_that_has_worked_is_refused_once_and_asked_again() -> None:
    faults = iter([None, access(401), access(404), None])

    async def main() -> None:
        fleet = fleet_of(Scripted("one", lambda: next(faults)))
        await fleet.ask(request("a"))
        await persist(fleet, "b")

    asyncio.run(main())


@pytest.mark.parametrize(("refusals", "seconds", "stops"), [(3, 9.0, False), (4, 2.9, False), (4, 3.1, True)])
def test_a_key_that_stays_refused_stops_the_run(
    refusals: int, seconds: float, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four in a row, three seconds after the last reply."""
    now = time.monotonic()
    faults = iter([None, *[access(401)] * refusals])

    async def main() -> bool:
        fleet = fleet_of(Scripted("one", lambda: next(faults)))
        await fleet.ask(request("a"))
        monkeypatch.setattr(time, "monotonic", lambda: now + 1.0 + seconds)
        fleet._last_success = now + 1.0
        for _ in range(refusals):
            try:
                await fleet.ask(request("b"))
            except TransientError:
                continue
            except EndpointError:
                return True
        return False

    assert asyncio.run(main()) is stops


def test_an_empty_account_stops_the_run_also_after_replies() -> None:
    faults = iter([None, access(402, lasting=True)])

    async def main() -> None:
        fleet = fleet_of(Scripted("one", lambda: next(faults)))
        await fleet.ask(request("a"))
        with pytest.raises(EndpointError, match="answers 402"):
            await fleet.ask(request("b"))

    asyncio.run(main())


@pytest.mark.parametrize(
    ("first", "stops"), [(None, False), (NotACompletionError("not_json", "<html>"), True)]
)
def test_what_never_sends_a_completion_stops_the_run(first: Exception | None, stops: bool) -> None:
    """The second time, where nothing else is on its way and nothing was ever answered."""
    faults = iter([first, *[NotACompletionError("not_json", "<html>")] * 2])

    async def main() -> list[str]:
        fleet = fleet_of(Scripted("one", lambda: next(faults)))
        ends = []
        for _ in range(3 - stops):
            try:
                await fleet.ask(request("a"))
                ends.append("answered")
            except TransientError:
                ends.append("again")
            except EndpointError as error:
                ends.append("base-url" if "--base-url" in str(error) else "stopped")
        return ends

    assert asyncio.run(main()) == (["again", "base-url"] if stops else ["answered", "again", "again"])
