"""The json format: prompts that only grow, replies read as they were meant."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from soc_gen.llm.response import THINKING
from soc_gen.llm.types import Reply
from soc_gen.stages.rollout.formats import json_turns
from soc_gen.stages.rollout.formats.base import InvalidTurnError, Turn
from soc_gen.text.names import short_names
from soc_gen.text.special_tokens import drop_tokens
from soc_gen.text.thinking import strip_thinking
from tests.support.runs import seed_experiences

MEETING = seed_experiences()[0]
MESSAGES = st.lists(st.text(min_size=1, max_size=40).filter(str.strip), min_size=1, max_size=3)
TURNS = st.lists(st.tuples(MESSAGES, st.sampled_from(["", "Go on.", "Time to stop."])), max_size=12)


def history(said: list[tuple[list[str], str]]) -> list[Turn]:
    """Return the turns in which that was said, each with the hint it was asked with."""
    return [
        Turn(number % 2, tuple(messages), json_turns.render_history(messages), hint if number else "")
        for number, (messages, hint) in enumerate(said)
    ]


@settings(max_examples=60, deadline=None)
@given(TURNS, st.sampled_from(["", "Go on."]))
def test_the_prompt_of_a_turn_begins_with_the_whole_prompt_before_it(
    said: list[tuple[list[str], str]], hint: str
) -> None:
    """Byte for byte, for any conversation, with hints or without: so servers have it cached."""
    turns = history(said)
    before: tuple[object, ...] = ()
    for number in range(len(turns) + 1):
        own = hint if number == len(turns) else turns[number].hint
        messages = json_turns.render(MEETING, turns[:number], number % 2, own if number else "").messages
        assert messages[: len(before)] == before
        assert [message["role"] for message in messages[len(before) :]] == (
            ["assistant", "user"] if number else ["system", "user"]
        )
        before = messages


def test_the_rules_are_the_same_for_every_conversation() -> None:
    """The first message is shared by a whole run."""
    prompts = [json_turns.render(experience, [], 0, "") for experience in seed_experiences()]
    assert len({prompt.messages[0]["content"] for prompt in prompts}) == 1
    assert len({prompt.messages[1]["content"] for prompt in prompts}) == len(prompts)


def test_personas_are_shown_without_what_is_nothing_to_the_story() -> None:
    """No username, no model, no id."""
    prompt = str(json_turns.render(MEETING, [], 0, "").messages)
    for persona in (MEETING.persona1, MEETING.persona2):
        assert persona.name in prompt
        assert persona.chatting_style.split(".")[0] in prompt
        assert persona.id not in prompt
        assert persona.username is not None
        assert persona.username not in prompt


def parse(text: str, finish: str = "stop") -> tuple[str, ...]:
    return json_turns.parse(Reply(text, finish), MEETING, 0).messages


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ('{"messages": ["hey", "you"]}', ("hey", "you")),
        ('```json\n{"messages": ["hey"]}\n```', ("hey",)),
        ('Here is the turn: {"messages": ["hey"]} Enjoy.', ("hey",)),
        ('{"messages": "hey"}', ("hey",)),
        ('{"messages": [" hey ", "", "  "]}', ("hey",)),
        ('{"messages": ["1", "2", "3", "4", "5"]}', ("1", "2", "3")),
    ],
)
def test_replies_are_read_as_they_were_meant(text: str, messages: tuple[str, ...]) -> None:
    assert parse(text) == messages


@pytest.mark.parametrize(
    ("text", "finish", "name"),
    [
        ("", "stop", "empty"),
        ('{"messages": []}', "stop", "empty"),
        ('{"messages": [" "]}', "stop", "empty"),
        ('{"messages": ["hey"', "length", "cut_off"),
        ("hey", "stop", "broken_json"),
        ('{"messages": [1]}', "stop", "broken_json"),
        ('{"mood": "dry"}', "stop", "broken_json"),
        ('{"status": 404, "message": "Not Found"}', "stop", "broken_json"),
        ('{"messages": ["hey"}', "stop", "broken_json"),
        ('{"messages": ["hey', "stop", "broken_json"),
        ('[{"role": "user", "content": "hey"}]', "stop", "broken_json"),
        ('{"draft": {"messages": ["a"]}, "final": {"messages": ["b"]}}', "stop", "broken_json"),
        ('{"messages": ["hey"]}', "content_filter", "cut_off"),
        ('{"messages": ["<|im_end|>"]}', "stop", "empty"),
    ],
)
def test_what_cannot_be_used_has_a_name(text: str, finish: str, name: str) -> None:
    with pytest.raises(InvalidTurnError) as caught:
        parse(text, finish)
    assert caught.value.name == name


SEEN = "hey it's fine"


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        (f'{{"messages": ["{SEEN}",],}}', ("json",)),
        (f'["{SEEN}"]', ("json",)),
        (f'```json\n["{SEEN}"]\n```', ("json",)),
        (f'{{"message": "{SEEN}"}}', ("json",)),
        (f'{{"Messages": ["{SEEN}"]}}', ("json",)),
        (f'{{"content": ["{SEEN}"]}}', ("json",)),
        (f'{{"messages": [{{"role": "assistant", "content": "{SEEN}"}}]}}', ("json",)),
        (f'[{{"role": "assistant", "content": "{SEEN}"}}, {{"role": "user", "content": "no"}}]', ("json",)),
        (f'[{{"messages": ["{SEEN}"]}}, {{"messages": ["no"]}}]', ("json",)),
        (f'{{"response": {{"messages": ["{SEEN}"]}}}}', ("json",)),
        (f'{{"plan": "be dry", "final": {{"messages": ["{SEEN}"]}}}}', ("json",)),
        (f'{{"name": "reply", "arguments": {{"messages": ["{SEEN}"]}}}}', ("json",)),
        (f'"{{\\"messages\\": [\\"{SEEN}\\"]}}"', ("json",)),
        (f'{{\\"messages\\": [\\"{SEEN}\\"]}}', ("json",)),
        (f'{{"messages": "[\\"{SEEN}\\"]"}}', ()),
        (f'{{"messages": ["{SEEN}"], "mood": "dry"}}', ()),
        (f'{{"messages": "{SEEN}"}}', ()),
        (f'{{"messages": ["{SEEN}<|im_end|>"]}}', ("template_tokens",)),
        ('{"messages": ["hey it\\\\u0027s fine"]}', ("unescaped",)),
    ],
)
def test_what_is_put_right_in_a_reply_is_counted(text: str, repairs: tuple[str, ...]) -> None:
    """And the turn is kept as it was asked for."""
    parsed = json_turns.parse(Reply(text, "stop"), MEETING, 0)
    assert (parsed.messages, parsed.repairs, parsed.history_text) == ((SEEN,), repairs, None)


def test_what_the_other_side_says_under_its_name_is_not_said() -> None:
    """A draft under another word is one."""
    own, other = (short_names(*MEETING.people)[number] for number in (0, 1))
    first, second = '{"messages": ["one"]}', '{"messages": ["two"]}'
    assert parse(f"{first}\n**{other}:** {second}") == ("one",)
    assert parse(f"{own}: {first}\n{other}:\n```json\n{second}\n```") == ("one",)
    assert parse(f"First: {first}\nBetter: {second}") == ("two",)


@pytest.mark.parametrize("mark", ["<think>", "</think>", "[THINK]", "◁think▷"])
def test_a_lone_mark_of_thinking_in_a_message_is_asked_again(mark: str) -> None:
    """Where the thought begins or ends cannot be told, so nothing of it is spoken."""
    with pytest.raises(InvalidTurnError):
        parse(json_turns.render_history([f"yes {mark} no"]), "stop")


@given(MESSAGES)
def test_a_reply_as_asked_is_kept_byte_for_byte(messages: list[str]) -> None:
    """However the model spaced its JSON; and what had to be put right is kept as it was asked for."""
    said = [message.strip() for message in messages]
    # What thinks or has tokens is another test's.
    assume(strip_thinking(json_turns.render_history(said)) == json_turns.render_history(said))
    assume(all(drop_tokens(message) == message for message in said))
    for text in (orjson.dumps({"messages": said}).decode(), json_turns.render_history(said)):
        assert json_turns.parse(Reply(text, "stop"), MEETING, 0).history_text == text
    fenced = f"```\n{json_turns.render_history(said)}\n```"
    assert json_turns.parse(Reply(fenced, "stop"), MEETING, 0).history_text is None


@given(st.text())
def test_no_reply_breaks_the_reader(text: str) -> None:
    try:
        messages = parse(text)
    except InvalidTurnError:
        return
    assert 1 <= len(messages) <= 3


def test_a_reply_of_nothing_but_thoughts_is_asked_for_again() -> None:
    """Counted under its own name."""
    with pytest.raises(InvalidTurnError, match="thinking"):
        json_turns.parse(Reply("", THINKING), MEETING, 0)


def test_the_draft_in_a_thought_is_not_said() -> None:
    """The answer stands after it."""
    text = '[THINK]could send {"messages":["draft"]} but no[/THINK]{"messages":["real answer"]}'
    assert json_turns.parse(Reply(text, "stop"), MEETING, 0).messages == ("real answer",)


def test_of_echoed_turns_in_a_message_the_reply_is_read_and_nothing_else() -> None:
    """Not the prompt that stands before it; a prompt alone is no reply."""
    prompt = "<|start_header_id|>system<|end_header_id|>You are Luna.<|eot_id|>"
    reply = f"{prompt}<|start_header_id|>assistant<|end_header_id|>behind the bikes<|eot_id|>"
    read = json_turns.parse(Reply(json_turns.render_history([reply]), "stop"), MEETING, 0)
    assert read.messages == ("behind the bikes",)
    with pytest.raises(InvalidTurnError, match="template_turns"):
        json_turns.parse(Reply(json_turns.render_history([prompt]), "stop"), MEETING, 0)


@pytest.mark.parametrize("speaker", [0, 1])
def test_a_reply_that_names_the_other_one_as_its_sender_is_refused(speaker: int) -> None:
    """One that names the writer is read."""
    own, other = (MEETING.people[side].name for side in (speaker, 1 - speaker))
    told = [
        orjson.dumps({"sender": name, "messages": ["behind the bikes"]}).decode() for name in (own, other)
    ]
    assert json_turns.parse(Reply(told[0], "stop"), MEETING, speaker).messages == ("behind the bikes",)
    with pytest.raises(InvalidTurnError, match="speaks_for_other"):
        json_turns.parse(Reply(told[1], "stop"), MEETING, speaker)
