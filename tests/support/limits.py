"""Rate limits on a simulated clock: what a fleet of conversations gets through under each kind."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from soc_gen.llm.rate_limit import AdaptiveRateLimiter

Limiter = Callable[[float], float | None]
"""Takes the time of a request; None lets it pass, else so many seconds until it would have."""

_BACK_OFF = 0.25  # seconds, at most, before a refused request is repeated where the server names no time
_STALL = 0.03  # seconds, at most, for which the client is busy, about once in a hundred requests


def bucket(rate: float, burst: float | None = None) -> Limiter:
    """Return a limiter of ``rate`` a second that lets ``burst`` (a second's worth) through at once."""
    most = max(1.0, rate if burst is None else burst)
    tokens, refilled = most, 0.0

    def wait(now: float) -> float | None:
        nonlocal tokens, refilled
        tokens, refilled = min(most, tokens + (now - refilled) * rate), now
        if tokens < 1:
            return (1 - tokens) / rate
        tokens -= 1
        return None

    return wait


def window(rate: float, seconds: float = 1.0, phase: float = 0.0) -> Limiter:
    """Return a limiter of ``rate * seconds`` in each window; the first began ``phase`` of one ago."""
    current, used, most = -1, 0, max(1, round(rate * seconds))

    def wait(now: float) -> float | None:
        nonlocal current, used
        number = math.floor(now / seconds + phase)
        if number != current:
            current, used = number, 0
        used += 1
        return None if used <= most else (number + 1 - phase) * seconds - now

    return wait


def then(first: Limiter, second: Limiter, at: float) -> Limiter:
    """Return ``first`` until ``at``, then ``second``."""
    return lambda now: first(now) if now < at else second(now)


def at_random(share: float, inner: Limiter = lambda _: None, seed: int = 5) -> Limiter:
    """Return a limiter that refuses ``share`` of requests at random, and the others as ``inner`` does."""
    rng = random.Random(seed)
    return lambda now: 1.0 if rng.random() < share else inner(now)


@dataclass
class Traffic:
    """When requests were let through and when they were refused."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def per_second(self, begin: float, end: float) -> float:
        return sum(begin <= at < end for at in self.answered) / (end - begin)

    def refusals(self, begin: float, end: float = math.inf) -> int:
        return sum(begin <= at < end for at in self.refused)


def drive(
    pacer: AdaptiveRateLimiter,
    limiter: Limiter,
    *,
    slots: int = 64,
    latency: float = 0.3,
    seconds: float = 60.0,
    retry_after: float | str | None = 1.0,
    refusal: float = 0.01,
    seed: int = 1,
) -> Traffic:
    """Ask as fast as ``slots`` conversations and the pacer let us.

    Args:
        pacer: Under test.
        limiter: The endpoint.
        slots: Conversations.
        latency: Mean seconds of a reply, jittered by half of it.
        seconds: How long.
        retry_after: What a 429 says: seconds, None, or "end" for as long as it takes.
        refusal: Seconds until a 429 is there.
        seed: Of the jitter.
    """
    rng, traffic = random.Random(seed), Traffic()
    # (time, tie-break, what, what it is about)
    events: list[tuple[float, int, str, object]] = [(0.0, slot, "want", None) for slot in range(slots)]
    count, queue = slots, 0
    stall = 0.0  # the client is busy until then

    def later(seconds: float, what: str, about: object = None) -> None:
        nonlocal count
        count += 1
        heapq.heappush(events, (now + seconds, count, what, about))

    while events and events[0][0] <= seconds:
        now, _, what, found = heapq.heappop(events)
        now = max(now, stall)
        if what == "want":
            if rng.random() < 0.01:
                stall = now + rng.uniform(0.0, _STALL)
            queue += 1
            if queue == 1:
                later(0.0, "turn")
        elif what == "turn" and (wait := pacer.delay(now)) > 0:
            later(wait + rng.uniform(0, 0.002), "turn")  # a sleep ends a little late
        elif what == "turn":
            pacer.sent(now)
            later(rng.uniform(0.001, 0.004), "arrive", now)
            queue -= 1
            if queue:
                later(0.0, "turn")
        elif what == "arrive":
            refused = limiter(now)
            (traffic.answered if refused is None else traffic.refused).append(now)
            if refused is None:
                later(latency * rng.uniform(0.5, 1.5), "reply")
            else:
                later(refusal * rng.uniform(0.5, 1.5), "refusal", (found, refused))
        elif what == "reply":
            pacer.on_success(1000)
            later(0.0, "want")
        elif what == "refusal":
            sent_at, end = cast("tuple[float, float]", found)
            named = end if isinstance(retry_after, str) else retry_after
            pacer.on_rate_limited(now, sent_at, named)
            later(_BACK_OFF * rng.uniform(0.5, 1.0) if named is None else named, "want")
    return traffic
