"""Pace and slots, learned: simulated endpoints, simulated clocks."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from soc_gen.engine.concurrency import AdaptiveConcurrency
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from tests.support.limits import Limiter, Traffic, bucket, drive, then, window

PHASES = (0.05, 0.4, 0.75)
"""Of a window, when the run begins."""


class Kind(NamedTuple):
    """A limiter, and what a run of two minutes makes of it."""

    rate: float
    """What it allows in a second."""
    limiter: Callable[[float], Limiter]
    first: float
    """Least share of that used in the first minute."""
    later: float
    """The same, in the second minute."""
    refused: int
    """At most, in the run; without the first seconds, when nothing is known."""
    slots: int = 64
    latency: float = 0.3
    retry_after: float | str | None = 1.0


def second(rate: float) -> Callable[[float], Limiter]:
    return lambda phase: window(rate, 1, phase)


def minute(rate: float) -> Callable[[float], Limiter]:
    return lambda phase: window(rate, 60, phase)


def any_phase(limiter: Callable[[], Limiter]) -> Callable[[float], Limiter]:
    return lambda _: limiter()


KINDS = {
    "bucket": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 10),
    "bucket, 8 slots": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 10, 8, 0.05),
    "bucket, 512 slots": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 10, 512, 3.0),
    "bucket, no word": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 10, retry_after=None),
    "bucket, to the end": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 15, retry_after="end"),
    "bucket of a tenth": Kind(100, any_phase(lambda: bucket(100, 10)), 0.7, 0.9, 10),
    "bucket of a minute": Kind(100, any_phase(lambda: bucket(100, 6000)), 0.98, 0.97, 20),
    "bucket, 500/s": Kind(500, any_phase(lambda: bucket(500)), 0.98, 0.97, 25, 512),
    "bucket, 5/s": Kind(5, any_phase(lambda: bucket(5)), 0.92, 0.92, 12),
    "bucket, 1/s": Kind(1, any_phase(lambda: bucket(1)), 0.78, 0.85, 20),
    "second": Kind(100, second(100), 0.87, 0.91, 12),
    "second, 8 slots": Kind(100, second(100), 0.84, 0.91, 12, 8, 0.05),
    "second, 512 slots": Kind(100, second(100), 0.87, 0.91, 12, 512, 3.0),
    "second, no word": Kind(100, second(100), 0.87, 0.91, 12, retry_after=None),
    "second, to the end": Kind(100, second(100), 0.95, 0.95, 15, retry_after="end"),
    "second, 500/s": Kind(500, second(500), 0.85, 0.87, 40, 512),
    "second, 30/s": Kind(30, second(30), 0.87, 0.91, 10),
    "second, 5/s": Kind(5, second(5), 0.8, 0.82, 14),
    "second, 1/s": Kind(1, second(1), 0.85, 0.85, 18),
    "minute": Kind(100, minute(100), 0.97, 0.85, 60),
    "minute, no word": Kind(100, minute(100), 0.97, 0.85, 60, retry_after=None),
    "minute, to the end": Kind(100, minute(100), 0.97, 0.97, 20, retry_after="end"),
    "20 a minute": Kind(20 / 60, minute(20 / 60), 0.97, 0.85, 40),
    "20 a minute, to the end": Kind(20 / 60, minute(20 / 60), 0.97, 0.85, 10, retry_after="end"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_rate_limit_is_used_not_run_into(name: str) -> None:
    """Every kind of limiter: nearly all that it allows, and hardly a refusal once it is known."""
    kind = KINDS[name]
    shares = []
    for seed, phase in enumerate(PHASES):
        traffic = drive(
            AdaptiveRateLimiter(),
            kind.limiter(phase),
            slots=kind.slots,
            latency=kind.latency,
            seconds=120,
            retry_after=kind.retry_after,
            seed=seed,
        )
        assert traffic.per_second(0, 60) >= kind.first * kind.rate
        assert traffic.refusals(3) <= kind.refused
        shares.append(traffic.per_second(60, 120) / kind.rate)
    assert sum(shares) / len(shares) >= kind.later


def test_refusals_become_rarer() -> None:
    """Over minutes the limit is run into about once in one of them."""
    traffic = drive(AdaptiveRateLimiter(), window(100), seconds=300)
    assert traffic.per_second(180, 300) >= 91
    assert traffic.refusals(180) <= 4


@pytest.mark.parametrize("kind", ["bucket", "second"])
@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_limit_that_changes_is_followed(kind: str, factor: float) -> None:
    """To a quarter, and to four times as much: found within a minute and a half, on average over phases."""
    shares = []
    for seed, phase in enumerate(PHASES):
        old, new = (
            bucket(rate) if kind == "bucket" else window(rate, 1, phase) for rate in (100, 100 * factor)
        )
        traffic = drive(AdaptiveRateLimiter(), then(old, new, 60), slots=512, seconds=210, seed=seed)
        shares.append(traffic.per_second(150, 210) / (100 * factor))
        assert traffic.refusals(60) <= 40
    assert sum(shares) / len(shares) >= 0.9


def test_a_server_that_refuses_slowly_is_not_given_up() -> None:
    """Many more are on their way when the first refusal is there; they end the same round."""
    traffic = drive(AdaptiveRateLimiter(), bucket(100), refusal=0.3, seconds=120)
    assert traffic.per_second(0, 120) >= 90
    assert traffic.refusals(0) <= 80


def test_slots_that_ask_too_little_do_not_raise_the_pace() -> None:
    """Time in which nobody waits for the pace says nothing of the limit."""
    pacer = AdaptiveRateLimiter()
    drive(pacer, bucket(100), slots=256, seconds=30)
    pace = pacer.rate
    drive_slowly = [pacer.reserve(100.0 + second) for second in range(300)]
    assert all(place.wait == 0 for place in drive_slowly)
    assert pacer.rate == pace


def test_a_late_refusal_does_not_end_a_second_round() -> None:
    """Sent before the pause, refused after it: the round that goes on is not judged by it."""
    pacer = AdaptiveRateLimiter()
    for _ in range(100):
        assert pacer.is_valid(pacer.reserve(0.0), 0.0)
    pacer.on_rate_limited(0.5, 0.0, 1.0)
    place = pacer.reserve(0.5)
    assert pacer.is_valid(place, 1.5)
    pace = pacer.rate
    pacer.on_rate_limited(1.6, 0.0, 1.0)
    assert pace is not None
    assert pacer.rate == pytest.approx(pace, rel=0.5)


def test_nothing_waits_without_a_refusal() -> None:
    """No limit, no pace: every place in the row is the first."""
    pacer = AdaptiveRateLimiter()
    assert all(pacer.reserve(float(second)).wait == 0 for second in range(100))
    assert pacer.rate is None


def test_a_refusal_holds_everything_back_for_as_long_as_the_server_asks() -> None:
    """Who had a place in the row has to take another one, behind the pause."""
    pacer = AdaptiveRateLimiter()
    before = pacer.reserve(0.0)
    sent = pacer.reserve(0.0)
    assert pacer.is_valid(sent, 0.0)
    pacer.on_rate_limited(0.1, 0.0, 7.0)
    assert not pacer.is_valid(before, 0.2)
    assert pacer.reserve(0.2).wait == pytest.approx(6.9)


def test_a_pause_without_a_word_gets_longer_while_nothing_is_answered() -> None:
    """No Retry-After: a second, and half as long again each time; the pace is not cut for that."""
    pacer, now, waits = AdaptiveRateLimiter(), 0.0, []
    for _ in range(9):
        place = pacer.reserve(now)
        now += place.wait
        assert pacer.is_valid(place, now)
        pacer.on_rate_limited(now + 0.01, now, None)
        now += 0.01
        waits.append(round(pacer.reserve(now).wait))
    assert waits == sorted(waits)
    assert 8 <= waits[-1] <= 12
    assert pacer.rate is None


def test_the_users_ceilings_hold() -> None:
    """So many requests a minute, or as many as the tokens of an average exchange allow."""
    assert drive(AdaptiveRateLimiter(requests_per_minute=600), lambda _: None).per_second(
        0, 60
    ) == pytest.approx(10, abs=1)
    by_tokens = drive(AdaptiveRateLimiter(tokens_per_minute=600_000), lambda _: None)  # at 1,000 an exchange
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


def fill(auto: AdaptiveConcurrency, server: Server, seconds: float) -> tuple[list[int], list[int], Traffic]:
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
            traffic.refused.append(now)
            auto.overloaded(now, now - 0.005)
            heapq.heappush(events, (now + 0.5, count, "again", now))
        elif what == "again" and active <= auto.limit:
            heapq.heappush(events, (now, count, "send", now))
        else:
            active -= 1
            if what == "reply":
                server.in_flight -= 1
                traffic.answered.append(now)
                auto.replied(now, now - sent, busy=True)
    return limits, in_flight, traffic


@pytest.mark.parametrize("at_once", [16, 64, 256])
def test_auto_finds_what_a_server_can_do_at_once(at_once: int) -> None:
    """All of its speed, with a queue no longer than what it works on, and it stays there."""
    limits, _, traffic = fill(AdaptiveConcurrency(8, 1024), Server(at_once), 120)
    assert traffic.per_second(40, 120) >= 0.97 * at_once
    assert max(limits[60:]) <= 2.5 * at_once
    assert max(limits[60:]) <= 1.3 * min(limits[60:-1])


def test_auto_goes_as_far_as_it_may_on_a_server_without_limits() -> None:
    """Doubling, so within half a minute at a second for a reply."""
    limits, _, _ = fill(AdaptiveConcurrency(8, 1024), Server(5000), 40)
    assert limits[35] == 1024


def test_auto_stays_below_what_is_refused() -> None:
    """503 beyond 100 at once: most of them used, and refusals are one in a hundred."""
    _, _, traffic = fill(AdaptiveConcurrency(8, 1024), Server(5000, most=100), 120)
    assert traffic.per_second(30, 120) >= 75
    assert traffic.refusals(30) <= 0.015 * 90 * traffic.per_second(30, 120)


def test_one_burst_of_refusals_cuts_once() -> None:
    """A hundred 503 to requests of one moment are one sign, not a hundred."""
    auto = AdaptiveConcurrency(100, 1024)
    assert [auto.overloaded(10.0 + n / 100, 9.0) for n in range(5)] == [70] * 5
    assert auto.overloaded(12.0, 11.0) == 49


def test_a_run_with_too_little_work_says_nothing() -> None:
    """When not all slots are in use, a round proves nothing and changes nothing."""
    auto = AdaptiveConcurrency(8, 1024)
    for second in range(200):
        auto.replied(float(second), 1.0, busy=False)
    assert auto.limit == 8
