"""From the JSON of a completion to a reply, whatever a server makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.errors import EndpointError
from soc_gen.llm.faults import ContextLengthError, TransientError
from soc_gen.llm.response import THINKING, decode, decode_models
from soc_gen.llm.types import Reply, Usage

URL = "http://127.0.0.1:1/v1"


def completion(message: object, **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": "stop"}], **more}


def test_a_reply_with_its_tokens() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 64}}
    reply = decode(completion({"content": "hey"}, usage=usage), URL, 1.5)
    assert reply == Reply("hey", "stop", Usage(90, 64, 7), 1.5, URL)


@pytest.mark.parametrize(
    "usage", [None, {}, [], {"prompt_tokens": None}, {"prompt_tokens_details": None}, "12"]
)
def test_a_server_that_counts_nothing(usage: object) -> None:
    assert decode(completion({"content": "hey"}, usage=usage), URL, 0).usage == Usage()


@pytest.mark.parametrize("count", [-5, "20", 0.5, float("nan"), 10**30, 2**64 - 1])
def test_what_is_no_count_of_tokens_counts_nothing(count: object) -> None:
    """Nor does a number that no file of ours could hold the sum of."""
    usage = {"prompt_tokens": count, "completion_tokens": count}
    assert decode(completion({"content": "hey"}, usage=usage), URL, 0).usage == Usage()


def test_no_more_can_be_cached_than_was_sent() -> None:
    """Else the rest would have a negative price, and a budget would never be spent."""
    usage = {"prompt_tokens": 10, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 9999}}
    assert decode(completion({"content": "hey"}, usage=usage), URL, 0).usage == Usage(10, 10, 7)


SCHEMA = {"type": "object", "required": ["messages"]}
OBJECT = '{"messages": ["hey"]}'
FIELDS = ["reasoning", "reasoning_content", "reasoning_details"]


def filed(name: str, text: str) -> dict[str, Any]:
    """Return a message with ``text`` in a field for thoughts, in the shape that field has."""
    details = [{"type": "reasoning.text", "text": text, "index": 0}]
    return {"content": None, name: details if name == "reasoning_details" else text}


@pytest.mark.parametrize("name", FIELDS)
def test_an_object_that_is_all_of_a_reasoning_field_is_the_answer(name: str) -> None:
    """Servers with a reasoning parser file the answer there when the model did not think."""
    reply = decode(completion(filed(name, OBJECT)), URL, 0, SCHEMA)
    assert (reply.text, reply.finish_reason) == (OBJECT, "stop")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    ("text", "schema"),
    [
        (OBJECT, None),
        ("hey", None),
        ("hey", SCHEMA),
        (f"maybe {OBJECT}", SCHEMA),
        (f"{OBJECT} is dull", SCHEMA),
        (f"{OBJECT} is dull, so {OBJECT}", SCHEMA),
        ('{"mood": "dry"}', SCHEMA),
        ('{"messages": ["hey"', SCHEMA),
    ],
)
def test_all_else_in_a_reasoning_field_is_a_thought(
    name: str, text: str, schema: dict[str, Any] | None
) -> None:
    """Nothing was said; the finish reason tells that the model only thought."""
    reply = decode(completion(filed(name, text)), URL, 0, schema)
    assert (reply.text, reply.finish_reason) == ("", THINKING)


def test_a_thought_that_was_cut_keeps_its_finish_reason() -> None:
    """The reader needs to know that max_tokens or the context ended it."""
    found = {"choices": [{"message": {"content": "<think>hm"}, "finish_reason": "length"}]}
    reply = decode(found, URL, 0)
    assert (reply.text, reply.finish_reason) == ("", "length")


def test_an_empty_reply_without_thoughts_is_no_thought() -> None:
    """An empty line is how a base model ends a talk."""
    assert decode(completion({"content": ""}), URL, 0).finish_reason == "stop"


def test_content_in_parts_is_joined_without_its_thoughts() -> None:
    """Mistral's own API gives the thoughts of its models as a part of their own."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "be dry"}]},
        {"type": "text", "text": "hey "},
        {"type": "text", "text": "you"},
    ]
    assert decode(completion({"content": parts}), URL, 0).text == "hey you"


@pytest.mark.parametrize(
    "content",
    [
        {"type": "text", "text": "hey"},
        ["he", "y"],
        [{"type": "output_text", "text": "hey"}],
        [{"type": "text", "text": {"value": "hey", "annotations": []}}],
        [{"type": "text", "content": "hey"}, {"type": "image_url", "image_url": {"url": "x"}}, None, 3],
        [{"type": "reasoning", "text": "be dry"}, {"type": "text", "text": "hey"}],
        [{"type": "reasoning.summary", "text": "be dry"}, {"type": "text", "text": "hey"}],
        [{"text": "be dry", "thought": True}, {"text": "hey"}],
        [{"thinking": "be dry"}, "hey"],
        {"parts": [{"text": "hey"}], "role": "model"},
    ],
)
def test_content_of_any_shape_is_its_text(content: object) -> None:
    """What is no text has none, nor what is thought."""
    assert decode(completion({"content": content}), URL, 0).text == "hey"


@pytest.mark.parametrize(
    "content", [{"messages": ["hey"]}, [{"type": "json", "json": {"messages": ["hey"]}}]]
)
def test_content_may_be_the_object_itself(content: object) -> None:
    """Where one was asked for."""
    assert decode(completion({"content": content}), URL, 0, SCHEMA).text == OBJECT
    assert decode(completion({"content": content}), URL, 0).text == ""


def call(arguments: object) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": "reply", "arguments": arguments}}


@pytest.mark.parametrize("content", [None, "", "Let me reply."])
@pytest.mark.parametrize(
    "more",
    [
        {"tool_calls": [call(OBJECT)]},
        {"tool_calls": [call({"messages": ["hey"]})]},
        {"tool_calls": [call("{}"), call(OBJECT)]},
        {"function_call": {"name": "reply", "arguments": OBJECT}},
    ],
)
def test_the_object_may_be_an_argument_of_a_call(content: str | None, more: dict[str, Any]) -> None:
    """Then the call is how the reply ended; any other reason stays."""
    for reason, told in (("tool_calls", "stop"), ("function_call", "stop"), ("length", "length")):
        found = {"choices": [{"message": {"content": content, **more}, "finish_reason": reason}]}
        reply = decode(found, URL, 0, SCHEMA)
        assert (reply.text, reply.finish_reason) == (OBJECT, told)


@pytest.mark.parametrize(
    "more",
    [
        {"tool_calls": None},
        {"tool_calls": [None, {"function": None}, call('{"query": "weather"}'), call(None), call("hey")]},
        {"function_call": {"name": "reply"}},
    ],
)
def test_any_other_call_says_nothing(more: dict[str, Any]) -> None:
    """The finish reason tells what came."""
    found = {"choices": [{"message": {"content": None, **more}, "finish_reason": "tool_calls"}]}
    reply = decode(found, URL, 0, SCHEMA)
    assert (reply.text, reply.finish_reason) == ("", "tool_calls")


def test_content_goes_before_a_call() -> None:
    message = {"content": OBJECT, "tool_calls": [call('{"messages": ["no"]}')]}
    assert decode(completion(message), URL, 0, SCHEMA).text == OBJECT


def chosen(*choices: object) -> str:
    return decode({"choices": list(choices)}, URL, 0).text


def choice(text: str | None, **more: object) -> dict[str, Any]:
    return {"message": {"content": text}, "finish_reason": "stop", **more}


def test_choices_come_in_any_order() -> None:
    """The first by number that says something; where they have none, the first."""
    assert chosen(choice("b", index=1), choice("a", index=0)) == "a"
    assert chosen(choice("b", index=1), choice(None, index=0)) == "b"
    assert chosen(choice("b", index="1"), choice("a", index=0)) == "b"
    assert chosen(choice("b"), choice("a")) == "b"
    assert chosen(None, {"message": "x"}, choice("a", index=7)) == "a"
    assert chosen(choice(None), choice("")) == ""


def test_without_thinking_a_line_in_a_field_for_thoughts_is_the_answer() -> None:
    """A server with a reasoning parser files it there; while the model may think, it is a thought."""
    found = completion({"content": None, "reasoning": "behind the bikes"})
    assert decode(found, URL, 0, thinks=False).text == "behind the bikes"
    assert decode(found, URL, 0, thinks=True).finish_reason == THINKING
    assert decode(found, URL, 0, SCHEMA, thinks=False).finish_reason == THINKING
    both = completion({"content": "hey", "reasoning": "behind the bikes"})
    assert decode(both, URL, 0, thinks=False).text == "hey"


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "model_length", "content_filter"])
def test_a_cut_is_told_and_not_the_thought_in_it(reason: str) -> None:
    found = {"choices": [{"message": {"content": "<think>hm"}, "finish_reason": reason}]}
    assert decode(found, URL, 0).finish_reason == reason


def test_brackets_without_end_are_no_completion() -> None:
    deep: object = "hey"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(TransientError):
        decode(completion({"content": deep}), URL, 0, SCHEMA)


def test_reasoning_beside_an_answer_is_left_out() -> None:
    assert decode(completion({"content": "hey", "reasoning": "hmm"}), URL, 0).text == "hey"


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (None, "not_json"),
        ("<html>", "not_json"),
        ([], "not_json"),
        ({}, "no_choices"),
        ({"choices": None}, "no_choices"),
        ({"choices": []}, "no_choices"),
        ({"choices": [None]}, "no_choices"),
        ({"choices": [{"message": None}]}, "no_choices"),
        ({"error": {"message": "upstream"}}, "error_body"),
    ],
)
def test_a_200_that_is_no_completion_is_transient(found: object, kind: str) -> None:
    with pytest.raises(TransientError) as caught:
        decode(found, URL, 0)
    assert caught.value.kind == kind


def test_half_a_surrogate_pair_is_replaced() -> None:
    """It could not be written to the journal; a turn that has it is seen to be damaged."""
    text = decode(completion({"content": "ha \ud83d ha"}), URL, 0).text
    assert text == "ha \ufffd ha"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "error", "finish_reason", "code"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_shape_of_json_breaks_it(found: object) -> None:
    """A reply, or one of the faults, and nothing else."""
    try:
        reply = decode(found, URL, 0)
    except (TransientError, ContextLengthError, EndpointError):
        return
    assert isinstance(reply.text, str)


def test_models() -> None:
    assert decode_models({"data": [{"id": "a"}, {"id": "b"}, {}]}) == ["a", "b"]
    assert decode_models({"models": []}) is None
    assert decode_models(["a"]) is None
