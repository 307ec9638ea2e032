"""Point 4: refusals at random are not a rate limit; true limits are kept to as well as before."""

from __future__ import annotations

import random
import time

from tests.endpoints.answers import answers, error
from tests.endpoints.cases import Bounds, Case, Expected
from tests.support.scripted_server import Answer, Asked, Behaviour, Script

_LATENCY = 0.02
_FLEET = {"endpoint": {"concurrency": 16, "give_up_seconds": 20.0}}
_BUSY = error("Provider returned error", code=429, metadata={"raw": "temporarily rate-limited upstream"})


def _works(asked: Asked) -> Answer:
    return Answer(asked.good, seconds=_LATENCY)


def _share(share: float) -> Script:
    """A 429 for a share of the requests, whatever the pace."""
    return _refusing(share, 429, error("Too Many Requests"))


def _refusing(share: float, status: int, body: object, **headers: str) -> Script:
    def drawn(asked: Asked) -> bool:
        return random.Random(asked.number * 7919).random() < share

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answers(status, body, when=drawn, then=_works, headers=named)


def _limited(rate: float, *, window: bool) -> Script:
    """``rate`` requests a second: a bucket that is refilled all the time, or each second anew."""
    left, since = rate, 0.0

    def script(asked: Asked) -> Answer:
        nonlocal left, since
        now = time.monotonic()
        if asked.number == 0:
            left, since = rate, now
        if window:
            left, since = (rate, now) if now - since >= 1 else (left, since)
        else:
            left, since = min(rate, left + (now - since) * rate), now
        if left < 1:
            return Answer(error("Rate limit reached"), 429, {"Retry-After": "1"})
        left -= 1
        return _works(asked)

    return script


def _keeps_pace(name: str, script: Script, seconds: float, each: Bounds, *, count: int = 24) -> Case:
    expected = Expected(seconds=seconds, each=each, again="same")
    return Case(
        4, Behaviour(name, script), expected, settings=_FLEET, count=count, turns=8, seconds=seconds + 3
    )


CASES = (
    _keeps_pace("no refusals", _share(0.0), 4.0, (1.0, 1.1)),
    _keeps_pace("429 for 5 % at random", _share(0.05), 5.0, (1.0, 1.25)),
    _keeps_pace("429 for 10 % at random", _share(0.1), 6.0, (1.0, 1.35)),
    _keeps_pace("429 for 20 % at random", _share(0.2), 8.0, (1.1, 1.65)),
    _keeps_pace("429 for 10 %, Retry-After 0", _refusing(0.1, 429, _BUSY, Retry_After="0"), 6.0, (1.0, 1.35)),
    _keeps_pace("429 for 5 %, Retry-After 1", _refusing(0.05, 429, _BUSY, Retry_After="1"), 9.0, (1.0, 1.25)),
    _keeps_pace("429 inside a 200 for 10 % (OpenRouter)", _refusing(0.1, 200, _BUSY), 6.0, (1.0, 1.35)),
    _keeps_pace("529 for 10 %", _refusing(0.1, 529, error("Overloaded")), 6.0, (1.0, 1.35)),
    _keeps_pace("a bucket of 80 a second", _limited(80, window=False), 6.0, (1.0, 1.3)),
    _keeps_pace("a window of 80 a second", _limited(80, window=True), 7.0, (1.0, 1.4)),
)
