"""The transcript format: prompts that only grow, lines read as they were meant."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.llm.response import THINKING
from soc_gen.llm.types import Reply
from soc_gen.prompts.loader import load_prompt
from soc_gen.stages.rollout.formats.base import InvalidTurnError, Turn
from soc_gen.stages.rollout.formats.dialogue_acts import FIRST
from soc_gen.stages.rollout.formats.transcript import closing_turn, parse, render, render_history
from soc_gen.text.quotes import unwrap_line
from tests.support.meeting import MEETING

LINES = st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20), max_size=12)


@given(LINES, st.integers(0, 11))
def test_a_prompt_begins_with_the_prompt_before_it(lines: list[str], closing: int) -> None:
    """Whatever was said and wherever the talk began to close, what was sent stays as it was."""
    hint = load_prompt("rollout_hint_wind_down").text
    turns: list[Turn] = []
    before = ""
    for number, line in enumerate(lines):
        said = hint if number == closing else ""
        prompt = render(MEETING, turns, number % 2, said)
        script = prompt.messages[-1]["content"]
        assert script.startswith(before)
        assert prompt.messages[:-1] == render(MEETING, [], 0, "").messages[:-1]
        turns.append(Turn(number % 2, (line,), line, said))
        before = f"{script} {line}\n"


@given(st.integers(0, 8), st.integers(1, 20))
def test_the_line_that_is_told_to_end_it_closes(closing: int, count: int) -> None:
    """A prompt says that it closes the talk exactly when its last words tell the model so."""
    hint = load_prompt("rollout_hint_wind_down").text
    turns = [Turn(number % 2, ("x",), "x", hint if number == closing else "") for number in range(count)]
    prompt = render(MEETING, turns, count % 2, hint if count == closing else "")
    asked = prompt.messages[-1]["content"].splitlines()[-1]
    assert prompt.closes == ("(ends it" in asked) == (count >= closing + 2)


@given(st.text(), st.integers(0, 30), st.integers(4, 60))
def test_a_talk_closes_between_its_bounds(conversation: str, fewest: int, extra: int) -> None:
    """The last line comes after ``min_turns`` and no later than ``max_turns``."""
    turn = closing_turn(conversation, fewest, fewest + extra)
    assert fewest < turn + 3 <= fewest + extra


def test_talks_are_of_different_lengths() -> None:
    """Where a talk closes is drawn for each conversation."""
    assert {closing_turn(str(number), 6, 12) for number in range(60)} == {4, 5, 6, 7, 8, 9}


def test_a_line_is_asked_for_with_what_it_does() -> None:
    """The last words of the prompt are whose line it is and what it does, without a space after them."""
    last = render(MEETING, [], 0, "").messages[-1]["content"].splitlines()[-1]
    assert re.fullmatch(rf"Petra \(({'|'.join(FIRST)})\):", last)


def test_the_system_text_names_nobody_of_the_conversation() -> None:
    """It is the same for a whole run, so that it is read once."""
    assert load_prompt("rollout_transcript_system").variables == frozenset()


def test_what_stands_before_a_talk_is_short() -> None:
    """A trait and a sentence of style each; no background, username, model or id."""
    script = render(MEETING, [], 0, "").messages[-1]["content"]
    examples = load_prompt("rollout_transcript_examples").text
    assert script.startswith(f"{examples}\n\n")
    assert script[len(examples) :].strip().splitlines()[:4] == [
        "Petra, 40, stubborn, and Col, 40, stubborn. Neighbours.",
        "Petra types: No capitals.",
        "Col types: No capitals.",
        "The ladder is gone. Petra asks for it.",
    ]


@pytest.mark.parametrize("text", ["", "  ", '" "', '""', "[end]", " [END]\nmore", "---", "**"])
def test_no_words_end_the_talk(text: str) -> None:
    """An empty line, marks around nothing, or an end line: nobody writes any more."""
    parsed = parse(Reply(text, "stop"), MEETING, 0)
    assert (parsed.messages, parsed.ended) == ((), True)


@pytest.mark.parametrize("text", ["...", "??", "ok", "👍"])
def test_a_message_needs_no_letters(text: str) -> None:
    """Dots, question marks and emoji are things people send."""
    assert parse(Reply(f" {text}", "stop"), MEETING, 0).messages == (text,)


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        ('"is it ready?"', "is it ready?"),
        ("“is it ready?”", "is it ready?"),
        ('"*right so*"', "right so"),
        ('"*right so! i was', "right so! i was"),
        ("then that is that.”", "then that is that."),
        ('"fine" is what you said', '"fine" is what you said'),
        ('you said "fine"', 'you said "fine"'),
        ('"a" and "b"', '"a" and "b"'),
        ('a pipe of 5"', 'a pipe of 5"'),
        ("*definitely", "*definitely"),
    ],
)
def test_marks_around_a_whole_line_go(line: str, spoken: str) -> None:
    """A quoted phrase, inches and the star of a correction stay; what is taken off is counted."""
    parsed = parse(Reply(line, "stop"), MEETING, 0)
    assert parsed.messages == (spoken,)
    assert parsed.repairs == (("unwrapped",) if line != spoken else ())


@given(st.text(max_size=40))
def test_unwrapping_ends(line: str) -> None:
    """What is unwrapped is not unwrapped further."""
    assert unwrap_line(unwrap_line(line)) == unwrap_line(line)


def test_a_line_that_was_cut_keeps_its_whole_sentences() -> None:
    """Without one it is asked for again."""
    assert parse(Reply("it rains. and the", "length"), MEETING, 0).messages == ("it rains.",)
    with pytest.raises(InvalidTurnError, match="cut_off"):
        parse(Reply("and the", "length"), MEETING, 0)


@pytest.mark.parametrize("reason", ["length", "content_filter", "abort"])
def test_a_reply_that_was_cut_before_its_first_word_ends_no_talk(reason: str) -> None:
    """All tokens went into thinking, or a filter took it: no line is an end only where one was meant."""
    with pytest.raises(InvalidTurnError, match=reason):
        parse(Reply("", reason), MEETING, 0)
    assert parse(Reply("", "stop"), MEETING, 0).ended


def test_a_line_is_kept_as_it_was_said() -> None:
    """The history holds what the record holds."""
    assert render_history(["thursday at 5"]) == "thursday at 5"


@pytest.mark.parametrize(
    "line",
    [
        "To be fair, the gate was already leaning.",
        "in front of the plough",
        "a big one. I can put a flower pot infront of it",
        "one weekend. my house is here",
    ],
)
def test_a_line_of_the_example_is_asked_for_again(line: str) -> None:
    """The example shows how people write, not what; also where a word or two was changed."""
    with pytest.raises(InvalidTurnError, match="copies_example"):
        parse(Reply(line, "stop"), MEETING, 0)


@pytest.mark.parametrize(
    "line", ["my house is here", "what if we do it now", "no, it was a few minutes ago!"]
)
def test_everyday_words_that_the_example_has_too_are_no_copy(line: str) -> None:
    assert parse(Reply(line, "stop"), MEETING, 0).messages == (line,)


@pytest.mark.parametrize("opener", ["<think>", "[THINK]", "◁think▷", "<|START_THINKING|>", "<scratchpad>"])
def test_a_line_that_is_nothing_but_a_thought_ends_no_talk(opener: str) -> None:
    """The line break after the opener stops the reply: the model thinks, and has said nothing yet."""
    with pytest.raises(InvalidTurnError, match="thinking"):
        parse(Reply(opener, "stop"), MEETING, 0)


def test_a_reply_that_the_decoder_found_to_be_a_thought_ends_no_talk() -> None:
    """Its text is gone by then; the finish reason tells."""
    with pytest.raises(InvalidTurnError, match="thinking"):
        parse(Reply("", THINKING), MEETING, 0)


@pytest.mark.parametrize(
    "reason", ["model_length", "MAX_TOKENS", "insufficient_system_resource", "some_new_limit"]
)
def test_any_reason_that_is_no_end_is_a_cut(reason: str) -> None:
    """What is whole of the line is kept."""
    assert parse(Reply("it rains. and the", reason), MEETING, 0).messages == ("it rains.",)
    with pytest.raises(InvalidTurnError, match=reason):
        parse(Reply("and the", reason), MEETING, 0)


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos_token", "end_turn", "stop_sequence", None, ""])
def test_an_end_is_no_cut(reason: str | None) -> None:
    """In any case of letters."""
    assert parse(Reply("and the", reason), MEETING, 0).messages == ("and the",)


@pytest.mark.parametrize(
    ("text", "spoken", "repairs"),
    [
        ("ok<|im_end|>", ("ok",), ("template_tokens",)),
        ("<|im_end|>", (), ()),
        ("at the caf\\u00e9", ("at the café",), ("unescaped",)),
        ('"ok<|eot_id|>"', ("ok",), ("template_tokens", "unwrapped")),
    ],
)
def test_what_the_model_did_not_mean_to_say_is_put_right(
    text: str, spoken: tuple[str, ...], repairs: tuple[str, ...]
) -> None:
    """So no later prompt has it; tokens alone are an empty line."""
    parsed = parse(Reply(text, "stop"), MEETING, 0)
    assert (parsed.messages, parsed.repairs) == (spoken, repairs)


def test_of_echoed_turns_the_reply_is_read_and_nothing_else() -> None:
    """Not the prompt that stands before it; of two replies nobody can say which is meant."""
    echo = "<|im_start|>system\nYou are Luna.<|im_end|>\n<|im_start|>assistant\nbehind the bikes<|im_end|>"
    assert parse(Reply(echo, "stop"), MEETING, 0).messages == ("behind the bikes",)
    with pytest.raises(InvalidTurnError, match="template_turns"):
        parse(Reply(f"{echo}<|im_start|>user\nwhen?<|im_end|>{echo}", "stop"), MEETING, 0)


@pytest.mark.parametrize(
    "marks",
    [
        "&lt;think&gt;be dry&lt;/think&gt;",
        "<think>be dry</think>",
        "[THINK]be dry[/THINK]",
        "◁think▷be dry◁/think▷",
    ],
)
def test_a_line_after_a_thought_is_what_is_said(marks: str) -> None:
    """The thought itself is not said."""
    assert parse(Reply(f" {marks}behind the bikes", "stop"), MEETING, 0).messages == ("behind the bikes",)
