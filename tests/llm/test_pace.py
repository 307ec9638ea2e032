"""Pace and slots, learned: simulated endpoints, simulated clocks."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from soc_gen.llm.pace import AutoLimit, Pacer

RATE = 100.0


def bucket(burst: float) -> Callable[[float], bool]:
    """Return a limiter of ``RATE`` a second that lets ``burst`` through at once."""
    tokens, refilled = burst, 0.0

    def allows(now: float) -> bool:
        nonlocal tokens, refilled
        tokens, refilled = min(burst, tokens + (now - refilled) * RATE), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return allows


def window() -> Callable[[float], bool]:
    """Return a limiter of ``RATE`` in each second of the clock."""
    second, used = -1, 0

    def allows(now: float) -> bool:
        nonlocal second, used
        if int(now) != second:
            second, used = int(now), 0
        used += 1
        return used <= RATE

    return allows


@dataclass
class Traffic:
    """What a simulated run did, by second."""

    answered: list[int] = field(default_factory=lambda: [0] * 400)
    refused: list[int] = field(default_factory=lambda: [0] * 400)

    def per_second(self, begin: int, end: int) -> float:
        return sum(self.answered[begin:end]) / (end - begin)


def drive(
    pacer: Pacer,
    allows: Callable[[float], bool],
    *,
    slots: int = 64,
    latency: float = 0.3,
    seconds: float = 60.0,
    retry_after: float | None = 1.0,
) -> Traffic:
    """Ask as fast as ``slots`` conversations and the pacer let us."""
    rng, traffic = random.Random(1), Traffic()
    events: list[tuple[float, int, str, object]] = [(0.0, slot, "want", None) for slot in range(slots)]
    count = slots
    while events:
        now, _, what, found = heapq.heappop(events)
        if now > seconds:
            break
        count += 1
        later: tuple[float, str, object]
        if what == "want":
            place = pacer.reserve(now)
            later = now + place.wait, "send", place
        elif what == "send" and not pacer.holds(found, now):  # type: ignore[arg-type]
            later = now, "want", None
        elif what == "send" and allows(now):
            traffic.answered[int(now)] += 1
            later = now + latency * rng.uniform(0.5, 1.5), "reply", None
        elif what == "send":
            traffic.refused[int(now)] += 1
            later = now + 0.003, "refusal", now
        else:
            if what == "reply":
                pacer.served(1000)
            else:
                pacer.refused(now, found, retry_after)  # type: ignore[arg-type]
            later = now, "want", None
        heapq.heappush(events, (later[0], count, later[1], later[2]))
    return traffic


@pytest.mark.parametrize(("slots", "latency"), [(64, 0.05), (64, 0.3), (256, 0.5), (512, 1.0)])
@pytest.mark.parametrize("limiter", ["bucket", "window"])
def test_a_rate_limit_is_used_not_run_into(limiter: str, slots: int, latency: float) -> None:
    """100 a second with Retry-After 1: at least 85 useful ones, and few refusals after the first burst."""
    allows = bucket(RATE) if limiter == "bucket" else window()
    traffic = drive(Pacer(), allows, slots=slots, latency=latency)
    assert traffic.per_second(0, 60) >= 85
    assert sum(traffic.refused[2:]) <= 25


@pytest.mark.parametrize("burst", [1.0, 10.0])
def test_a_limit_that_allows_no_burst_is_found_from_below(burst: float) -> None:
    """The first burst is refused nearly whole, and says nothing about what a second allows."""
    traffic = drive(Pacer(), bucket(burst), slots=256)
    assert traffic.per_second(30, 60) >= 80


@pytest.mark.parametrize("retry_after", [None, 1.0, 5.0])
def test_refusals_become_rarer(retry_after: float | None) -> None:
    """Over minutes the limit is hardly run into any more, whatever the server says about waiting."""
    traffic = drive(Pacer(), window(), seconds=300, retry_after=retry_after)
    assert traffic.per_second(180, 300) >= 78
    assert sum(traffic.refused[180:]) <= 4


def test_a_limit_that_rises_is_followed() -> None:
    """From 100 to 400 a second: found within a minute and a half."""
    low, high = bucket(RATE), bucket(4 * RATE)

    def allows(now: float) -> bool:
        return low(now) if now < 60 else high(now * 4)

    traffic = drive(Pacer(), allows, slots=512, seconds=180)
    assert traffic.per_second(150, 180) >= 250


def test_nothing_waits_without_a_refusal() -> None:
    """No limit, no pace: every place in the row is the first."""
    pacer = Pacer()
    assert all(pacer.reserve(float(second)).wait == 0 for second in range(100))
    assert pacer.rate(5.0) is None


def test_a_refusal_holds_everything_back_for_as_long_as_the_server_asks() -> None:
    """Who had a place in the row has to take another one, behind the pause."""
    pacer = Pacer()
    before = pacer.reserve(0.0)
    sent = pacer.reserve(0.0)
    assert pacer.holds(sent, 0.0)
    pacer.refused(0.1, 0.0, 7.0)
    assert not pacer.holds(before, 0.2)
    assert pacer.reserve(0.2).wait == pytest.approx(6.9)


def test_a_pause_without_a_word_gets_longer_while_nothing_is_answered() -> None:
    """No Retry-After: one second, two, four …, and the pace is not cut for that."""
    pacer, now, waits = Pacer(), 0.0, []
    for _ in range(5):
        place = pacer.reserve(now)
        now += place.wait
        assert pacer.holds(place, now)
        pacer.refused(now + 0.01, now, None)
        now += 0.01
        waits.append(round(pacer.reserve(now).wait))
    assert waits == sorted(waits)
    assert waits[-1] >= 8


def test_the_users_ceilings_hold() -> None:
    """So many requests a minute, or as many as the tokens of an average exchange allow."""
    assert drive(Pacer(requests_per_minute=600), lambda _: True).per_second(0, 60) == pytest.approx(10, abs=1)
    by_tokens = drive(Pacer(tokens_per_minute=600_000), lambda _: True)  # at 1,000 an exchange
    assert by_tokens.per_second(20, 60) == pytest.approx(10, abs=1)


@dataclass
class Server:
    """So many at once at full speed; what comes beyond queues, or is refused beyond ``most``."""

    at_once: int
    most: int = 1 << 30

    def __post_init__(self) -> None:
        self.free = [0.0] * self.at_once
        self.in_flight = 0

    def send(self, now: float, seconds: float) -> float | None:
        """Return when the answer is there, or None for a 503."""
        if self.in_flight >= self.most:
            return None
        self.in_flight += 1
        done = max(now, heapq.heappop(self.free)) + seconds
        heapq.heappush(self.free, done)
        return done


def fill(auto: AutoLimit, server: Server, seconds: float) -> tuple[list[int], list[int], Traffic]:
    """Keep as many open as ``auto`` says; return the limits and the requests in flight, by second."""
    rng, traffic = random.Random(1), Traffic()
    limits, in_flight = [0] * int(seconds + 1), [0] * int(seconds + 1)
    events: list[tuple[float, int, str, float]] = []
    active = count = 0
    now = 0.0
    while now <= seconds:
        while active < auto.limit:
            active, count = active + 1, count + 1
            heapq.heappush(events, (now, count, "send", now))
        now, _, what, sent = heapq.heappop(events)
        limits[min(int(now), int(seconds))] = auto.limit
        in_flight[min(int(now), int(seconds))] = server.in_flight
        count += 1
        if what == "send":
            done = server.send(now, rng.uniform(0.5, 1.5))
            if done is not None:
                heapq.heappush(events, (done, count, "reply", now))
                continue
            traffic.refused[int(now)] += 1
            auto.overloaded(now, now - 0.005)
            heapq.heappush(events, (now + 0.5, count, "again", now))
        elif what == "again" and active <= auto.limit:
            heapq.heappush(events, (now, count, "send", now))
        else:
            active -= 1
            if what == "reply":
                server.in_flight -= 1
                traffic.answered[int(now)] += 1
                auto.replied(now, now - sent, busy=True)
    return limits, in_flight, traffic


@pytest.mark.parametrize("at_once", [16, 64, 256])
def test_auto_finds_what_a_server_can_do_at_once(at_once: int) -> None:
    """All of its speed, with a queue no longer than what it works on, and it stays there."""
    limits, _, traffic = fill(AutoLimit(8, 1024), Server(at_once), 120)
    assert traffic.per_second(40, 120) >= 0.97 * at_once
    assert max(limits[60:]) <= 2.5 * at_once
    assert max(limits[60:]) <= 1.3 * min(limits[60:-1])


def test_auto_goes_as_far_as_it_may_on_a_server_without_limits() -> None:
    """Doubling, so within half a minute at a second for a reply."""
    limits, _, _ = fill(AutoLimit(8, 1024), Server(5000), 40)
    assert limits[35] == 1024


def test_auto_stays_below_what_is_refused() -> None:
    """503 beyond 100 at once: most of them used, and refusals are one in a hundred."""
    _, _, traffic = fill(AutoLimit(8, 1024), Server(5000, most=100), 120)
    assert traffic.per_second(30, 120) >= 75
    assert sum(traffic.refused[30:120]) <= 0.015 * sum(traffic.answered[30:120])


def test_one_burst_of_refusals_cuts_once() -> None:
    """A hundred 503 to requests of one moment are one sign, not a hundred."""
    auto = AutoLimit(100, 1024)
    assert [auto.overloaded(10.0 + n / 100, 9.0) for n in range(5)] == [70] * 5
    assert auto.overloaded(12.0, 11.0) == 49


def test_a_run_with_too_little_work_says_nothing() -> None:
    """When not all slots are in use, a round proves nothing and changes nothing."""
    auto = AutoLimit(8, 1024)
    for second in range(200):
        auto.replied(float(second), 1.0, busy=False)
    assert auto.limit == 8
