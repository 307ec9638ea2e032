"""One exchange over HTTP: its bounds in size and time, and where it may be sent."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from soc_gen.errors import EndpointError
from soc_gen.llm import http
from soc_gen.llm.faults import TransientError
from soc_gen.llm.http import Answer, HttpClient
from tests.support.scripted_server import ELSEWHERE, Behaviour, Script, ScriptedServer
from tests.support.scripted_server import Answer as Sent

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


def exchange(script: Script, seconds: float = 5.0, elsewhere: str = "") -> Answer:
    async def main(url: str) -> Answer:
        client = HttpClient(url)
        try:
            headers = {"Content-Type": "application/json"}
            address = httpx2.URL(f"{url}/chat/completions")
            return await client.exchange("POST", address, headers, seconds, BODY)
        finally:
            await client.close()

    with ScriptedServer(Behaviour("a server", script), elsewhere) as server:
        return asyncio.run(main(server.url))


@pytest.mark.parametrize("size", [999, 1000])
def test_a_reply_up_to_the_bound_is_read(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_BODY", 1000)
    assert exchange(lambda _: Sent(b"a" * size)).content == b"a" * size


@pytest.mark.parametrize("times", [1, 3])
def test_a_larger_reply_is_a_fault(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not its length was told."""
    monkeypatch.setattr(http, "LARGEST_BODY", 1000)
    with pytest.raises(TransientError, match="too_large"):
        exchange(lambda _: Sent(b"a" * 1001, times=times))


def test_of_a_large_error_the_beginning_is_read() -> None:
    answer = exchange(lambda _: Sent(b"no " * 100_000, status=500))
    assert answer.status == 500
    assert len(answer.content) == 1 << 16


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_on_the_same_server_is_followed(status: int) -> None:
    moved = Sent(status=status, headers={"Location": "/moved/v1/chat/completions"})
    answer = exchange(lambda asked: Sent(b"here") if "moved" in asked.path else moved)
    assert answer.content == b"here"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_makes_a_get_of_it_is_told(status: int) -> None:
    with pytest.raises(EndpointError, match=rf"answers {status}, a redirect that would make a GET"):
        exchange(lambda _: Sent(status=status, headers={"Location": "/v1/chat/completions/"}))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_is_sent_to_another_server(status: int) -> None:
    with ScriptedServer(Behaviour("another")) as other:
        with pytest.raises(EndpointError, match="a redirect to another server"):
            exchange(
                lambda _: Sent(status=status, headers={"Location": f"{ELSEWHERE}/chat/completions"}),
                elsewhere=other.url,
            )
        assert other.asked == []


def test_a_server_that_redirects_in_a_circle_is_left() -> None:
    with pytest.raises(EndpointError, match="redirects in a circle"):
        exchange(lambda _: Sent(status=307, headers={"Location": "/v1/chat/completions"}))


def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    with pytest.raises(TransientError, match="timeout"):
        exchange(lambda _: Sent(b"late", seconds=30.0), seconds=0.1)


@pytest.mark.parametrize(("late", "waits"), [(0.0, 0.0), (0.199, 0.0), (0.201, 2.0)])
def test_a_timer_that_comes_late_lets_what_arrived_be_read(late: float, waits: float) -> None:
    """The process slept; one that comes in time ends the exchange at once."""
    ends: list[float] = []
    bound: Any = SimpleNamespace(reschedule=ends.append)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        now = loop.time()
        timer = http._Timer(bound, 100.0)
        timer.cancel()
        timer._due = 1000.0
        loop.time = lambda: 1000.0 + late  # type: ignore[method-assign]
        timer._over()
        loop.time = lambda: now  # type: ignore[method-assign]
        return ends[0] - (1000.0 + late)

    assert asyncio.run(main()) == pytest.approx(waits)
