"""Points 13, 14 and 15: what is counted, what goes over the wire, and a process that slept."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tests.endpoints.answers import error, usage
from tests.endpoints.cases import SOMETIMES_AGAIN, Case, Command, Expected
from tests.support.scripted_server import ELSEWHERE, Answer, Asked, Behaviour, Script, good

_BUDGET = ("--max-total-tokens", "1000000")
_USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
_COUNTED = {"prompt": 100, "completion": 10}


def _counts(name: str, found: Mapping[str, object], cached: int = 0) -> Case:
    """Every reply is counted as it was said, in whatever words."""
    expected = Expected(tokens=_COUNTED | {"cached": cached})
    return Case(13, Behaviour(name, usage(found)), expected, options=_BUDGET)


def _half(name: str, found: object) -> Case:
    """Nothing is believed by halves: the run goes on, and no count is below zero or beyond all measure."""

    def script(asked: Asked) -> Answer:
        return Answer(asked.good | {"usage": found})

    return Case(13, Behaviour(name, script))


_UNCOUNTED = [None] * 4  # of all that are in flight at first
_DEEPSEEK = _USAGE | {"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 36}
_ANTHROPIC = {"input_tokens": 100, "output_tokens": 10}

_BUDGETS = (
    Case(
        13,
        Behaviour("usage missing on the first replies, two runs", usage(*_UNCOUNTED, _USAGE)),
        Expected(asked=(16, 20)),
        options=_BUDGET,
        runs=2,
    ),
    Case(
        13,
        Behaviour("usage null on the first reply, two runs", usage({}, {}, {}, {}, _USAGE)),
        Expected(asked=(16, 20)),
        options=_BUDGET,
        runs=2,
    ),
    Case(
        13,
        Behaviour("usage missing always, with a budget of tokens", usage(None)),
        Expected(
            exit=1, rows=None, asked=(1, 20), once="error:", says=("max-minutes|max_minutes",), reasons=None
        ),
        options=_BUDGET,
    ),
    Case(13, Behaviour("usage missing always, no budget", usage(None))),
    Case(
        13,
        Behaviour("a budget of five replies", usage(_USAGE)),
        Expected(rows=None, asked=(5, 9), says=("budget",), reasons=None),
        options=("--max-total-tokens", "550"),
        count=8,
    ),
    Case(
        13,
        Behaviour(
            "a budget of five replies, usage without a completion",
            usage({"prompt_tokens": 100, "total_tokens": 110}),
        ),
        Expected(rows=None, asked=(5, 9), says=("budget",), reasons=None),
        options=("--max-total-tokens", "550"),
        count=8,
    ),
    _counts("usage as asked", _USAGE),
    _counts("completion_tokens missing", {"prompt_tokens": 100, "total_tokens": 110}),
    _counts("completion_tokens null", _USAGE | {"completion_tokens": None}),
    _counts("completion_tokens 0, total above the prompt", _USAGE | {"completion_tokens": 0}),
    _counts("input_tokens and output_tokens", _ANTHROPIC),
    _counts("input_tokens with a total", _ANTHROPIC | {"total_tokens": 110}),
    _counts(
        "cached tokens in prompt_tokens_details",
        _USAGE | {"prompt_tokens_details": {"cached_tokens": 64}},
        64,
    ),
    _counts("prompt_cache_hit_tokens (DeepSeek)", _DEEPSEEK, 64),
    _counts("cached_tokens beside the others (Moonshot)", _USAGE | {"cached_tokens": 64}, 64),
    _counts(
        "cached tokens in input_tokens_details",
        _ANTHROPIC | {"input_tokens_details": {"cached_tokens": 64}},
        64,
    ),
    _counts("cached tokens null", _USAGE | {"prompt_tokens_details": None}),
    _counts(
        "more cached than the prompt has", _USAGE | {"prompt_tokens_details": {"cached_tokens": 5000}}, 100
    ),
    _half("counts below zero", {"prompt_tokens": 100, "completion_tokens": -5, "total_tokens": 95}),
    _half("counts beyond all measure", {"prompt_tokens": 99999999999, "completion_tokens": 10}),
    _half("counts of text", {"prompt_tokens": "100", "completion_tokens": "ten"}),
    _half("counts of fractions and truths", {"prompt_tokens": 99.5, "completion_tokens": True}),
    _half("usage is a list", [1, 2]),
    _half("usage is a text", "110 tokens"),
)

_BIG = b" " * 1_000_000
_LIMIT = 300.0


def _bounded(name: str, answer: Answer) -> Case:
    """One reply has no end: it is given up, and the run needs no memory for it."""
    script: Script = lambda asked: answer if asked.number == 2 else good(asked)  # noqa: E731
    return Case(14, Behaviour(name, script), Expected(each=SOMETIMES_AGAIN, megabytes=_LIMIT, seconds=6.0))


def _zipped(whole: dict[str, Any]) -> bytes:
    return gzip.compress(orjson.dumps(whole))


def _sent(name: str, headers: dict[str, str], content_type: str = "application/json") -> Case:
    """It is read like any other."""
    script: Script = lambda asked: Answer(asked.good, headers=headers, content_type=content_type)  # noqa: E731
    return Case(14, Behaviour(name, script))


def _redirected(status: int, location: str) -> Script:
    return lambda asked: (
        good(asked) if "moved" in asked.path else Answer(status=status, headers={"Location": location})
    )


def _not_followed(name: str, script: Script, *says_what: str, **server: Any) -> Case:
    """It stops, and nothing is sent there."""
    expected = Expected(exit=1, rows=0, asked=(0, 4), once="error:", says=says_what, reasons=None)
    return Case(14, Behaviour(name, script, **server), expected)


def _waits(name: str, after: Callable[[], object]) -> Case:
    """What a 429 says of the time is understood; the run is through in a few seconds."""

    def script(asked: Asked) -> Answer:
        refusal = Answer(error("Too Many Requests"), 429, {"Retry-After": str(after())})
        return refusal if asked.number == 5 else good(asked)

    return Case(14, Behaviour(name, script), Expected(each=(1.0, 1.3), again="same", seconds=5.0))


_MOVED = "/moved/v1/chat/completions"
_WIRE = (
    _bounded("a body of 400 MB", Answer(_BIG, times=400)),
    _bounded("a body of 300 MB, its length told", Answer(_BIG * 300)),
    _bounded(
        "a small body that unpacks to 400 MB",
        Answer(gzip.compress(_BIG * 400, 1), headers={"Content-Encoding": "gzip"}),
    ),
    _bounded("an error of 300 MB", Answer(_BIG, status=500, times=300)),
    _sent("a header of 20 kB", {"Content-Security-Policy": "a" * 20_000}),
    _sent("forty headers of 1 kB", {f"X-Note-{number}": "a" * 1000 for number in range(40)}),
    _sent("JSON sent as text/html", {}, "text/html; charset=utf-8"),
    _sent("JSON sent as text/plain", {}, "text/plain"),
    _sent("JSON sent as text/event-stream", {}, "text/event-stream"),
    _sent("JSON sent as application/octet-stream", {}, "application/octet-stream"),
    Case(
        14,
        Behaviour(
            "JSON that is packed",
            lambda asked: Answer(_zipped(asked.good), headers={"Content-Encoding": "gzip"}),
        ),
    ),
    Case(
        14,
        Behaviour(
            "JSON after a byte order mark", lambda asked: Answer(b"\xef\xbb\xbf" + orjson.dumps(asked.good))
        ),
    ),
    Case(
        14,
        Behaviour(
            "JSON after blank lines (keep-alive)",
            lambda asked: Answer(b"\n\n  \n" + orjson.dumps(asked.good)),
        ),
    ),
    Case(14, Behaviour("307 on the same server", _redirected(307, _MOVED)), Expected(asked=(20, 40))),
    Case(14, Behaviour("308 on the same server", _redirected(308, _MOVED)), Expected(asked=(20, 40))),
    _not_followed(
        "301 that makes a GET of it",
        _redirected(301, "/v1/chat/completions/"),
        "redirect|301",
        other=Answer({"detail": "Method Not Allowed"}, 405),
    ),
    _not_followed("302 that makes a GET of it, a list comes", _redirected(302, "/v1/models"), "redirect|302"),
    _not_followed("307 to another server", _redirected(307, f"{ELSEWHERE}/chat/completions"), "redirect"),
    _not_followed("308 to another server", _redirected(308, f"{ELSEWHERE}/chat/completions"), "redirect"),
    _not_followed("301 to another server", _redirected(301, f"{ELSEWHERE}/chat/completions"), "redirect"),
    _not_followed(
        "307 of the list to another server",
        good,
        "redirect",
        models=(Answer(status=307, headers={"Location": f"{ELSEWHERE}/models"}),),
    ),
    _waits("Retry-After as Unix time", lambda: int(time.time()) + 1),
    _waits("Retry-After as Unix time in the past", lambda: 1_700_000_000),
    _waits("Retry-After as Unix time in milliseconds", lambda: int(time.time() * 1000) + 500),
    _waits("Retry-After with a unit", lambda: "1s"),
    _waits("Retry-After of nonsense", lambda: "soon"),
)


def _slept(
    name: str, script: Script, command: Command = "rollout", pauses: tuple[float, ...] = (1.3,), **more: Any
) -> Case:
    """Its requests were answered meanwhile: they are read, and nothing is asked twice."""
    settings = {"endpoint": {"timeout_seconds": 0.8, "give_up_seconds": 10.0, "concurrency": 8}}
    expected = Expected(paid_twice=False, each=(1.0, 1.2), **more)
    return Case(15, Behaviour(name, script), expected, command, settings, count=8, turns=3, pauses=pauses)


def _after(seconds: float, **headers: str) -> Script:
    return lambda asked: Answer(asked.good, seconds=seconds, headers=headers)


_ASLEEP = (
    _slept("stopped while eight requests are in flight", _after(0.3)),
    _slept("stopped twice", _after(0.3), pauses=(1.3, 1.3)),
    _slept("stopped, connections closed after the answer", _after(0.3, Connection="close")),
    _slept(
        "stopped, bodies in pieces", lambda asked: Answer(orjson.dumps(asked.good), seconds=0.3, pieces=3)
    ),
    _slept("stopped", _after(0.3), "transcript"),
    _slept("stopped", _after(0.3), "experiences"),
    Case(
        15,
        Behaviour(
            "an answer that is late for another reason",
            lambda asked: Answer(asked.good, seconds=3.0 if asked.number == 3 else 0.0),
        ),
        Expected(each=(1.0, 1.2), again="same", seconds=4.0),
        settings={"endpoint": {"timeout_seconds": 0.4}},
    ),
)
CASES = (*_BUDGETS, *_WIRE, *_ASLEEP)
