"""A server that quietly cuts a reply where its context is full."""

from __future__ import annotations

import pytest

from soc_gen.llm.faults import ContextLengthError
from soc_gen.llm.response import decode_context, raise_if_context_full
from soc_gen.llm.types import Reply, Usage


def test_a_reply_cut_at_the_end_of_the_context_is_refused() -> None:
    """It is the conversation that is too long, not the reply that is bad."""
    reply = Reply("and then", finish_reason="length", usage=Usage(prompt=29, completion=2019))
    with pytest.raises(ContextLengthError, match="context of 2048 tokens is full"):
        raise_if_context_full(reply, 2048)


@pytest.mark.parametrize(
    ("finish_reason", "context"), [("length", 4096), ("length", None), ("stop", 2048)], ids=str
)
def test_any_other_reply_is_left_alone(finish_reason: str, context: int | None) -> None:
    """Room was left, or the server does not tell how much it has, or the model ended by itself."""
    raise_if_context_full(
        Reply("ok", finish_reason=finish_reason, usage=Usage(prompt=29, completion=2019)), context
    )


def test_the_context_is_read_from_the_list_of_models() -> None:
    """The smallest one counts; whatever else stands in the list does no harm."""
    rows = [{"id": "a", "max_model_len": 4096}, {"id": "b", "max_model_len": 2048}, {"id": "c"}, "d"]
    assert decode_context({"data": rows}) == 2048
    assert decode_context({"data": [{"id": "a"}]}) is None
    assert decode_context({"data": 7}) is None
    assert decode_context([]) is None
