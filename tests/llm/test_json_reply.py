"""The JSON object is found in whatever a model writes around it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from soc_gen.llm.json_reply import find_answer, object_with
from soc_gen.text.thinking import strip_thinking

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def parse_json_object(text: str) -> dict[str, Any] | None:
    answer = find_answer(text, object_with)
    return answer.value if answer else None


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "b"}',
        '```json\n{"a": "b"}\n```',
        'Sure! Here you go:\n\n{"a": "b"}\nHope it helps {x}.',
        '<think>maybe {"a": "wrong"}</think>\n{"a": "b"}',
        'maybe {"a": "wrong"} hm</think>{"a": "b"}',
        'with {curly} words first {"a": "b"}',
        '[{"a": "b"}]',
        '"{\\"a\\": \\"b\\"}"',
        "{'a': 'b',}",
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


REAL = '{"messages": ["real"]}'
DRAFT = '{"messages": ["draft"]}'
LOOSE_DRAFT = "{'messages': ['draft',]}"
LOOSE_REAL = "{messages: ['real']}"
CUT_OFF = '{"messages": ["dra'


@pytest.mark.parametrize(
    "text",
    [
        f"Okay, the user wants a reply. Maybe {DRAFT} but that is dull. {REAL}",
        f"Okay, the user wants a reply. Maybe {DRAFT} but that is dull.\n\n```json\n{REAL}\n```",
        f"```json\n{DRAFT}\n```\n```json\n{REAL}\n```",
        f"```json\n{DRAFT}\n```\nToo dull.\n```json\n{REAL}\n```\n",
        f"{DRAFT} hm, too dull. {REAL}<|im_end|>",
        f"{DRAFT} or {DRAFT} or, at last, {REAL}",
        f"{DRAFT}\nFinal: {REAL}",
        f"<draft>{DRAFT}</draft>\n<answer>{REAL}</answer>",
        f"{DRAFT}<|begin_of_box|>{REAL}<|end_of_box|>",
        f"{DRAFT}\n---\n{REAL}",
        f"1. {DRAFT}\n2. {REAL}",
        f"{REAL}<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>{DRAFT}",
        f"{REAL}<end_of_turn>\n<start_of_turn>user\n{DRAFT}",
        f"{REAL}<｜end▁of▁sentence｜><｜User｜>{DRAFT}",
        f"analysis\n\nmaybe {DRAFT}\n\nfinal\n\n{REAL}",
        f"One:\n```json\n{DRAFT}\n```\nTwo:\n```json\n{REAL}\n```",
        f"Maybe {LOOSE_DRAFT} but that is dull.\n{REAL}",
        f"{DRAFT} hm. {LOOSE_REAL}",
        f"<think>{DRAFT}</think>{LOOSE_REAL}",
        f"[THINK]could send {DRAFT} but no[/THINK]{REAL}",
        f"◁think▷could send {DRAFT} but no◁/think▷{REAL}",
        f"<reasoning>could send {DRAFT} but no</reasoning>{REAL}",
        f"<seed:think>could send {DRAFT} but no</seed:think>{REAL}",
        f"{DRAFT}<think>no, too dull</think>{REAL}",
        f"<scratchpad>{DRAFT}</scratchpad>\n<answer>{REAL}</answer>",
        f"<|channel|>analysis<|message|>maybe {DRAFT}<|end|>"
        f"<|start|>assistant<|channel|>final<|constrain|>json<|message|>{REAL}<|return|>",
        f"analysisWe need to reply, maybe {DRAFT}.assistantfinal{REAL}",
        f"Thinking Process:\n\n1. **Draft:** {DRAFT}\n2. Too dull.\n\nFinal: {REAL}",
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{REAL}<|END_RESPONSE|>",
        f"<|channel>thought\nmaybe {DRAFT}<channel|>{REAL}",
        f"thought\nmaybe {DRAFT}, no\n{REAL}",
        f"Here is my thought process:\n{DRAFT}\nHere is my response:\n{REAL}",
        f"{REAL}{DRAFT}",
        f"{REAL}\n{DRAFT}",
        f"{REAL}\nNow Max's turn.\n{DRAFT}",
        f"{REAL}<|im_end|>\n<|im_start|>user\nNow Max's turn.<|im_end|>\n<|im_start|>assistant\n{DRAFT}",
        f"{REAL}\n{CUT_OFF}",
        f"{REAL} as I said: {REAL}, fine",
    ],
)
def test_a_draft_and_the_other_side_s_turn_are_not_the_answer(text: str) -> None:
    """Drafts come before, with prose, marks or fences between; the other side's turn follows at once."""
    assert parse_json_object(text) == {"messages": ["real"]}


@pytest.mark.parametrize(
    "text",
    [
        f"Okay, the user wants a reply. Maybe {DRAFT} but that is dull.",
        f"<think>maybe {DRAFT}",
        f"[THINK]maybe {DRAFT}",
        f"{DRAFT} or {REAL}, who knows",
        f"{DRAFT} hm, too dull. {CUT_OFF}",
        f"Maybe {DRAFT} but that is dull.",
        f"analysisWe need to reply, maybe {DRAFT}. Too dull",
        f"analysisWe need to reply, maybe {DRAFT}",
        f"Here is my thought process: {DRAFT}",
    ],
)
def test_where_draft_and_answer_cannot_be_told_apart_there_is_no_answer(text: str) -> None:
    """The turn is asked for again."""
    assert parse_json_object(text) is None


def test_the_name_of_the_other_side_passes_the_word_to_it() -> None:
    """Any other word before an object is prose."""
    text = f"{DRAFT}\nMax: {REAL}"
    for names, value in ((frozenset({"max"}), "draft"), (frozenset({"luna"}), "real")):
        answer = find_answer(text, object_with, names)
        assert answer
        assert answer.value == {"messages": [value]}


def test_what_is_no_answer_is_no_draft_either() -> None:
    """A plan as an object, before or after."""
    for text in (f'{{"plan": "x"}}\n\nSo: {REAL}', f'{REAL}\n\nI planned {{"plan": "x"}} for it.'):
        answer = find_answer(text, lambda value: object_with(value, {"messages"}))
        assert answer
        assert answer.value == {"messages": ["real"]}


@pytest.mark.parametrize(
    ("text", "repaired"),
    [(REAL, False), (f"```\n{REAL}\n```", False), (LOOSE_REAL, True), ("{'a': 1}", True)],
)
def test_what_is_not_quite_json_is_told(text: str, repaired: bool) -> None:
    answer = find_answer(text, object_with)
    assert answer
    assert answer.repaired is repaired


def test_an_object_is_found_in_what_is_around_it() -> None:
    """The first that has what was asked for."""
    inner = {"a": 1, "b": 2}
    for value in (
        inner,
        [inner],
        {"name": "x", "arguments": inner},
        [{"a": 1}, {"c": [inner, {"a": 3, "b": 4}]}],
    ):
        assert object_with(value, ("a", "b")) == inner
    assert object_with([{"a": 1}, {"b": 2}], ("a", "b")) is None
    assert object_with([inner, {"a": 3, "b": 4}], ("a", "b")) == inner
    assert object_with({"draft": inner, "final": {"a": 3, "b": 4}}, ("a", "b")) is None


def test_raw_newlines_in_strings_are_kept() -> None:
    """Strict JSON forbids them, models write them."""
    assert parse_json_object('{"a": "b\nc"}') == {"a": "b\nc"}


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_every_object_survives_the_trip(value: dict[str, Any]) -> None:
    """Whatever json writes is read back, with prose around it; only marks of thinking mean something."""
    text = f"Reply: {json.dumps(value)} done"
    assume(strip_thinking(text) == text)
    assert parse_json_object(text) == value


@given(st.text(alphabet='{}[]":,\\u0dé \n') | st.text())
def test_no_text_is_an_error(text: str) -> None:
    """Only a dict or None comes back."""
    assert isinstance(parse_json_object(text), dict | None)
