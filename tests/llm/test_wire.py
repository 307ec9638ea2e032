"""The body of a request, for endpoints that do not take all of it."""

from __future__ import annotations

from typing import Any

import pytest

from soc_gen.llm.faults import RequestRejectedError
from soc_gen.llm.types import PromptMessage, Request
from soc_gen.llm.wire import Capabilities, wire_body
from soc_gen.settings import Endpoint, Sampling

SCHEMA = {"type": "object", "required": ["messages"]}


def request(*messages: PromptMessage, **more: Any) -> Request:
    asked = messages or ({"role": "user", "content": "hi"},)
    return Request("c", 0, 0, asked, Sampling(), 7, SCHEMA, **more)


def said(role: str, content: str) -> PromptMessage:
    return {"role": role, "content": content}  # type: ignore[typeddict-item]  # any of the three


def test_fields_can_be_left_out_and_renamed() -> None:
    known = Capabilities.of(Endpoint(omit=("seed",), max_tokens_field="max_completion_tokens"))
    body = wire_body(request(), "m", known.response_format, known.renamed)
    assert body.keys() == {"model", "messages", "max_completion_tokens", "temperature", "response_format"}
    assert body["max_completion_tokens"] == 512


def test_without_a_response_format_none_is_sent() -> None:
    known = Capabilities.of(Endpoint(omit=("response_format",)))
    assert "response_format" not in wire_body(request(), "m", known.response_format, known.renamed)


@pytest.mark.parametrize(
    ("messages", "folded"),
    [
        (
            [said("system", "rules"), said("user", "hi"), said("assistant", "yo")],
            [("user", "rules\n\nhi"), ("assistant", "yo")],
        ),
        ([said("system", "rules"), said("assistant", "yo")], [("user", "rules"), ("assistant", "yo")]),
        ([said("user", "hi"), said("assistant", "yo")], [("user", "hi"), ("assistant", "yo")]),
    ],
)
def test_a_system_role_can_be_folded_into_the_users(
    messages: list[PromptMessage], folded: list[tuple[str, str]]
) -> None:
    """No two messages of one role follow each other: templates of such models refuse that."""
    body = wire_body(request(*messages), "m", "text", {}, "user")
    assert [(message["role"], message["content"]) for message in body["messages"]] == folded


def test_a_field_is_dropped_once_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    known = Capabilities()
    known.drop("max_tokens", "max_completion_tokens")
    known.drop("max_tokens", "max_completion_tokens")
    assert known.renamed == {"max_tokens": "max_completion_tokens"}
    known.drop("max_completion_tokens", "")
    assert known.renamed == {"max_tokens": ""}
    known.drop("max_tokens", "max_completion_tokens")  # of a request that was on its way
    assert known.renamed == {"max_tokens": ""}
    assert [line.split(";")[0] for line in caplog.messages] == ["The endpoint does not take max_tokens"] * 2


def test_formats_get_weaker_step_by_step() -> None:
    """A refusal of what is no longer asked for changes nothing; below plain text there is nothing."""
    known = Capabilities()
    known.downgrade("json_schema")
    known.downgrade("json_schema")
    assert known.response_format == "json_object"
    known.downgrade("json_object")
    with pytest.raises(RequestRejectedError):
        known.downgrade("text")
