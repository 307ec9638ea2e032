"""An OpenAI-compatible server on 127.0.0.1 that answers alike, and misbehaves as it is told.

The answer is a function of messages, seed and sampling alone, so that any two runs that ask the same get
the same. Faults come from a mix (drawn), or from a plan (a function of the exchange). It keeps a log of
what was asked, and counts what was answered twice.

In a test: ``with LoopbackEndpoint(Behaviour(latency=0.01)) as endpoint: endpoint.url``.
For benchmarks, in a process of its own: ``python tests/loopback_endpoint.py --latency 1 --jitter 0.5``
prints its URL; ``GET /stats`` is the log in short, ``POST /behave`` changes its behaviour.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

BLOCK = 64  # characters of prompt that are cached together
CHARACTERS_PER_TOKEN = 4
MODEL = "loopback-model"


@dataclass(slots=True)
class Exchange:
    """One request, and what became of it."""

    number: int
    """From 0, in the order of arrival."""
    key: str
    """Of the whole body: equal bodies have equal keys."""
    conversation: str
    """Of what all prompts of a talk begin with."""
    turn: int
    """Messages or lines said so far."""
    body: dict[str, Any]
    headers: dict[str, str]
    at: float
    fault: str = ""
    answered: bool = False


@dataclass(frozen=True)
class Behaviour:
    """How the endpoint behaves."""

    latency: float = 0.0
    """Mean seconds of an answer."""
    jitter: float = 0.0
    """Share of the latency by which it varies, evenly, both ways."""
    rate: float | None = None
    """Requests per second that are answered; what comes beyond gets a 429."""
    rate_kind: str = "bucket"
    """``bucket`` (refilled all the time, one second's worth at most) or ``window`` (each second anew)."""
    retry_after: str = "seconds"
    """How a 429 says when to come back: ``seconds``, ``date``, ``ms``, ``none``."""
    retry_after_seconds: float = 1.0
    mix: dict[str, float] = field(default_factory=dict)
    """Share of the exchanges that go wrong, by fault."""
    plan: Callable[[Exchange], str | None] | None = None
    """Names the fault of an exchange; asked before the mix."""
    end_rate: float = 0.0
    """Share of the turns after the sixth that end the chat."""
    bad_rate: float = 0.0
    """Share of the replies that fail a check of their content, the same ones on every run."""
    structures: tuple[str, ...] = ("json_schema", "json_object")
    """Values of ``response_format.type`` that are taken."""
    schema_status: int = 400
    context_tokens: int | None = None
    context_form: str = "vllm"
    key: str | None = None
    """The API key that is asked for."""
    echo_key: bool = False
    """The refusal of a wrong key repeats it."""
    models: tuple[str, ...] | None = (MODEL,)
    """None: there is no such list."""
    echo: bool = False
    """A continued message is repeated before what is added, as llama.cpp does."""
    count_prefixes: bool = True
    keep_log: bool = True
    """False: count only; for long benchmarks."""


class LoopbackEndpoint:
    """The server; ``with`` runs it in a thread of its own."""

    def __init__(self, behaviour: Behaviour | None = None, *, port: int = 0) -> None:
        self.behaviour = behaviour or Behaviour()
        self.log: list[Exchange] = []
        self.faults: Counter[str] = Counter()
        self.answers = 0
        self.repeated = 0
        """Answers to what had been answered before: what is paid twice."""
        self.peak = 0
        """Most requests in flight at once."""
        self.first_at = 0.0
        self.prompt_characters = 0
        self.seen_characters = 0
        self._answered: set[str] = set()
        self._prefixes: set[int] = set()
        self._in_flight = 0
        self._count = 0
        self._rng = random.Random(1)
        self._tokens, self._refilled = 0.0, 0.0
        self._window, self._in_window = 0, 0
        self._port = port
        self.url = ""

    # --- running -------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._completions)
        app.router.add_get("/stats", self._stats)
        app.router.add_post("/behave", self._behave)
        return app

    async def start(self) -> web.AppRunner:
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port, backlog=4096).start()
        self._port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/v1"
        return runner

    def __enter__(self) -> LoopbackEndpoint:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait(10)
        return self

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self.start())
        self._loop.call_soon(ready.set)
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(_let_go())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # --- what the tests ask --------------------------------------------------------------------------

    def behave(self, **changes: Any) -> None:
        """Change the behaviour from now on."""
        self.behaviour = replace(self.behaviour, **changes)

    @property
    def requests(self) -> int:
        """How many chat completions were asked for."""
        return self._count

    # --- handlers ------------------------------------------------------------------------------------

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._wrong_key(request):
            return refusal
        if self.behaviour.models is None:
            return _error(404, "no such path")
        rows = [{"id": name, "object": "model"} for name in self.behaviour.models]
        return _json({"object": "list", "data": rows})

    async def _stats(self, _: web.Request) -> web.Response:
        return _json({
            "requests": self._count,
            "answers": self.answers,
            "repeated": self.repeated,
            "peak": self.peak,
            "faults": dict(self.faults),
            "first_at": self.first_at,
            "prompt_characters": self.prompt_characters,
            "seen_characters": self.seen_characters,
        })  # fmt: skip

    async def _behave(self, request: web.Request) -> web.Response:
        self.behave(**orjson.loads(await request.read()))
        return _json({})

    def _wrong_key(self, request: web.Request) -> web.Response | None:
        wanted, given = self.behaviour.key, request.headers.get("Authorization", "").removeprefix("Bearer ")
        if wanted is None or given == wanted:
            return None
        said = f": {given}" if self.behaviour.echo_key else ""
        return _error(401, f"Incorrect API key provided{said}", "invalid_api_key")

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self._in_flight += 1
        self.peak = max(self.peak, self._in_flight)
        try:
            return await self._answer(request, raw)
        finally:
            self._in_flight -= 1

    async def _answer(self, request: web.Request, raw: bytes) -> web.StreamResponse:
        exchange = self._note(request, raw)
        behaviour = self.behaviour
        if refusal := self._wrong_key(request) or self._refused(exchange.body):
            exchange.fault = f"http_{refusal.status}"
            return refusal
        fault = self._fault(exchange)
        if fault:
            exchange.fault = fault
            self.faults[fault] += 1
        if fault == "http_429":
            return self._too_many()
        spread = behaviour.latency * behaviour.jitter
        seconds = behaviour.latency + (self._rng.uniform(-spread, spread) if spread else 0.0)
        if seconds:
            await asyncio.sleep(seconds)
        if fault and fault not in _CONTENT_FAULTS:
            return await _misbehave(fault, request, self._completion(exchange))
        body = self._completion(exchange)
        if fault:
            _CONTENT_FAULTS[fault](body["choices"][0])
        exchange.answered = True
        self.answers += 1
        self.repeated += exchange.key in self._answered
        self._answered.add(exchange.key)
        return _json(body)

    def _note(self, request: web.Request, raw: bytes) -> Exchange:
        body = orjson.loads(raw)
        key = hashlib.blake2b(raw, digest_size=12).hexdigest()
        now = time.time()
        self.first_at = self.first_at or now
        messages = body["messages"]
        opening = next((message["content"] for message in messages if message["role"] == "user"), "")
        if messages[-1]["role"] == "assistant":  # to be continued: examples and people, then the talk
            opening += messages[-1]["content"].rpartition("\n\n")[0]
        exchange = Exchange(
            self._count,
            key,
            hashlib.blake2b(opening.encode(), digest_size=8).hexdigest(),
            _turn(messages),
            body,
            {name.lower(): value for name, value in request.headers.items()}
            if self.behaviour.keep_log
            else {},
            now,
        )
        self._count += 1
        if self.behaviour.keep_log:
            self.log.append(exchange)
        return exchange

    def _refused(self, body: dict[str, Any]) -> web.Response | None:
        behaviour = self.behaviour
        structure = body.get("response_format", {}).get("type")
        if structure and structure not in behaviour.structures:
            return _error(behaviour.schema_status, f"response_format {structure} is not supported")
        size = sum(len(message["content"]) for message in body["messages"]) // CHARACTERS_PER_TOKEN
        if behaviour.context_tokens is not None and size > behaviour.context_tokens:
            return context_refusal(behaviour.context_form, size, behaviour.context_tokens)
        return None

    def _fault(self, exchange: Exchange) -> str | None:
        behaviour = self.behaviour
        planned = behaviour.plan(exchange) if behaviour.plan else None
        if planned:
            return planned
        if behaviour.rate is not None and not self._within_rate(behaviour.rate):
            return "http_429"
        drawn = self._rng.random() if behaviour.mix else 1.0
        for fault, share in behaviour.mix.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    def _within_rate(self, rate: float) -> bool:
        now = time.monotonic()
        if self.behaviour.rate_kind == "window":
            if int(now) != self._window:
                self._window, self._in_window = int(now), 0
            self._in_window += 1
            return self._in_window <= rate
        self._tokens = rate if not self._refilled else self._tokens + (now - self._refilled) * rate
        self._tokens, self._refilled = min(self._tokens, rate), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _too_many(self) -> web.Response:
        seconds = self.behaviour.retry_after_seconds
        headers = {
            "seconds": {"Retry-After": f"{seconds:g}"},
            "date": {
                "Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
            },
            "ms": {"retry-after-ms": f"{seconds * 1000:g}"},
            "none": {},
        }[self.behaviour.retry_after]
        return _error(429, "Rate limit reached", "rate_limit_exceeded", headers)

    def _completion(self, exchange: Exchange) -> dict[str, Any]:
        body, behaviour = exchange.body, self.behaviour
        messages = body["messages"]
        text, finish = compose(body, exchange.turn, behaviour.end_rate, behaviour.bad_rate)
        size = sum(len(message["content"]) for message in messages)
        cached = self._cached(messages) if behaviour.count_prefixes else 0
        self.prompt_characters += size
        self.seen_characters += cached
        if behaviour.echo and messages[-1]["role"] == "assistant":
            text = messages[-1]["content"] + text
        prompt, completion = size // CHARACTERS_PER_TOKEN, len(text) // CHARACTERS_PER_TOKEN + 1
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": body.get("model"),
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": cached // CHARACTERS_PER_TOKEN},
            },
        }

    def _cached(self, messages: list[dict[str, str]]) -> int:
        """Return the characters of the prompt that were there before, as whole blocks from its start."""
        text = "\x1e".join(f"{message['role']}\x1f{message['content']}" for message in messages)
        chain, cached, new = 0, 0, False
        for start in range(0, len(text) - BLOCK + 1, BLOCK):
            chain = hash((chain, text[start : start + BLOCK]))
            if not new and chain in self._prefixes:
                cached += BLOCK
            else:
                new = True
                self._prefixes.add(chain)
        return min(cached, sum(len(message["content"]) for message in messages))


# --- answers -----------------------------------------------------------------------------------------

_WHO = "my sister|the landlord|our old coach|that bloke Pete|the woman upstairs|Nadia|my boss|your mum"
_DID = "left|borrowed|painted|broke|hid|sold|forgot|dropped|found|washed|posted|fixed|burned|wrapped|counted"
_WHAT = (
    "the blue kettle|two concert tickets|a crate of plums|half the tent|the spare keys|that awful lamp|"
    "seven chairs|the dog's lead|a wet umbrella|the projector cable|our map|some cheese|the old bike|a drill"
)
_WHERE = (
    "behind the bakery|on the 38 bus|at the allotment|in the lift|under the stairs|by the canal|platform 4"
    "|outside the vet|in Leeds|at the pool|on the roof|next to the freezer"
)
_WHEN = "on Tuesday|around six|before lunch|last March|at 7:40|over the weekend|during the match|yesterday"
_AND = (
    "and nobody noticed|so now it smells|which cost £14|and I had to laugh|but not on purpose|and it rained|"
    "though she denies it|so I walked home|and then the lights went out|while you were asleep"
)
_PARTS = [part.split("|") for part in (_WHO, _DID, _WHAT, _WHERE, _WHEN, _AND)]


def compose(body: dict[str, Any], turn: int, end_rate: float, bad_rate: float) -> tuple[str, str]:
    """Return what the model says to ``body``, and its finish reason."""
    # Not of the response_format: an endpoint without it says the same.
    seen = [
        body.get(name)
        for name in ("messages", "seed", "temperature", "top_p", "top_k", "min_p", "max_tokens")
    ]
    rng = random.Random(hashlib.blake2b(orjson.dumps(seen), digest_size=8).digest())
    bad, ends = rng.random() < bad_rate, turn >= 6 and rng.random() < end_rate
    if body["messages"][-1]["role"] == "assistant":
        return _line(rng, ends=ends, bad=bad)
    if _asks_for_experience(body):
        # The prompt names the two in its last line: "… about Mia and Ben."
        one, _, two = body["messages"][-1]["content"].rstrip(".").rpartition(" about ")[2].partition(" and ")
        situation = f"{_sentence(rng)}. {one} wants it back today, {two} does not."
        reply = {"situation": situation, "topic": f"{one} asks what happened {rng.choice(_PARTS[4])}."}
        return orjson.dumps(reply).decode(), "stop"
    messages = [_sentence(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    if rng.random() < 0.1:
        messages[0] = f'<delay minutes="{rng.randint(2, 50)}"/> {messages[0]}'
    elif rng.random() < 0.1:
        messages.append(f"<image>{_sentence(rng)}</image>")
    if bad:
        return _bad(rng, messages)
    if ends:
        messages[-1] += " <end/>"
    return orjson.dumps({"messages": messages[:3]}).decode(), "stop"


def _asks_for_experience(body: dict[str, Any]) -> bool:
    return any('"situation"' in message["content"] for message in body["messages"]) or (
        b'"situation"' in orjson.dumps(body.get("response_format"))
    )


def _sentence(rng: random.Random) -> str:
    who, did, what, where, when, then = (rng.choice(part) for part in _PARTS)
    shapes = (
        f"{who} {did} {what} {where}",
        f"{when} {who} {did} {what}, {then}",
        f"did you hear {who} {did} {what} {when}?",
        f"no wait, {where}? {who} said {what}",
        f"{what} {where} {when}, {then}",
    )
    return rng.choice(shapes)


def _bad(rng: random.Random, messages: list[str]) -> tuple[str, str]:
    good = orjson.dumps({"messages": messages}).decode()
    kinds = {
        "length": (good[: len(good) // 2], "length"),
        "broken": (good.replace("]", ""), "stop"),
        "assistant": (orjson.dumps({"messages": ["How may I assist you?"]}).decode(), "stop"),
        "empty": ("", "stop"),
        "tag": (orjson.dumps({"messages": ["<image>a wet dog"]}).decode(), "stop"),
    }
    return kinds[rng.choice(sorted(kinds))]


def _line(rng: random.Random, *, ends: bool, bad: bool) -> tuple[str, str]:
    if bad:
        return " How may I assist you today?", "stop"
    return f" {_sentence(rng)}{' [end]' if ends else ''}", "stop"


def _turn(messages: list[dict[str, str]]) -> int:
    last = messages[-1]
    if last["role"] == "assistant":
        return last["content"].rpartition("\n\n")[2].count("\n")
    return (len(messages) - 2) // 2


# --- faults ------------------------------------------------------------------------------------------


def _reasoning(choice: dict[str, Any]) -> None:
    choice["message"] |= {"reasoning_content": choice["message"]["content"], "content": None}


def _stray_think(choice: dict[str, Any]) -> None:
    choice["message"]["content"] = "They would be short here.\n</think>\n\n" + choice["message"]["content"]


def _think(choice: dict[str, Any]) -> None:
    choice["message"]["content"] = "<think>hm</think>\n" + choice["message"]["content"]


def _length(choice: dict[str, Any]) -> None:
    choice |= {"finish_reason": "length"}


def _empty(choice: dict[str, Any]) -> None:
    choice["message"]["content"] = ""


_CONTENT_FAULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "reasoning": _reasoning,
    "stray_think": _stray_think,
    "think": _think,
    "length": _length,
    "empty": _empty,
}
TRANSPORT_FAULTS = (
    "http_408",
    "http_409",
    "http_429",
    "http_500",
    "http_502",
    "http_503",
    "reset",
    "cut_body",
    "broken_json",
    "error_body",
    "html",
    "no_choices",
)
CONTEXT_FORMS: dict[str, tuple[int, dict[str, Any]]] = {
    "vllm": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is {limit} tokens. You requested {size}.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            }
        },
    ),
    "sglang": (
        400,
        {
            "object": "error",
            "message": "The input ({size} tokens) is longer than the model's context length ({limit}).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "llamacpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 0,
                "n_ctx": 0,
            }
        },
    ),
    "ollama": (400, {"error": {"message": "input length exceeds the context length", "type": "api_error"}}),
    "tgi": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= {limit}: {size}",
            "error_type": "validation",
        },
    ),
    "openai": (
        400,
        {
            "error": {
                "message": "too long",
                "type": "invalid_request_error",
                "code": "context_length_exceeded",
            }
        },
    ),
    "in_200": (200, {"error": {"message": "maximum context length is {limit} tokens", "code": 400}}),
}


def context_refusal(form: str, size: int, limit: int) -> web.Response:
    status, body = CONTEXT_FORMS[form]
    text = orjson.dumps(body).decode().replace("{limit}", str(limit)).replace("{size}", str(size))
    return web.Response(status=status, body=text.encode(), content_type="application/json")


async def _misbehave(fault: str, request: web.Request, completion: dict[str, Any]) -> web.StreamResponse:
    whole = orjson.dumps(completion)
    plain: dict[str, Callable[[], web.Response]] = {
        "broken_json": lambda: web.Response(body=whole[: len(whole) // 2], content_type="application/json"),
        "html": lambda: web.Response(text="<html><body>Hello</body></html>", content_type="text/html"),
        "error_body": lambda: _json({"error": {"message": "Provider returned error", "code": 502}}),
        "no_choices": lambda: _json({**completion, "choices": []}),
        "grammar": lambda: _error(400, "invalid input: 'the grammar lesson'"),
    }
    if fault in plain:
        return plain[fault]()
    if fault == "reset":
        _cut_off(request, rudely=True)
        return web.Response()
    if fault == "hang":
        await asyncio.sleep(3600)
    if fault == "cut_body":
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.content_length = len(whole)
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        _cut_off(request)
        return response
    return _error(int(fault.removeprefix("http_")), f"simulated {fault}")


async def _let_go() -> None:
    """End the handlers that hang."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _cut_off(request: web.Request, *, rudely: bool = False) -> None:
    transport = request.transport
    if transport is None:
        return
    if rudely:
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
    else:
        transport.close()


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )


def _error(
    status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    return _json({"error": {"message": message, "type": "error", "code": code or status}}, status, headers)


# --- as a script -------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A loopback endpoint for benchmarks; prints its URL.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--jitter", type=float, default=0.0)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--rate-kind", choices=("bucket", "window"), default="bucket")
    parser.add_argument("--end-rate", type=float, default=0.0)
    parser.add_argument("--bad-rate", type=float, default=0.0)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=SHARE")
    parser.add_argument("--no-prefixes", action="store_true", help="do not count cached tokens (cheaper)")
    return parser.parse_args()


async def _main() -> None:
    given = _arguments()
    mix = {name: float(share) for name, _, share in (fault.partition("=") for fault in given.fault)}
    behaviour = Behaviour(
        latency=given.latency,
        jitter=given.jitter,
        rate=given.rate,
        rate_kind=given.rate_kind,
        end_rate=given.end_rate,
        bad_rate=given.bad_rate,
        mix=mix,
        count_prefixes=not given.no_prefixes,
        keep_log=False,
    )
    endpoint = LoopbackEndpoint(behaviour, port=given.port)
    runner = await endpoint.start()
    sys.stdout.write(f"{endpoint.url}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_main())
