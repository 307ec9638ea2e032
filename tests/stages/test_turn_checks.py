"""Which lines are asked for again."""

from __future__ import annotations

import pytest

from soc_gen.stages.rollout.formats.base import InvalidTurnError
from soc_gen.stages.rollout.turn_checks import TurnContext, check_turn, filler, word_runs
from soc_gen.text.repetition import words
from soc_gen.text.speaker_labels import names_of
from tests.support.meeting import MEETING


def _after(*lines: str) -> TurnContext:
    given = word_runs("A hot tub is going into Col's garden, at the family price, from the groom.")
    people = [names_of(person) for person in (MEETING.persona1, MEETING.persona2)]
    said = [words(line) for line in lines]
    return TurnContext(people[len(lines) % 2], people[1 - len(lines) % 2], said, lines[-1:], given)


@pytest.mark.parametrize(
    "line",
    ["no problem, take care", "Hi Petra!", "Thank you, Stanisław!", "you’re welcome! have a great day."],
)
def test_politeness_alone_is_filler(line: str) -> None:
    """Greetings, thanks and the like, with or without a name."""
    assert filler(line)


@pytest.mark.parametrize(
    "line", ["great, 8 then", "ok", "sounds good, bring the ladder", "thanks for nothing"]
)
def test_a_line_with_anything_else_in_it_is_no_filler(line: str) -> None:
    """Nor is a bare "ok", which people do send."""
    assert not filler(line)


def test_filler_is_refused_only_in_answer_to_filler() -> None:
    """One line of politeness is life, two are a loop."""
    check_turn(["no problem"], _after("it is in the shed"))
    with pytest.raises(InvalidTurnError, match="filler"):
        check_turn(["no problem"], _after("thanks!"))


def test_a_line_that_retells_the_situation_is_refused() -> None:
    """People do not tell each other what both know, in the words of the brief."""
    with pytest.raises(InvalidTurnError, match="retells"):
        check_turn(["so a hot tub is going into Col's garden at the family price"], _after())
    check_turn(["at the family price. he would say that, wouldn't he"], _after())


@pytest.mark.parametrize(
    "line",
    [
        "Petra has always loved ladders",
        "what did petra say about it",
        "i asked Petra if she could",
        "petra’s roof is on fire",
        "Col, it was your idea",
        "Col. no.",
    ],
)
def test_who_has_lost_who_is_who_is_asked_again(line: str) -> None:
    """Col tells Petra what Petra has done, or speaks to himself."""
    with pytest.raises(InvalidTurnError, match="wrong_person"):
        check_turn([line], _after("is my ladder behind your shed"))


@pytest.mark.parametrize(
    "line",
    [
        "ok Petra",
        "Petra, has it rained",
        "vic has it",
        "no. yours, Col",
        "Col has spoken",
        "Col's ladder now",
        "petra!! it's gone",
    ],
)
def test_names_are_used_in_talk(line: str) -> None:
    """To call the other one, in a signature, or of oneself for fun."""
    check_turn([line], _after("is my ladder behind your shed"))


def test_a_story_about_the_two_is_refused() -> None:
    """A chat has no narrator; somebody else may well be said to smile."""
    with pytest.raises(InvalidTurnError, match="narrates"):
        check_turn(["he'd better. Petra nods, and Col looks away"], _after())
    check_turn(["vic laughs at everything"], _after())


@pytest.mark.parametrize("line", ["at the caf\ufffd", "at the caf\\u00e9", "<0xE2><0x80> ok"])
def test_a_line_in_which_characters_are_lost_is_asked_for_again(line: str) -> None:
    """Nobody types them, and no repair knows what was meant."""
    with pytest.raises(InvalidTurnError, match="garbled"):
        check_turn([line], _after("is my ladder behind your shed"))


def test_a_thought_about_the_task_is_asked_for_again() -> None:
    """It has no marks by which it could be cut."""
    with pytest.raises(InvalidTurnError, match="thinking"):
        check_turn(["Okay, the user wants a reply from Luna"], _after("is my ladder behind your shed"))
    check_turn(["okay, the bus is late"], _after("is my ladder behind your shed"))
