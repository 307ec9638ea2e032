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
from tests.support.limits import Limiter, Traffic, at_random, bucket, drive, then, window

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
    "bucket": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 40),
    "bucket, 8 slots": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 40, 8, 0.05),
    "bucket, 512 slots": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 40, 512, 3.0),
    "bucket, no word": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 40, retry_after=None),
    "bucket, to the end": Kind(100, any_phase(lambda: bucket(100)), 0.98, 0.97, 1500, retry_after="end"),
    "bucket of a tenth": Kind(100, any_phase(lambda: bucket(100, 10)), 0.7, 0.9, 10),
    "bucket of a minute": Kind(100, any_phase(lambda: bucket(100, 6000)), 0.98, 0.95, 300),
    "bucket, 500/s": Kind(500, any_phase(lambda: bucket(500)), 0.98, 0.97, 40, 512),
    "bucket, 5/s": Kind(5, any_phase(lambda: bucket(5)), 0.92, 0.92, 120),
    "bucket, 1/s": Kind(1, any_phase(lambda: bucket(1)), 0.75, 0.75, 90),
    "second": Kind(100, second(100), 0.85, 0.93, 60),
    "second, 8 slots": Kind(100, second(100), 0.84, 0.93, 12, 8, 0.05),
    "second, 512 slots": Kind(100, second(100), 0.84, 0.93, 12, 512, 3.0),
    "second, no word": Kind(100, second(100), 0.85, 0.93, 60, retry_after=None),
    "second, to the end": Kind(100, second(100), 0.95, 0.95, 80, retry_after="end"),
    "second, 500/s": Kind(500, second(500), 0.85, 0.92, 40, 512),
    "second, 30/s": Kind(30, second(30), 0.82, 0.91, 90),
    "second, 5/s": Kind(5, second(5), 0.8, 0.9, 100),
    "second, 1/s": Kind(1, second(1), 0.85, 0.9, 80),
    "minute": Kind(100, minute(100), 0.97, 0.85, 60),
    "minute, no word": Kind(100, minute(100), 0.97, 0.85, 80, retry_after=None),
    "minute, to the end": Kind(100, minute(100), 0.97, 0.94, 20, retry_after="end"),
    "20 a minute": Kind(20 / 60, minute(20 / 60), 0.97, 0.85, 120),
    "20 a minute, to the end": Kind(20 / 60, minute(20 / 60), 0.97, 0.75, 100, retry_after="end"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_rate_limit_is_used_not_run_into(name: str) -> None:
    """Every kind of limiter: nearly all that it allows, and few refusals once it is known."""
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
    assert traffic.per_second(180, 300) >= 93
    assert traffic.refusals(180) <= 8


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
        assert traffic.refusals(60) <= 120
    assert sum(shares) / len(shares) >= 0.9


def test_a_server_that_refuses_slowly_is_not_given_up() -> None:
    """Many more are on their way when the first refusal is there; they end the same round."""
    traffic = drive(AdaptiveRateLimiter(), bucket(100), refusal=0.3, seconds=120)
    assert traffic.per_second(0, 120) >= 90
    assert traffic.refusals(0) <= 250


def test_slots_that_ask_too_little_do_not_raise_the_pace() -> None:
    """Time in which nobody waits for the pace says nothing of the limit."""
    pacer = AdaptiveRateLimiter()
    drive(pacer, bucket(100), slots=256, seconds=30)
    pace = pacer.rate
    for second in range(100, 400):
        assert pacer.delay(second) == 0
        pacer.sent(second)
    assert pacer.rate == pace


def ask(pacer: AdaptiveRateLimiter, now: float, count: int) -> float:
    """Send ``count`` requests, none of which is refused; return when the last one is sent."""
    for _ in range(count):
        now += max(0.001, pacer.delay(now))
        pacer.sent(now)
    return now


def test_a_late_refusal_does_not_end_a_second_round() -> None:
    """Sent before the pause, refused after it: the round that goes on is not judged by it."""
    pacer = AdaptiveRateLimiter()
    sent = ask(pacer, 0.0, 100)
    pacer.on_rate_limited(0.5, sent, 1.0)
    now = ask(pacer, 0.5, 1)
    pace = pacer.rate
    assert not pacer.on_rate_limited(now + 0.1, sent, 1.0)
    assert pacer.delay(now + 0.1) <= 0.1
    assert pacer.rate == pace is not None


def test_nothing_waits_without_a_refusal() -> None:
    """No limit, no pace: every request may be sent at once."""
    pacer = AdaptiveRateLimiter()
    for number in range(100):
        assert pacer.delay(number / 10_000) == 0
        pacer.sent(number / 10_000)
    assert pacer.rate is None


def test_a_refusal_holds_everything_back_for_as_long_as_the_server_asks() -> None:
    """The first one, of which nobody knows whether it is a limit."""
    pacer = AdaptiveRateLimiter()
    sent = ask(pacer, 0.0, 2)
    assert pacer.on_rate_limited(0.1, sent, 7.0)
    assert pacer.delay(0.2) == pytest.approx(6.9)
    assert pacer.delay(7.1) == 0


def test_a_pause_without_a_word_gets_longer_while_nothing_is_answered() -> None:
    """No Retry-After: a second, and half as long again each time; the pace is not cut for that."""
    pacer, now, waits = AdaptiveRateLimiter(), 0.0, []
    for _ in range(9):
        now += pacer.delay(now)
        pacer.sent(now)
        pacer.on_rate_limited(now + 0.01, now, None)
        now += 0.01
        waits.append(round(pacer.delay(now)))
    assert waits == sorted(waits)
    assert 8 <= waits[-1] <= 12
    assert pacer.rate is None


@pytest.mark.parametrize(("passed", "by_chance"), [(1, True), (42, True), (43, False)])
def test_what_is_refused_at_a_slower_pace_as_well_is_refused_by_chance(passed: int, by_chance: bool) -> None:
    """One of 11, and again one of fewer than four times as many: the cut is taken back and nobody waits."""
    pacer = AdaptiveRateLimiter()
    sent = ask(pacer, 0.0, 11)
    assert pacer.on_rate_limited(sent + 0.01, sent, 1.0)
    assert pacer.rate is not None
    sent = ask(pacer, sent + 0.01, passed + 1)
    assert pacer.on_rate_limited(sent + 0.01, sent, 1.0) is not by_chance
    assert (pacer.rate is None) is by_chance


def test_eight_refusals_in_a_row_are_no_chance() -> None:
    """Of refusals that come by chance, seven in a row are borne; the eighth makes everybody wait."""
    pacer = AdaptiveRateLimiter()
    for number in (11, 10):
        sent = ask(pacer, 2.0 * number, number)
        pacer.on_rate_limited(sent + 0.01, sent, 1.0)
    found = []
    for _ in range(8):
        sent = ask(pacer, sent + 0.01, 1)
        found.append(pacer.on_rate_limited(sent + 0.01, sent, 1.0))
    assert found == [False] * 7 + [True]


@pytest.mark.parametrize("retry_after", [0.0, None, 1.0])
@pytest.mark.parametrize(("share", "least"), [(0.01, 0.85), (0.05, 0.7), (0.1, 0.6), (0.2, 0.4)])
def test_random_refusals_do_not_set_the_pace(share: float, least: float, retry_after: float | None) -> None:
    """Most of what goes through without them from the first second on; a true limit beside them is used."""
    unlimited = drive(AdaptiveRateLimiter(), lambda _: None).per_second(0, 60)
    for seed in (1, 2, 3):
        free = drive(AdaptiveRateLimiter(), at_random(share, seed=seed), retry_after=retry_after, seed=seed)
        assert free.per_second(0, 60) >= least * unlimited
        both = at_random(share, bucket(100), seed=seed)
        limited = drive(AdaptiveRateLimiter(), both, retry_after=retry_after, seed=seed)
        assert limited.per_second(0, 60) >= 80


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
