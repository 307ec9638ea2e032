"""Whether a request turns thinking off, for whichever server it is."""

from __future__ import annotations

from typing import Any

import pytest

from soc_gen.llm.thinking_switch import is_thinking_off


@pytest.mark.parametrize(
    "extra_body",
    [
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"thinking": False}},
        {"enable_thinking": False},
        {"reasoning_effort": "none"},
        {"reasoning": {"effort": "None"}},
        {"reasoning": {"enabled": False}},
        {"reasoning": {"max_tokens": 0}},
        {"thinking": {"type": "disabled"}},
        {"think": False},
        {"extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}}},
    ],
)
def test_thinking_is_turned_off_in_many_words(extra_body: dict[str, Any]) -> None:
    assert is_thinking_off(extra_body)


@pytest.mark.parametrize(
    "extra_body",
    [
        {},
        {"repeat_penalty": 0, "min_tokens": 0},
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"reasoning_effort": "low"},
        {"reasoning": {"exclude": True}},
        {"separate_reasoning": False},
        {"include_reasoning": False},
        {"cache": {"enabled": False}, "thinking": {"type": "enabled"}},
        {"tool_choice": "none"},
    ],
)
def test_all_else_leaves_it_as_it_is(extra_body: dict[str, Any]) -> None:
    """That thoughts are not sent does not mean that there are none."""
    assert not is_thinking_off(extra_body)
