"""Playing one conversation: what is asked again, what is put right, where it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.errors import ConversationError
from soc_gen.llm.types import Reply, Request, Usage
from soc_gen.models import Chat
from soc_gen.prompts.loader import load_prompt
from soc_gen.stages.rollout.config import RolloutConfig
from soc_gen.stages.rollout.stage import Rules, chat_id, roll_out
from tests.support.runs import seed_experiences
from tests.support.scripted_llm import Answer, ScriptedLLM

MEETING = seed_experiences()[0]
FIRST, SECOND = MEETING.persona1, MEETING.persona2
LINES = [
    "did the plumber come back about the boiler",
    "he rang from the van, says Thursday at noon",
    "Thursday I am in Leeds until six or so",
    "then leave the key under the third flowerpot",
    "the fox took the flowerpots in August, remember",
    "ok the neighbour with the loud parrot then",
    "Parrot lady moved out, there is a drummer now",
    "a drummer can hold a key between two sticks",
    "he practises at noon on Thursdays, since you ask",
    "perfect, the plumber will need ear protection",
]


def say(*messages: str) -> str:
    return orjson.dumps({"messages": list(messages)}).decode()


class Played:
    """A conversation with a scripted model."""

    def __init__(self, script: list[Answer], *, attempts: int = 4, **config: Any) -> None:
        self.counts: Counter[str] = Counter()
        self.llm = ScriptedLLM(script)
        settings = RolloutConfig(**{"max_turns": 6, "min_turns": 2} | config)
        self.rules = Rules(settings, 7, "m", attempts, lambda _, name: self.counts.update([name]))

    def chat(self) -> Chat:
        return asyncio.run(roll_out(MEETING, self.llm, self.rules))

    def said(self) -> list[list[str]]:
        return [part.messages for part in self.chat().chat_parts]

    @property
    def asked(self) -> list[Request]:
        return self.llm.requests


def test_speakers_alternate_from_the_first_persona() -> None:
    chat = Played([say(line) for line in LINES]).chat()
    assert [part.sender for part in chat.chat_parts] == [FIRST.id, SECOND.id] * 3
    assert [part.messages for part in chat.chat_parts] == [[line] for line in LINES[:6]]


def test_ids_come_from_content_and_seed() -> None:
    """The same run gives the same id, another seed or model another one."""
    assert chat_id(MEETING, "m", 7) == Played([say(line) for line in LINES]).chat().chat_id
    assert len({chat_id(MEETING, "m", 7), chat_id(MEETING, "m", 8), chat_id(MEETING, "n", 7)}) == 3


def test_it_ends_at_the_end_tag() -> None:
    played = Played([say(LINES[0]), say(LINES[1]), say(f"{LINES[2]} <end/>"), say("never asked")])
    assert played.said()[-1] == [f"{LINES[2]} <end/>"]
    assert len(played.asked) == 3


def test_an_end_that_comes_too_early_is_taken_out_and_a_hint_stays() -> None:
    """In the history the reply stands without it; the next turn is told to go on, for good."""
    played = Played([say(f"{LINES[0]} <end/>"), *(say(line) for line in LINES[1:])], min_turns=4)
    assert played.said()[0] == [LINES[0]]
    assert played.counts["early_end"] == 1
    hint = load_prompt("rollout_hint_not_yet").text
    for request in played.asked[1:]:
        assert "<end/>" not in request.messages[2]["content"]
        assert hint in request.messages[3]["content"]


def test_a_chat_without_words_but_an_end_closes_the_turn_before() -> None:
    """No chat part says nothing."""
    played = Played([say(LINES[0]), say(LINES[1]), say(LINES[2]), say("<end/>")])
    assert played.said() == [[LINES[0]], [LINES[1]], [LINES[2], "<end/>"]]


def test_a_transcript_ends_where_the_model_is_told_to_end_it() -> None:
    """Small models never end a talk: the line asked for as the last one carries the end."""
    played = Played(list(LINES), format="transcript", min_turns=2, max_turns=7)
    said = played.said()
    assert said[-1][-1] == "<end/>"
    assert "(ends it" in played.asked[-1].messages[-1]["content"].splitlines()[-1]
    assert [part[0] for part in said] == LINES[: len(said)]


def test_two_goodbyes_in_a_row_end_it() -> None:
    played = Played([say(LINES[0]), say(LINES[1]), say("ok bye then"), say("bye!"), say("never asked")])
    assert played.said()[-1] == ["bye!", "<end/>"]
    assert played.counts["goodbye_closed"] == 1


def test_two_goodbyes_before_the_talk_may_end_are_asked_again() -> None:
    """The second one, under a name of its own."""
    played = Played([say("ok bye then"), say("bye!"), *(say(line) for line in LINES)], min_turns=4)
    assert played.said()[1] == [LINES[0]]
    assert played.counts["goodbye_loop"] == 1


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ("", "empty"),
        ("hello", "broken_json"),
        (Reply('{"messages": ["half', "length"), "cut_off"),
        (say(f"{SECOND.name}: sure thing"), "speaks_for_other"),
        (say(f"{FIRST.name}: sure thing"), "own_label"),
        (say("As an AI language model, I cannot feel that"), "assistant_speak"),
        (say("I'm sorry, but I can't assist with that."), "refusal"),
        (say("<image>a wet dog on the sofa"), "bad_tag"),
        (say("<end/>"), "ended_early"),
        (f"```json\n{say(LINES[3])[:-2]}\n```", "broken_json"),
    ],
)
def test_a_bad_turn_is_asked_again_with_another_seed(bad: Answer, name: str) -> None:
    """At once, counted by its name; the bad reply is nowhere in what follows."""
    played = Played([bad, *(say(line) for line in LINES)])
    assert played.said()[0] == [LINES[0]]
    assert played.counts == {name: 1}
    first, second = played.asked[:2]
    assert (first.messages, first.turn) == (second.messages, second.turn)
    assert (first.attempt, second.attempt) == (0, 1)
    assert first.seed != second.seed


def test_a_repeat_of_what_was_said_is_asked_again() -> None:
    played = Played([say(LINES[0]), say(LINES[1]), say(LINES[0].upper()), *(say(line) for line in LINES[2:])])
    assert played.said()[2] == [LINES[2]]
    assert played.counts["repeat"] == 1


def test_a_turn_that_stays_bad_is_a_failure_and_not_a_chat() -> None:
    played = Played(["", "hello", "", ""])
    with pytest.raises(ConversationError) as caught:
        played.chat()
    assert caught.value.reason == "bad_turn"
    assert "turn 0 after 4 replies" in caught.value.detail


def test_seeds_are_the_same_on_every_run() -> None:
    """They depend on the run's seed, the chat, the turn and the attempt, and nothing else."""
    script: list[Answer] = ["", *(say(line) for line in LINES)]
    runs = [Played(list(script)) for _ in range(2)]
    for played in runs:
        played.chat()
    assert [request.seed for request in runs[0].asked] == [request.seed for request in runs[1].asked]
    assert len({request.seed for request in runs[0].asked}) == len(runs[0].asked)


def test_a_chat_ends_when_it_has_as_many_tokens_as_it_may() -> None:
    replies: list[Answer] = [
        Reply(say(line), "stop", Usage(prompt=150 * n, completion=9)) for n, line in enumerate(LINES, 1)
    ]
    assert len(Played(replies, max_chat_tokens=400).said()) == 3


@pytest.mark.parametrize(("wish", "turns"), [("wind_down", 3), ("fail", None)])
def test_too_long_for_the_server(wish: str, turns: int | None) -> None:
    """A failure, or the end of the chat: as the user wishes."""
    script: list[Answer] = [
        *(say(line) for line in LINES[:3]),
        ConversationError("context_length", "too long"),
    ]
    played = Played(script, on_context_length=wish)
    if turns is None:
        with pytest.raises(ConversationError):
            played.chat()
    else:
        assert len(played.said()) == turns


def test_too_long_before_anything_was_said_is_a_failure_all_the_same() -> None:
    with pytest.raises(ConversationError):
        Played([ConversationError("context_length", "x")], on_context_length="wind_down").chat()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*map(say, LINES), "", "nonsense", say("<end/>"), say("bye"), say(f"{LINES[3]} <end/>")]
        ),
        min_size=40,
        max_size=40,
    ),
    st.sampled_from(["json", "transcript"]),
    st.integers(0, 6),
)
def test_whatever_the_model_says_prompts_only_grow(script: list[str], form: str, min_turns: int) -> None:
    """Both formats: the prompt of each turn begins with that of the turn before; no part is empty."""
    answers: list[Answer] = list(script)
    played = Played(answers, format=form, min_turns=min_turns, max_turns=8)
    try:
        chat = played.chat()
    except ConversationError:
        chat = None
    texts = ["\n".join(message["content"] for message in request.messages) for request in played.asked]
    for before, after in itertools.pairwise(texts):
        assert after.startswith(before)
    if chat:
        assert all(part.messages and all(part.messages) for part in chat.chat_parts)
        assert len(chat.chat_parts) <= 8


@pytest.mark.parametrize(("between", "asked_again"), [(22, 1), (23, 1), (24, 0), (25, 0)])
def test_a_repeat_is_noticed_among_the_last_24_messages(between: int, asked_again: int) -> None:
    """A line that was said longer ago may be said again."""
    again = LINES[0]
    others = [" ".join(f"w{number}x{word}" for word in range(5)) for number in range(between)]
    script: list[Answer] = [say(again), *map(say, others), say(again), say("that is all I wanted to know")]
    played = Played(script, max_turns=between + 2, min_turns=between + 1)
    played.chat()
    assert played.counts["repeat"] == asked_again
