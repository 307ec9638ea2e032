"""How fast to ask, learned from the endpoint's own words. Pure state: times come in, delays go out."""

from __future__ import annotations

from collections import deque

_WINDOW_SECONDS = 5.0
_KEEP = 0.95  # of the rate that was served before a refusal
_HOLD_SECONDS = 10.0  # at a rate known to be served, before more is tried
_GROWTH = 1.02  # for each second after that
_LOWEST = 0.2  # requests per second


class Pacer:
    """Spaces requests so that a rate limit is used, not run into.

    Without a refusal there is no pace at all. On a 429 everything waits as long as the server asks, and
    then goes on at a little less than what it served before; after a while it tries for more.

    Args:
        requests_per_minute: Ceiling set by the user.
        tokens_per_minute: Ceiling set by the user, prompt and completion together.
    """

    def __init__(
        self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self._ceiling = requests_per_minute / 60 if requests_per_minute else None
        self._token_rate = tokens_per_minute / 60 if tokens_per_minute else None
        self._learned: float | None = None
        self._learned_at = 0.0
        self._next = 0.0
        self._paused_until = 0.0
        self._served: deque[float] = deque()  # when the requests that were answered had been sent
        self._first: float | None = None

    def rate(self, now: float) -> float | None:
        """Return the requests per second allowed at ``now``; None is "as fast as you can"."""
        if self._learned is None:
            return self._ceiling
        grown: float = self._learned * _GROWTH ** max(0.0, now - self._learned_at - _HOLD_SECONDS)
        return min(grown, self._ceiling) if self._ceiling else grown

    def reserve(self, now: float) -> float:
        """Take the next place in the row; return the seconds to wait for it."""
        start = max(now, self._next, self._paused_until)
        rate = self.rate(now)
        self._next = start + (1 / rate if rate else 0.0)
        return start - now

    def served(self, sent_at: float, tokens: int) -> None:
        """Note that a request sent at ``sent_at`` was answered, and what it took."""
        if self._first is None:
            self._first = sent_at
        self._served.append(sent_at)
        while self._served and self._served[0] < sent_at - _WINDOW_SECONDS:
            self._served.popleft()
        if self._token_rate:
            self._next += tokens / self._token_rate

    def refused(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """Note a 429 to a request sent at ``sent_at``."""
        self._paused_until = max(self._paused_until, now + (retry_after or 0.0))
        if self._learned is not None and sent_at < self._learned_at:
            return  # sent before the pace was cut: it says nothing new
        self._learned = max(_LOWEST, self._served_rate(sent_at) * _KEEP)
        self._learned_at = max(now, self._paused_until)
        self._next = max(self._next, self._paused_until)

    def _served_rate(self, now: float) -> float:
        recent = [sent for sent in self._served if sent > now - _WINDOW_SECONDS]
        if not recent or self._first is None:
            return (self._learned or 1.0) / 2
        # At least a second: a burst at the start says what a second allows, not what a moment does.
        span = min(_WINDOW_SECONDS, max(1.0, now - max(self._first, self._learned_at or self._first)))
        fresh = [sent for sent in recent if sent > now - span]
        return max(1, len(fresh)) / span


class AutoLimit:
    """Finds how many conversations to keep open: more while more gets done, fewer on overload.

    Slots are doubled while that raises the throughput, then one step is tried now and then; a step that
    brought nothing (the server only queues) is taken back. Overload (429, 503, timeouts) cuts by three
    tenths, at most once for each round of requests, as TCP does (additive increase, multiplicative
    decrease; Chiu and Jain 1989).

    Args:
        limit: Where to start.
        highest: Where to stop.
    """

    def __init__(self, limit: int = 4, highest: int = 1024) -> None:
        self.limit = limit
        self._highest = highest
        self._round: list[float] = []  # seconds of the replies of this round
        self._round_began: float | None = None
        self._best: tuple[float, int] | None = None  # turns per second, slots
        self._ramping = True
        self._rounds_until_try = 0
        self._cut_at = float("-inf")

    def replied(self, now: float, seconds: float, *, busy: bool) -> int:
        """Note a reply; return the slots to have from now on.

        Args:
            now: Seconds on any clock.
            seconds: How long the reply took.
            busy: Whether all slots were in use; a run that has too little work says nothing.
        """
        if self._round_began is None:
            self._round_began = now - seconds
        self._round.append(seconds)
        if len(self._round) >= max(8, 2 * self.limit):
            if busy and now > self._round_began:
                self._judge(len(self._round) / (now - self._round_began))
            self._round, self._round_began = [], now
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
        if sent_at >= self._cut_at:
            self.limit = max(1, int(self.limit * 0.7))
            self._cut_at, self._ramping, self._best = now, False, None
            self._round, self._round_began, self._rounds_until_try = [], None, 8
        return self.limit
