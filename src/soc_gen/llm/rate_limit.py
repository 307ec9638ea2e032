"""How fast to ask, learned from the endpoint's refusals. Pure state: times come in, delays go out.

A token bucket whose pace is cut on a refusal (429) and rises again as time goes by; before the first
refusal there is no pace at all. After each cut a *trial* compares the slower pace with the faster one:

* With a rate limit, (nearly) nothing is refused at the slower pace: it is kept.
* Where about the same share is refused as before, refusals come by chance, and the faster pace finishes
  more: it is restored, and from then on refusals are borne up to twice that share.

What a refusal does depends on what is known:

* Not yet known to come by chance, or many in a row with nothing that went through between them: all requests
  wait as long as the server asks (``_pause``), then go on at what went through from pause to pause.
* Known to come by chance, but more than that explains: nobody waits but the refused request itself; the
  others go on at the pace at which requests went through meanwhile (``_slow_down``).
* Known to come by chance and no more than usual: nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass

_PAUSE, _SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 0.01, 60.0  # seconds; the first where the server names none
_BACKOFF = 0.5  # of the silence so far: the next pause is at least that
# The pace after a cut.
_KEEP = 0.98  # of a pace that was just above the limit
_LAG = 1.25  # seconds before a refusal, when the pace still was right: before the window that was full
_LONG = 4.0  # pauses; a pace that went well for longer was just above the limit
_FEW = 0.2  # share of requests refused, up to which a pace was just above the limit
_HOLD = 60.0  # seconds for which a pace just below the limit is kept, before it rises
_RISE, _FASTEST_RISE = 16.0, 1.0  # seconds in which the pace then grows by e
_GAP = 1 / 3  # seconds; where requests are further apart, it is requests that make the pace known
_LATE = 0.05  # seconds for which the pace is made up, where a request went later than it could
# What is chance.
_MANY = 8  # refusals that are no chance: in a row, or beyond twice the share that is
_ENOUGH = 10  # requests that went through, at least, to know how many do in a second
_TOLERATED = 0.5  # share of refusals, at most, that is ignored
_REMEMBERED = 2000  # requests
_PATIENCE = 4  # times as many requests as before, in which as many are refused if they are by chance
_COMPARED = 100  # requests before a cut, at most, with which a trial is compared
_TOKENS = 2000.0  # of one exchange, before any was seen


@dataclass
class _Round:
    """What was asked from one pause to the next."""

    began: float = math.inf
    ended: float = math.inf
    """When the first request was sent that was refused."""
    passed: int = 0
    """Requests that were not refused."""
    refused: int = 0
    pace: float = math.inf
    """At its end."""
    before: float = math.inf
    """Pace a little earlier."""


@dataclass
class _Trial:
    """A slower pace, compared with the faster one before it."""

    faster: float
    requests: int
    """At the faster pace; of these ``refusals`` were refused."""
    refusals: int
    sent: int = 0
    """At the slower pace; of these ``refused`` were."""
    refused: int = 0


class AdaptiveRateLimiter:
    """Spaces requests so that a rate limit is used, not run into; see the module for how.

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
        self._age = 0.0  # seconds for which requests have waited for this pace
        self._changed = -math.inf  # when the pace was; requests sent before say nothing of the new one
        self._next = -math.inf  # when the next request may be sent
        self._resume = -math.inf  # when the pause is over
        self._alone = 0.0  # seconds for which the first request after it goes alone
        self._round, self._last = _Round(), _Round()
        self._passed: list[float] = []  # when the latest requests were sent that were not refused
        self._row: deque[float] = deque(maxlen=_MANY)  # the same of those that were
        self._chance = 0.0  # share of requests that is refused at any pace
        self._excess = 0.0  # refusals that this does not explain
        self._since, self._refused = 0.0, 0  # the first of them, and all refusals from it on
        self._trial: _Trial | None = None

    @property
    def rate(self) -> float | None:
        """Requests per second; None is "as fast as you can"."""
        pace = min(self._request_rate, self._token_rate / self._tokens, self._learned(self._age))
        return pace if pace < math.inf else None

    def _learned(self, age: float) -> float:
        grown = max(0.0, age - self._hold) / self._rise
        return self._base * math.exp(min(grown * grown, 20.0))

    def delay(self, now: float) -> float:
        """Return the seconds until the next request may be sent, 0 for now; then ask again."""
        return max(0.0, max(self._next, self._resume) - now)

    def sent(self, now: float) -> None:
        """Record that a request is sent."""
        gap = 1 / (self.rate or math.inf)
        planned = now
        if self._next >= now - max(gap, _LATE):  # it has waited for the pace
            self._age += min(gap, _GAP)
            planned = max(self._next, now - _LATE)  # so that the next ones make up for a late one
        self._next = max(planned + gap, now + self._alone if self._alone else 0.0)
        self._alone = 0.0
        self._round.began = min(self._round.began, now)
        self._round.passed += 1
        self._passed.append(now)
        if len(self._passed) > 2 * _REMEMBERED:
            del self._passed[:_REMEMBERED]
        self._excess = max(0.0, self._excess - min(_TOLERATED, 2 * self._chance))
        trial = self._trial
        if trial is not None:
            trial.sent += 1
            if trial.sent >= _PATIENCE * trial.requests:
                self._chance, self._trial = trial.refused / trial.sent, None

    def on_success(self, tokens: int) -> None:
        """Record a success that used ``tokens``, prompt and completion together."""
        self._tokens += 0.05 * (tokens - self._tokens)

    def on_rate_limited(self, now: float, sent_at: float, retry_after: float | None) -> bool:
        """Record a 429; return whether all requests have to wait, not only the one that was refused.

        Args:
            now: Seconds on any clock.
            sent_at: When the request was sent.
            retry_after: Seconds for which the server asks to wait, None if it does not say.
        """
        place = bisect_right(self._passed, sent_at) - 1
        if place >= 0:
            del self._passed[place]
        if sent_at <= self._changed:
            self._correct(sent_at, now)
            return now < self._resume
        self._round.passed -= 1
        self._round.refused += 1
        self._row.append(sent_at)
        if self._excess <= 0:
            self._since, self._refused = sent_at, 0
        self._refused += 1
        self._excess += 1
        if self._is_shut(sent_at):
            self._pause(now, sent_at, retry_after)
            return True
        if self._trial is not None:
            self._refused_on(self._trial, now)
        elif self._excess >= _MANY:
            self._slow_down(now)
        return False

    def _refused_on(self, trial: _Trial, now: float) -> None:
        """Count a refusal at the slower pace, and go back to the faster one when it is no better."""
        trial.refused += 1
        if trial.refused < trial.refusals:
            return
        share = (trial.refusals + trial.refused) / (trial.requests + trial.sent)
        if share > _TOLERATED:
            self._slow_down(now)
        else:
            self._chance, self._trial = share, None
            self._go_on(now, trial.faster)

    def _between(self, begin: float, end: float) -> int:
        """Return how many requests went through of those sent from ``begin`` to ``end``."""
        return bisect_right(self._passed, end) - bisect_left(self._passed, begin)

    def _is_shut(self, sent_at: float) -> bool:
        """Whether a refusal is a sign that nothing goes through for now."""
        if not self._between(self._resume, sent_at):
            return True  # as before the pause
        if not self._chance:
            return self._trial is None
        return len(self._row) == _MANY and self._between(min(self._row), max(self._row)) == 0

    def _pause(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """Let all requests wait."""
        # Refused as soon as all went on, the round before goes on, and so does the silence after it.
        unanswered = not self._between(self._resume, sent_at) and self._last.passed > 0
        if not unanswered:
            self._round.ended, self._round.pace = min(self._row), self._learned(self._age)
            self._round.before = self._learned(self._age - _LAG)
            self._last = self._round
        least = _PAUSE if retry_after is None else max(_SHORTEST_PAUSE, retry_after)
        longer = min(_LONGEST_PAUSE, _BACKOFF * (now - self._last.ended))
        self._resume = max(self._resume, now + max(least, longer))
        self._round, self._changed = _Round(), now
        self._alone = 2 * (now - sent_at) if unanswered else 0.0
        self._judge(now)

    def _correct(self, sent_at: float, now: float) -> None:
        """Count one more refusal of the burst that has ended a round."""
        if now < self._resume and sent_at >= self._last.began:
            self._last.passed -= 1
            self._last.refused += 1
            self._last.ended = min(self._last.ended, sent_at)
            self._judge(self._changed)

    def _judge(self, paused: float) -> None:
        """Set the pace for the time after a pause by what went through until then."""
        last = self._last
        if last.passed <= 0:
            return
        lasted, waits = last.ended - last.began, self._resume - last.ended
        if last.pace < math.inf and lasted > _LONG * waits:
            self._go_on(paused, _KEEP * last.before, _HOLD)
        else:
            # Exact for a token bucket that has run dry, too low for a window.
            allowed = last.passed / (lasted + waits)
            # More went through after the first refusal than such a limit lets through: then it is none.
            later = self._between(last.ended, paused) - 1
            if later >= 2 * last.refused:
                allowed = max(allowed, later / max(paused - last.ended, 0.001))
            # The fewer requests there were before the first refusal, the less they say.
            rise = max(_FASTEST_RISE, _RISE * last.passed / _COMPARED)
            self._go_on(paused, allowed, rise=min(_RISE, rise) if last.pace == math.inf else _RISE)
        self._try(last.pace, min(_COMPARED, last.passed) + last.refused, last.refused)

    def _slow_down(self, now: float) -> None:
        """Go on at what went through since refusals became too many, and compare."""
        until = max(self._row)
        passed = self._between(self._since, until)
        if passed < _ENOUGH or until <= self._since:
            return
        faster, share = self._learned(self._age), self._refused / (passed + self._refused)
        allowed = passed / (until - self._since)
        pace = _KEEP * min(faster, allowed)
        trial = self._try(faster, passed + self._refused, self._refused)
        self._go_on(now, pace, _HOLD if share <= _FEW else _PATIENCE * trial.requests / pace)

    def _try(self, faster: float, requests: int, refusals: int) -> _Trial:
        """Begin a trial; where the last one is not over, it is of both cuts."""
        if self._trial is not None:
            faster = self._trial.faster
        enough = min(_MANY, refusals)
        self._trial = _Trial(faster, math.ceil(requests * enough / refusals), enough)
        return self._trial

    def _go_on(self, now: float, pace: float, hold: float = 0.0, rise: float = _RISE) -> None:
        """Set the pace, which is kept for ``hold`` seconds and then grows by e in ``rise`` seconds."""
        self._base, self._hold, self._rise = pace, hold, rise
        self._age, self._changed, self._next = 0.0, now, -math.inf
        self._excess, self._refused = 0.0, 0
        self._row.clear()
