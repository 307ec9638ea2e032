"""The scripted model."""

from __future__ import annotations

import asyncio

import pytest

from soc_gen.errors import ConversationError
from soc_gen.llm.types import Reply, Request
from soc_gen.settings import Sampling
from tests.support.scripted_llm import ScriptedLLM


def _request(turn: int) -> Request:
    return Request("chat", turn, 0, ({"role": "user", "content": "hi"},), Sampling(), seed=1)


def test_a_queue_is_answered_in_order_and_remembered() -> None:
    """Text becomes a reply, an exception is raised, and every request is kept."""
    llm = ScriptedLLM(["one", Reply("two", finish_reason="length"), ConversationError("x", "y")])
    assert asyncio.run(llm.complete(_request(0))) == Reply("one", finish_reason="stop")
    assert asyncio.run(llm.complete(_request(1))).finish_reason == "length"
    with pytest.raises(ConversationError):
        asyncio.run(llm.complete(_request(2)))
    with pytest.raises(LookupError, match="no reply left in the script for chat turn 3"):
        asyncio.run(llm.complete(_request(3)))
    assert [request.turn for request in llm.requests] == [0, 1, 2, 3]


def test_a_function_answers_from_the_request() -> None:
    """Plain or async."""

    async def later(request: Request) -> str:
        await asyncio.sleep(0)
        return f"turn {request.turn}"

    assert asyncio.run(ScriptedLLM(lambda r: f"turn {r.turn}").complete(_request(4))).text == "turn 4"
    assert asyncio.run(ScriptedLLM(later).complete(_request(5))).text == "turn 5"
