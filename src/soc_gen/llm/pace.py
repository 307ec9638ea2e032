"""How fast to ask, learned from the endpoint's own words. Pure state: times come in, delays go out."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

_SPAN = 1.0  # seconds: a burst at the start says what a second allows, not what a moment does
_KEEP = 0.97  # of what was answered for each second before a refusal
_KEEP_OF_SHORT = 0.8  # the same, where more time went by waiting than asking
_LEAST_KEPT = 0.9  # of a pace that was reached slowly
_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds, where the server does not say how long
_FIRST_HOLD, _LONGEST_HOLD = 3.0, 60.0  # seconds at a pace that is known to work, before more is tried
_RAMP = 0.5  # growth for each second (as an exponent), until the limit has been met on purpose
_LOWEST = 0.2  # requests per second
_FRUITLESS = 3  # requests: no more than that in a round say nothing about the pace
_TOKENS = 2000.0  # of one exchange, before any was seen


class Place(NamedTuple):
    """A place in the row."""

    wait: float
    """Seconds until it is its turn."""
    round: int


class Pacer:
    """Spaces requests so that a rate limit is used, not run into.

    Without a refusal there is no pace at all. A 429 ends a round: everything waits as long as the server
    asks, and goes on at a little less than what was answered in that round. From there the pace is raised
    at once until it is refused again, since a burst says little; then it is held for a while before more is
    tried, and each time that more is refused the while gets twice as long.

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
        self._learned: float | None = None
        self._ramping = True
        self._hold = _FIRST_HOLD
        self._next = 0.0
        self._round = 0
        self._began: float | None = None  # when the round did, its pause over
        self._count = 0  # sent in this round
        self._recent: deque[float] = deque()  # when the last ones were sent, while the pace is raised
        self._ended = float("-inf")  # when the round before did
        self._answered = 0.0  # in the seconds by which that is judged
        self._asked: float | None = None  # its pace at the end, where that was reached slowly
        self._seconds = _SPAN
        self._fruitless = 0  # rounds in a row in which hardly anything was answered

    def rate(self, now: float) -> float | None:
        """Return the requests per second allowed at ``now``; None is "as fast as you can"."""
        ceiling = min(self._request_rate, self._token_rate / self._tokens)
        if self._learned is None:
            return ceiling if ceiling < math.inf else None
        since = max(0.0, now - (self._began or now))
        if self._ramping:
            exponent = _RAMP * max(0.0, since - _SPAN)
        else:
            beyond = max(0.0, since - self._hold)
            exponent = 0.01 * beyond + 0.01 * beyond * beyond
        return min(ceiling, self._learned * math.exp(min(exponent, 20.0)))

    def reserve(self, now: float) -> Place:
        """Take the next place in the row. Once its time has come, ask whether it ``holds``."""
        start = max(now, self._next, self._began or now)
        rate = self.rate(start)
        self._next = start + (1 / rate if rate else 0.0)
        return Place(start - now, self._round)

    def holds(self, place: Place, now: float) -> bool:
        """Whether a request may go now; else the row was formed anew, and another place must be taken."""
        if place.round != self._round:
            return False
        self._began = now if self._began is None else self._began
        self._count += 1
        if self._ramping:
            self._recent.append(now)
            while self._recent[0] < now - _SPAN:
                self._recent.popleft()
        return True

    def served(self, tokens: int) -> None:
        """Note that a request was answered, and what it took."""
        self._tokens += 0.05 * (tokens - self._tokens)

    def refused(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """Note a 429 to a request sent at ``sent_at``."""
        if sent_at <= self._ended:
            # Of the burst that ended the round before: less of it was answered than it seemed.
            self._answered -= 1
        else:
            self._end_round(now)
        pause = min(_LONGEST_PAUSE, _PAUSE * 2.0**self._fruitless) if retry_after is None else retry_after
        self._began = max(self._began or now, now + pause)
        if not self._fruitless or self._learned is None:
            self._learned = max(_LOWEST, self._judged(pause))

    def _judged(self, pause: float) -> float:
        """Return the pace to go on at, after what the round that has ended brought."""
        keep = _KEEP if self._seconds >= pause else _KEEP_OF_SHORT
        measured = keep * self._answered / self._seconds
        if self._asked is None:
            return measured
        return min(max(measured, min(keep, _LEAST_KEPT) * self._asked), keep * self._asked)

    def _end_round(self, now: float) -> None:
        self._asked = None if self._ramping else self.rate(now)
        self._seconds = _SPAN if self._ramping else max(_SPAN, now - (self._began or now))
        self._answered = (len(self._recent) if self._ramping else self._count) - 1.0
        # Refused as soon as all went on: the wait was too short, which says nothing of the pace.
        fruitless = self._learned is not None and self._count <= _FRUITLESS
        self._fruitless = self._fruitless + 1 if fruitless else 0
        if self._learned is not None and not fruitless:
            if not self._ramping and self._seconds > self._hold:
                self._hold = min(self._hold * 2, _LONGEST_HOLD)
            self._ramping = False
        self._recent.clear()
        self._round, self._count = self._round + 1, 0
        self._ended, self._began, self._next = now, now, 0.0


class AutoLimit:
    """Finds how many conversations to keep open: more while more gets done, fewer on overload.

    Slots are doubled while that raises the throughput, then one step is tried now and then; a step that
    brought nothing (the server only queues) is taken back. Overload (429, 503, timeouts) cuts by three
    tenths, and no second time before the first can have had an effect, as TCP does (additive increase,
    multiplicative decrease; Chiu and Jain 1989).

    Args:
        limit: Where to start.
        highest: Where to stop.
    """

    def __init__(self, limit: int = 4, highest: int = 1024) -> None:
        self.limit = limit
        self._highest = highest
        self._round = 0  # replies of this round
        self._round_began: float | None = None
        self._best: tuple[float, int] | None = None  # turns per second, slots
        self._ramping = True
        self._rounds_until_try = 0
        self._cut_at = float("-inf")
        self._seconds = 0.0  # of a reply, on average

    def replied(self, now: float, seconds: float, *, busy: bool) -> int:
        """Note a reply; return the slots to have from now on.

        Args:
            now: Seconds on any clock.
            seconds: How long the reply took.
            busy: Whether all slots were in use; a run that has too little work says nothing.
        """
        if self._round_began is None:
            self._round_began = now - seconds
        self._round += 1
        self._seconds += 0.1 * (seconds - self._seconds)
        if self._round >= max(8, 2 * self.limit):
            if busy and now > self._round_began:
                self._judge(self._round / (now - self._round_began))
            self._round, self._round_began = 0, now
        return self.limit

    def _judge(self, throughput: float) -> None:
        if self._best is None or throughput > self._best[0] * 1.05:
            self._best = (throughput, self.limit)
            self._rounds_until_try = 0
        elif self.limit > self._best[1]:
            # More slots, not more turns: the server queues.
            self.limit, self._ramping, self._rounds_until_try = self._best[1], False, 8
            return
        if self._rounds_until_try > 0:
            self._rounds_until_try -= 1
            return
        step = self.limit if self._ramping else max(1, self.limit // 8)
        self.limit = min(self._highest, self.limit + step)

    def overloaded(self, now: float, sent_at: float) -> int:
        """Note a 429, 503 or timeout to a request sent at ``sent_at``; return the slots to have."""
        # Open conversations step back when their turn is there, one reply later.
        if sent_at >= self._cut_at + self._seconds:
            self.limit = max(1, int(self.limit * 0.7))
            self._cut_at, self._ramping, self._best = now, False, None
            self._round, self._round_began, self._rounds_until_try = 0, None, 8
        return self.limit
