"""How fast to ask, learned from the endpoint's own words. Pure state: times come in, delays go out."""

from __future__ import annotations

import math
from typing import NamedTuple

_PAUSE, _SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 0.01, 60.0  # seconds; the first where the server names none
_BACKOFF = 0.5  # of the silence so far: the next pause is at least that
_HOLD = 60.0  # seconds at a pace that is thought to be the limit, before more is tried
_RISE, _FASTEST_RISE = 16.0, 4.0  # seconds in which the pace then grows by e
_KEEP = 0.97  # of the last pace that was not too high yet, which was that of
_LAG = 1.25  # seconds before: the window of a second before the one that was full
_COARSE = 1.3  # growth in those seconds; beyond it, the two paces say little
_ENOUGH = 20  # requests; fewer say little
_SURE = 1.5  # longest over shortest time that the limit took; beyond it, they say little
_GAP = 1 / 3  # seconds; where requests are further apart, it is requests that make the pace known
_TOKENS = 2000.0  # of one exchange, before any was seen


class Reservation(NamedTuple):
    """A request's place in the queue."""

    wait: float
    """Seconds until the request may be sent."""
    generation: int
    """Of the queue: each 429 discards the queue and starts the next generation."""
    age: float
    """Seconds for which requests have waited for the pace, see ``AdaptiveRateLimiter``."""


class _Round(NamedTuple):
    """What was asked between two pauses."""

    began: float
    ended: float
    """When the first request that was refused was sent."""
    answered: int
    pace: float
    """At the end; infinite where there was none."""
    before: float
    """Pace a little earlier."""


class AdaptiveRateLimiter:
    """Spaces requests so that a rate limit is used, not run into.

    Without a refusal there is no pace at all. A 429 ends a round: everything waits as long as the server
    asks, and the queue starts anew at a pace judged from that round. A pace thought to be the limit is
    held for a minute, any other rises at once: by the square of the time, so first hardly, then fast.

    What a round brought is judged by two bounds. The limit allowed what was answered in no longer than the
    round and the silence after it (exact for a token bucket that has run dry, and where the silence ends
    with the server's window); and in no less than the round itself (nearly exact for a window of a second).
    Where they are far apart the pace is their geometric mean. Where a rising pace was refused, the one
    before it is known to work.

    Time counts only while the pace is what requests wait for: the age of a queue is the sum of its gaps.

    Args:
        requests_per_minute: Ceiling set by the user.
        tokens_per_minute: Ceiling set by the user, prompt and completion together.
    """

    def __init__(
        self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self._request_rate = requests_per_minute / 60 if requests_per_minute else math.inf
        self._token_rate = tokens_per_minute / 60 if tokens_per_minute else math.inf
        self._tokens = _TOKENS  # of one exchange, on average
        self._base, self._hold, self._rise = math.inf, 0.0, _RISE
        self._generation = 0
        self._next, self._next_age = 0.0, 0.0  # of the free place at the end of the queue
        self._probe_gap = 0.0  # seconds for which the first request of the queue is sent alone
        self._resume = 0.0  # when the pause is over
        self._began = math.inf  # when the round did
        self._sent = 0  # in this round
        self._age = 0.0  # of the queue when the last one was sent
        self._ended = -math.inf  # when the round before did, its first refusal there
        self._refused = 0.0  # when the last one that was refused was sent
        self._last: _Round | None = None
        self._earlier: _Round | None = None

    @property
    def rate(self) -> float | None:
        """Requests per second at the end of the queue; None is "as fast as you can"."""
        pace = self._pace(self._next_age)
        return pace if pace < math.inf else None

    def _pace(self, age: float) -> float:
        grown = max(0.0, age - self._hold) / self._rise
        learned = self._base * math.exp(min(grown * grown, 20.0))
        return min(self._request_rate, self._token_rate / self._tokens, learned)

    def reserve(self, now: float) -> Reservation:
        """Reserve the next place in the queue. After its wait, check that it still ``is_valid``."""
        start = max(now, self._next, self._resume)
        reservation = Reservation(start - now, self._generation, self._next_age)
        gap = 1 / self._pace(self._next_age)
        self._next = start + max(gap, self._probe_gap)
        self._probe_gap = 0.0
        if start > now:
            self._next_age += min(gap, _GAP)
        return reservation

    def is_valid(self, reservation: Reservation, now: float) -> bool:
        """Whether the request may be sent now; if not, a 429 came meanwhile: reserve again."""
        if reservation.generation != self._generation:
            return False
        self._began = min(self._began, now)
        self._sent += 1
        self._age = reservation.age
        return True

    def on_success(self, tokens: int) -> None:
        """Record a success that used ``tokens``, prompt and completion together."""
        self._tokens += 0.05 * (tokens - self._tokens)

    def on_rate_limited(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """Record a 429 to a request sent at ``sent_at``; ``retry_after`` is in seconds, None if not told."""
        last = self._noted(now, sent_at)
        unanswered = last.answered <= 0
        if unanswered and self._earlier is not None:
            # Refused as soon as all went on: the round before goes on, and so does the silence after it.
            last, self._earlier = self._earlier, None
        self._last = last
        self._refused = max(self._refused, sent_at)
        least = _PAUSE if retry_after is None else max(_SHORTEST_PAUSE, retry_after)
        longer = min(_LONGEST_PAUSE, _BACKOFF * (now - last.ended))
        self._resume = max(self._resume, now + max(least, longer))
        if last.answered > 0:
            self._judge(last)
        self._generation += 1
        self._next = self._next_age = 0.0
        self._probe_gap = 2 * (now - sent_at) if unanswered else 0.0

    def _noted(self, now: float, sent_at: float) -> _Round:
        """Return the round that has ended, without the request that was refused."""
        if self._last is not None and sent_at <= self._ended:
            # Of the burst that ended it: less of it was answered than it seemed.
            return self._last._replace(answered=self._last.answered - 1)
        pace, before = self._pace(self._age), self._pace(self._age - _LAG)
        self._earlier, self._ended = self._last, now
        ended = _Round(min(self._began, sent_at), sent_at, self._sent - 1, pace, before)
        self._began, self._sent = math.inf, 0
        return ended

    def _judge(self, last: _Round) -> None:
        """Set the pace to go on at."""
        longest, shortest = self._resume - last.began, self._refused - last.began
        sure = longest < _SURE * shortest and last.answered >= _ENOUGH
        # Of a burst, the shortest time is not known, but bursts are of a second's worth mostly.
        allowed = last.answered / math.sqrt(longest * (shortest + min(1.0, self._resume - self._refused)))
        first, coarse = last.pace == math.inf, last.pace > _COARSE * last.before
        if first:
            self._base = allowed
        elif not sure:
            self._base = math.sqrt(allowed * last.pace)
        elif coarse:
            self._base = math.sqrt(last.before * last.pace)
        elif last.pace > last.before:
            self._base = max(allowed, _KEEP * last.before)
        else:
            self._base = allowed
        self._hold = _HOLD if sure and not (first or coarse) else 0.0
        self._rise = min(_RISE, max(_FASTEST_RISE, last.answered)) if first else _RISE
