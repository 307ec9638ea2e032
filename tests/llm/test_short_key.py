"""Keys that are none, such as people give to servers that want none."""

from __future__ import annotations

import asyncio

import pytest

from soc_gen.engine.connect import connect
from soc_gen.llm.faults import ContextLengthError
from soc_gen.llm.types import Request
from soc_gen.settings import Endpoint, Sampling
from tests.support.loopback_endpoint import Behaviour, LoopbackEndpoint


def test_a_key_of_one_letter_leaves_the_words_of_an_error_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The letters of "context" are not blanked, so the error is known for what it is."""
    monkeypatch.setenv("SOC_API_KEY", "x")
    request = Request("chat", 0, 0, ({"role": "user", "content": "hello " * 100},), Sampling(), seed=1)

    async def ask(url: str) -> None:
        async with connect(Endpoint(base_urls=(url,)), asyncio.sleep, lambda _: None) as connection:
            await connection.router.ask(request)

    with (
        LoopbackEndpoint(Behaviour(key="x", context_tokens=50)) as endpoint,
        pytest.raises(ContextLengthError, match="context length"),
    ):
        asyncio.run(ask(endpoint.url))
