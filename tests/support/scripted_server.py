"""A server that answers as a script says: the behaviours that real servers were seen to have, in a real one.

A script is a function of what is asked. What it does not change is the right answer, which comes from
``LoopbackEndpoint``; so do the thread, the log and the count of what was answered twice.

In a test: ``with ScriptedServer(Behaviour("503 while it loads", script)) as server: server.url``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from aiohttp import web

from tests.support.loopback_endpoint import MODEL, LoopbackEndpoint, _cut_off

SESSION = "X-Session-ID"
"""Header by which conversations are told apart: ``affinity_header`` of the runs."""
ELSEWHERE = "{elsewhere}"
"""Stands for the URL of another server, in the headers of an answer."""
_BETWEEN_PIECES = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """One chat completion that was asked for."""

    number: int
    """From 0, in the order of arrival."""
    conversation: int
    """From 0, in the order in which they began."""
    turn: int
    """Prompts of this conversation that were asked before this one."""
    attempt: int
    """How often this very prompt was asked before, with whatever seed."""
    path: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    good: dict[str, Any]
    """The completion that would be right."""


@dataclass(frozen=True)
class Answer:
    """What is sent back, and how."""

    body: object = b""
    """Bytes and text as they are, anything else as JSON."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    seconds: float = 0.0
    """Before anything is sent."""
    cut_after: int | None = None
    """Bytes of the body after which the connection ends; below zero: it is reset before any."""
    times: int = 1
    """How often the body is sent, one after the other, with no length given before."""
    pieces: int = 1
    """In so many pieces, some time apart."""

    @property
    def data(self) -> bytes:
        """The body as it goes over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)

    def is_good(self, asked: Asked) -> bool:
        """Is it the right one?"""
        return self.status == 200 and self.body == asked.good and self.cut_after is None


Script = Callable[[Asked], Answer]


def good(asked: Asked) -> Answer:
    """Answer as it should be."""
    return Answer(asked.good)


LISTED = Answer({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
NOT_FOUND = Answer({"detail": "Not Found"}, status=404)


@dataclass(frozen=True)
class Behaviour:
    """How a server behaves."""

    name: str
    """What it does, in words."""
    chat: Script = good
    models: tuple[Answer, ...] = (LISTED,)
    """To ``GET …/models``, one after the other, the last one again and again."""
    other: Answer = NOT_FOUND
    """To any other path or method."""
    base: str = "/v1"
    """Path of the URL that is given to the user of it."""


class ScriptedServer(LoopbackEndpoint):
    """The server; ``with`` runs it in a thread of its own.

    Args:
        script: How it behaves.
        elsewhere: URL of another server, which its redirects may name.
    """

    def __init__(self, script: Behaviour, elsewhere: str = "") -> None:
        super().__init__()
        self.script = script
        self.elsewhere = elsewhere
        self.exchanges: list[tuple[Asked, Answer]] = []
        self.busy = 0
        """Chat completions that are being answered."""
        self.lists = 0
        """Lists of models that were asked for."""
        self._conversations: dict[str, int] = {}
        self._prompts: dict[str, list[str]] = {}

    def __enter__(self) -> ScriptedServer:
        super().__enter__()
        return self

    @property
    def asked(self) -> list[Asked]:
        """What was asked."""
        return [asked for asked, _ in self.exchanges]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", self._any)
        return app

    async def start(self) -> web.AppRunner:
        runner = await super().start()
        self.url = self.url.removesuffix("/v1") + self.script.base
        return runner

    async def _any(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if request.method == "POST" and path.endswith("chat/completions"):
            return await self._chat(request)
        if request.method == "GET" and path.endswith("models"):
            at = min(self.lists, len(self.script.models) - 1)
            self.lists += 1
            return await self._send(request, self.script.models[at])
        return await self._send(request, self.script.other)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        asked, key = self._told_apart(request, raw)
        answer = self.script.chat(asked)
        self.exchanges.append((asked, answer))
        self.busy += 1
        try:
            response = await self._send(request, answer)
        finally:
            self.busy -= 1
        if answer.status == 200 and answer.cut_after is None:
            self.answers += 1
            self.repeated += key in self._answered
            self._answered.add(key)
        return response

    def _told_apart(self, request: web.Request, raw: bytes) -> tuple[Asked, str]:
        exchange = self._note(request, raw)
        name = request.headers.get(SESSION, exchange.conversation)
        prompt = hashlib.blake2b(orjson.dumps(exchange.body["messages"])).hexdigest()
        before = self._prompts.setdefault(name, [])
        # Without a seed, a server draws anew each time.
        drawn = replace(exchange, body={"seed": before.count(prompt)} | exchange.body)
        asked = Asked(
            number=exchange.number,
            conversation=self._conversations.setdefault(name, len(self._conversations)),
            turn=len(set(before) - {prompt}),
            attempt=before.count(prompt),
            path=request.path,
            body=exchange.body,
            headers=exchange.headers,
            good=_right(self._completion(drawn), exchange.body),
        )
        before.append(prompt)
        return asked, exchange.key

    async def _send(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.seconds:
            await asyncio.sleep(answer.seconds)
        if answer.cut_after is not None and answer.cut_after < 0:
            _cut_off(request, rudely=True)
            return web.Response()
        named = {name: text.replace(ELSEWHERE, self.elsewhere) for name, text in answer.headers.items()}
        headers = {"Content-Type": answer.content_type} | named
        if answer.times == answer.pieces == 1 and answer.cut_after is None:
            return web.Response(body=answer.data, status=answer.status, headers=headers)
        return await self._stream(request, answer, headers)

    async def _stream(
        self, request: web.Request, answer: Answer, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=headers)
        if answer.cut_after is not None:
            response.content_length = len(answer.data)
        await response.prepare(request)
        try:
            for piece in _pieces(answer.data[: answer.cut_after], answer.pieces) * answer.times:
                await response.write(piece)
                await asyncio.sleep(_BETWEEN_PIECES if answer.pieces > 1 else 0)
        except ConnectionError:  # the other side has had enough
            return response
        if answer.cut_after is not None:
            _cut_off(request)
        return response


def _pieces(data: bytes, count: int) -> list[bytes]:
    size = max(1, -(-len(data) // count))
    return [data[start : start + size] for start in range(0, len(data), size)]


def _right(completion: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return ``completion`` with the object that was asked for, where that is none of a stage's."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {})
    wanted = schema.get("properties", {})
    text = orjson.dumps(body["messages"]).decode()
    of_a_stage = '\\"messages\\"' in text or '\\"situation\\"' in text
    if not wanted and not of_a_stage and "city" in text.lower() and "json" in text.lower():
        wanted = {"city": {"type": "string"}, "inhabitants": {"type": "integer"}}
    if wanted and not wanted.keys() & {"messages", "situation"}:
        filled = {name: 700_000 if kind.get("type") == "integer" else "Oslo" for name, kind in wanted.items()}
        completion["choices"][0]["message"]["content"] = orjson.dumps(filled).decode()
    return completion
