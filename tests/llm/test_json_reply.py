"""The JSON object is found in whatever a model writes around it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from soc_gen.llm.json_reply import parse_json_object

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "b"}',
        '```json\n{"a": "b"}\n```',
        'Sure! Here you go:\n\n{"a": "b"}\nHope it helps {x}.',
        '<think>maybe {"a": "wrong"}</think>\n{"a": "b"}',
        'maybe {"a": "wrong"} hm</think>{"a": "b"}',
        'with {curly} words first {"a": "b"}',
    ],
)
def test_the_object_is_found_in_a_fence_after_prose_and_after_thinking(text: str) -> None:
    """Also when the opener of the thinking was eaten by the server."""
    assert parse_json_object(text) == {"a": "b"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no object",
        '["a"]',
        '{"messages": [{"text": "cut off"}',
        '{"a": "b',
        '{"a": "\\ud83d"}',
        '{"a":' * 100_000,
        '{"a": ' + "9" * 10_000 + "}",
    ],
)
def test_what_holds_no_whole_object_is_none(text: str) -> None:
    """An inner object of one that was cut off does not count, half an emoji neither."""
    assert parse_json_object(text) is None


def test_raw_newlines_in_strings_are_kept() -> None:
    """Strict JSON forbids them, models write them."""
    assert parse_json_object('{"a": "b\nc"}') == {"a": "b\nc"}


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_every_object_survives_the_trip(value: dict[str, Any]) -> None:
    """Whatever json writes is read back, with prose around it; only a ``</think>`` in it means something."""
    assume("</think>" not in json.dumps(value))
    assert parse_json_object(f"Reply: {json.dumps(value)} done") == value


@given(st.text(alphabet='{}[]":,\\u0dé \n') | st.text())
def test_no_text_is_an_error(text: str) -> None:
    """Only a dict or None comes back."""
    assert isinstance(parse_json_object(text), dict | None)
