"""One exchange with a real HTTP server, in everything it can do to us."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import orjson
import pytest

from soc_gen.errors import UsageError
from soc_gen.llm.client import EndpointClient, ListRefusedError, read_key
from soc_gen.llm.faults import AccessRefusedError, ContextLengthError, RequestRejectedError, TransientError
from soc_gen.llm.types import PromptMessage, Reply, Request
from soc_gen.llm.wire import Capabilities, wire_body
from soc_gen.settings import Endpoint, Sampling
from tests.support.loopback_endpoint import CONTEXT_FORMS, MODEL, Behaviour, LoopbackEndpoint

T = TypeVar("T")
KEY = "sk-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"messages": {"type": "array"}}}
CHAT: tuple[PromptMessage, ...] = (
    {"role": "system", "content": "You write both sides."},
    {"role": "user", "content": "Write Maya's next turn."},
)


def request(**changes: Any) -> Request:
    settings: dict[str, Any] = {
        "conversation": "c1",
        "turn": 0,
        "attempt": 0,
        "messages": CHAT,
        "sampling": Sampling(),
        "seed": 7,
        "schema": SCHEMA,
    }
    return Request(**settings | changes)


@pytest.fixture
def server() -> Iterator[LoopbackEndpoint]:
    with LoopbackEndpoint() as running:
        yield running


def talk(
    url: str, act: Callable[[EndpointClient], Awaitable[T]], *, key: str | None = None, **config: Any
) -> T:
    """Open an endpoint, do ``act`` with it, close it."""

    async def main() -> T:
        endpoint = EndpointClient(url, key, Endpoint(**config), Capabilities())
        endpoint.model = MODEL
        try:
            return await act(endpoint)
        finally:
            await endpoint.close()

    return asyncio.run(main())


def ask(url: str, asked: Request | None = None, **config: Any) -> Reply:
    return talk(url, lambda endpoint: endpoint.ask(asked or request()), **config)


def test_the_body_on_the_wire(server: LoopbackEndpoint) -> None:
    """Sampling as it is configured, extra parameters at the top, and nothing that was not asked for."""
    sampling = Sampling(top_k=20, min_p=0.0, extra_body={"chat_template_kwargs": {"enable_thinking": False}})
    ask(server.url, request(sampling=sampling, stop=("\n",)), affinity_header="X-Session-ID")
    exchange = server.log[0]
    assert exchange.body == {
        "model": MODEL,
        "messages": list(CHAT),
        "max_tokens": 512,
        "seed": 7,
        "temperature": 0.8,
        "top_k": 20,
        "min_p": 0.0,
        "stop": ["\n"],
        "chat_template_kwargs": {"enable_thinking": False},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True},
        },
    }
    assert exchange.headers["x-session-id"] == "c1"


def test_the_same_request_is_the_same_bytes() -> None:
    """A repeat cannot be told from the first time."""
    first, second = (orjson.dumps(wire_body(request(), MODEL, "json_schema")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("echo", [False, True])
def test_a_continued_message_comes_back_without_its_beginning(echo: bool) -> None:
    """llama.cpp repeats it, vLLM does not; both give what was added."""
    messages: tuple[PromptMessage, ...] = (*CHAT, {"role": "assistant", "content": "Maya:"})
    with LoopbackEndpoint(Behaviour(echo=echo)) as server:
        reply = ask(server.url, request(messages=messages, schema=None, continue_final=True))
        assert server.log[0].body["continue_final_message"] is True
        assert server.log[0].body["add_generation_prompt"] is False
    assert not reply.text.startswith("Maya:")
    assert reply.text.strip()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("http_408", "http_408"),
        ("http_409", "http_409"),
        ("http_429", "http_429"),
        ("http_500", "http_500"),
        ("http_502", "http_502"),
        ("http_503", "http_503"),
        ("reset", "connection"),
        ("cut_body", "bad_body"),
        ("broken_json", "bad_body"),
        ("error_body", "error_body"),
        ("html", "not_json"),
        ("no_choices", "no_choices"),
    ],
)
def test_each_transport_fault_is_known_and_sent_once(fault: str, kind: str) -> None:
    """Nothing under us repeats anything: one fault is one request at the server."""
    with LoopbackEndpoint(Behaviour(plan=lambda _: fault)) as server:
        with pytest.raises(TransientError) as caught:
            ask(server.url)
        assert server.requests == 1
    assert caught.value.kind == kind


def test_a_server_that_hangs_is_a_timeout() -> None:
    with LoopbackEndpoint(Behaviour(plan=lambda _: "hang")) as server:
        with pytest.raises(TransientError) as caught:
            ask(server.url, timeout_seconds=0.2)
        assert server.requests == 1
    assert caught.value.kind == "timeout"
    assert caught.value.overload


def test_nobody_listening_is_a_connection_fault() -> None:
    with LoopbackEndpoint() as server:
        url = server.url
    with pytest.raises(TransientError) as caught:
        ask(url)
    assert caught.value.kind == "connection"


@pytest.mark.parametrize("form", ["seconds", "date", "ms", "none"])
def test_a_429_says_when_to_come_back(form: str) -> None:
    behaviour = Behaviour(plan=lambda _: "http_429", retry_after=form, retry_after_seconds=30)
    with LoopbackEndpoint(behaviour) as server, pytest.raises(TransientError) as caught:
        ask(server.url)
    assert caught.value.retry_after == (None if form == "none" else pytest.approx(30, abs=2))


@pytest.mark.parametrize("form", CONTEXT_FORMS)
def test_a_prompt_that_is_too_long_is_not_repeated(form: str) -> None:
    with LoopbackEndpoint(Behaviour(context_tokens=1, context_form=form)) as server:
        with pytest.raises(ContextLengthError):
            ask(server.url)
        assert server.requests == 1


@pytest.mark.parametrize("fault", ["reasoning", "stray_think", "think"])
def test_where_the_answer_hides_makes_no_difference(server: LoopbackEndpoint, fault: str) -> None:
    """Under reasoning, after a stray closer, after a block: the same reply."""
    plain = ask(server.url).text
    server.behave(plan=lambda _: fault)
    assert ask(server.url).text.strip() == plain


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("taken", "sent"),
    [
        (("json_object",), ["json_schema", "json_object", "json_object"]),
        ((), ["json_schema", "json_object", None, None]),
    ],
)
def test_a_server_without_schemas_is_asked_plainly_from_then_on(
    status: int, taken: tuple[str, ...], sent: list[str | None]
) -> None:
    """Decided once: the second request does not try again what was refused."""

    async def twice(endpoint: EndpointClient) -> None:
        await endpoint.ask(request())
        await endpoint.ask(request(turn=1))

    with LoopbackEndpoint(Behaviour(structures=taken, schema_status=status)) as server:
        talk(server.url, twice)
        asked = [exchange.body.get("response_format", {}).get("type") for exchange in server.log]
    assert asked == sent


@pytest.mark.parametrize("schema", [SCHEMA, None])
def test_a_server_that_took_a_schema_once_is_asked_with_it_from_then_on(schema: object) -> None:
    """One prompt that is refused, in words that might be of schemas, says nothing of the others."""

    async def three(endpoint: EndpointClient) -> None:
        await endpoint.ask(request(schema=schema))
        with pytest.raises(RequestRejectedError, match="grammar"):
            await endpoint.ask(request(turn=1, schema=schema))
        await endpoint.ask(request(turn=2, schema=schema))

    with LoopbackEndpoint(Behaviour(plan=lambda e: "grammar" if e.number == 1 else None)) as server:
        talk(server.url, three)
        asked = [exchange.body.get("response_format", {}).get("type") for exchange in server.log]
    assert asked == ["json_schema" if schema else None] * 3


def test_a_refusal_for_another_reason_is_one() -> None:
    with (
        LoopbackEndpoint(Behaviour(plan=lambda _: "http_400")) as server,
        pytest.raises(RequestRejectedError),
    ):
        ask(server.url)


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_what_only_the_user_can_change(status: int) -> None:
    with LoopbackEndpoint(Behaviour(plan=lambda _: f"http_{status}")) as server:
        with pytest.raises(AccessRefusedError) as caught:
            ask(server.url)
        assert server.requests == 1
    assert str(status) in str(caught.value)


def test_a_key_is_in_no_error_even_when_the_server_repeats_it() -> None:
    with LoopbackEndpoint(Behaviour(key="right", echo_key=True)) as server:
        url = server.url.replace("http://", f"http://me:{KEY}@")
        with pytest.raises(AccessRefusedError) as caught:
            talk(url, lambda endpoint: endpoint.ask(request()), key=KEY)
        with pytest.raises(ListRefusedError) as listing:
            talk(server.url, lambda endpoint: endpoint.models(5.0), key=KEY)
    assert KEY not in str(caught.value) + str(listing.value)


def test_a_key_in_the_query_is_sent_and_in_no_error() -> None:
    with LoopbackEndpoint(Behaviour(key="right", echo_key=True)) as server:
        with pytest.raises(AccessRefusedError, match=r"provided: \*\*\*\.") as caught:
            talk(f"{server.url}?key={KEY}", lambda endpoint: endpoint.ask(request()), key=KEY[::-1])
        server.behave(key=None)
        ask(f"{server.url}?key={KEY}")
    assert KEY not in str(caught.value)


def test_a_url_with_a_password_is_shown_without(server: LoopbackEndpoint) -> None:
    reply = ask(server.url.replace("http://", f"http://me:{KEY}@"))
    assert reply.endpoint == server.url


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """SOC_API_KEY before OPENAI_API_KEY; a variable that is named must be there."""
    monkeypatch.delenv("SOC_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "two")
    assert read_key(None) == "two"
    monkeypatch.setenv("SOC_API_KEY", "one")
    assert read_key(None) == "one"
    assert read_key("OPENAI_API_KEY") == "two"
    with pytest.raises(UsageError, match="export MISSING="):
        read_key("MISSING")


def test_a_key_out_of_a_file_is_taken_without_its_line_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOC_API_KEY", f" {KEY}\r\n")
    assert read_key(None) == KEY


@pytest.mark.parametrize("key", ["…", "sk-one\nsk-two", "clé-secrète"])
def test_what_cannot_be_a_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A placeholder out of some example, or two lines: one line that names the variable."""
    monkeypatch.setenv("SOC_API_KEY", key)
    with pytest.raises(UsageError, match="SOC_API_KEY") as caught:
        read_key(None)
    assert key not in str(caught.value)


def test_a_user_and_password_in_the_url_are_sent_where_there_is_no_key(server: LoopbackEndpoint) -> None:
    """As browsers do it; a key wins."""
    url = server.url.replace("http://", "http://me:p%40ss@")
    ask(url)
    talk(url, lambda endpoint: endpoint.ask(request()), key=KEY)
    sent = [exchange.headers["authorization"] for exchange in server.log]
    assert sent == ["Basic bWU6cEBzcw==", f"Bearer {KEY}"]


@pytest.mark.parametrize("code", [401, 400])
def test_an_error_in_a_200_is_told_without_the_key(code: int) -> None:
    """OpenRouter has its errors there, and servers repeat what they were sent."""
    words = f"maximum context length: {KEY}"  # for 400; what is too long is written into failures
    body = orjson.dumps({"error": {"code": code, "message": words if code == 400 else KEY}})
    with answering(body) as url, pytest.raises((AccessRefusedError, ContextLengthError)) as caught:
        talk(url, lambda endpoint: endpoint.ask(request()), key=KEY)
    assert "***" in str(caught.value)
    assert KEY not in str(caught.value)


def test_no_proxy_stands_between_this_machine_and_itself(
    server: LoopbackEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedded model, or a server in the next terminal, where the environment has a proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert ask(server.url).text


def test_a_proxy_that_is_none_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what it says, which may be a password."""
    monkeypatch.setenv("HTTP_PROXY", f"junk://user:{KEY}@host")
    with pytest.raises(UsageError, match="HTTP_PROXY") as caught:
        ask("http://server.example/v1")
    assert KEY not in str(caught.value)


def test_a_server_that_trickles_is_given_up_after_the_timeout() -> None:
    """Each byte comes in time, so no single read times out; the exchange as a whole does."""
    with trickling() as url, pytest.raises(TransientError) as caught:
        ask(url, timeout_seconds=1.0)
    assert (caught.value.kind, caught.value.overload) == ("timeout", True)


@contextmanager
def trickling() -> Iterator[str]:
    """Yield the URL of a server that sends a byte every 50 ms, for 5 seconds, and then a whole reply."""
    reply = orjson.dumps({"choices": [{"message": {"content": "hey"}, "finish_reason": "stop"}]})
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(100 + len(reply)))
            self.end_headers()
            with suppress(OSError):  # the client has gone, as it should
                for _ in range(100):
                    self.wfile.write(b" ")
                    if stopped.wait(0.05):
                        return
                self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}/v1"
        finally:
            stopped.set()
            running.shutdown()


@contextmanager
def answering(body: bytes, content_type: str = "application/json") -> Iterator[str]:
    """Yield the URL of a server that says ``body`` to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}/v1"
        finally:
            running.shutdown()
