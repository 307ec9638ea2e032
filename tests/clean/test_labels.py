"""A label is a speaker's name marked as a label, and nothing else; who has written it keeps what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.models import Persona
from soc_gen.text.labelled_parts import Reading, foreign_line, read_part
from soc_gen.text.speaker_labels import callers, names_of
from tests.support.people import LUNA, MAX

OWN, OTHER = names_of(LUNA), names_of(MAX)


def read(*messages: str, own: Persona = LUNA, other: Persona = MAX) -> Reading:
    return read_part(messages, callers(names_of(own), names_of(other)))


def without_label(text: str, own: Persona = LUNA) -> str:
    found = read(text, own=own)
    assert not found.foreign
    return found.messages[0]


@pytest.mark.parametrize(
    "label",
    [
        "Luna Park: ", "Luna: ", "LUNA:", "luna : ", "moon_luna: ", "@moon_luna: ", "@moon_luna ",
        "**Luna:** ", "**Luna**: ", "*Luna*: ", "__Luna Park__: ", "[Luna] ", "[Luna Park]: ", "<Luna> ",
        "Luna (12:31): ", "Luna Park [12:31 PM]: ", "[12:31] Luna: ", "12:31 - Luna: ", "Luna (typing): ",
        "Luna - ", "Luna — ", "Persona 1: ", "persona2: ", "User: ",
        "Assistant: ", "**User:** ", "Human: ", "Speaker A: ", "Luna：", "“Luna”: ", "\nLuna: \n",
    ],
)  # fmt: skip
def test_a_label_is_taken_off_the_start(label: str) -> None:
    assert without_label(f"{label}did you see this?") == "did you see this?"


@pytest.mark.parametrize("label", ["Max: ", "Max Okoro: ", "[maxo] ", "**Max:** ", "<Max> "])
def test_a_line_labelled_as_the_other_one_s_is_theirs(label: str) -> None:
    """It is not taken for what Luna says, with or without the label."""
    text = f"{label}did you see this?"
    assert read(text) == Reading([text], text)


@pytest.mark.parametrize(
    "text",
    [
        "Luna, did you see this?", "Max, come on", "Max come on", "@maxo you there?", "Max - you there?",
        "Note: bring cash", "Re: dinner", "Mom: the musical is on again", "I told Luna: no",
        "Maximum: 3 people", "so: luna", "http://example.org", "12:30 works", "[sighs] fine", "luna",
        "Luna: 3, Max: 2", "Luna - 3, Max - 2", "Luna: tea; @maxo: coffee", "speaker 1: 1, speaker 2: 3",
        "Luna :)", "luna :D", "Max:)", "max >:( why", "Luna :( come home", "Luna :*", "Luna:/", "Max :-)",
        "@moon_luna", "@moon_luna is my handle", "user: admin pass: hunter2", "Persona 5: best game ever",
        "Users: 3", "the plan (Luna): no", "Lunatic: you", ":)", "<3 you", "Luna and Max: a love story",
    ],
)  # fmt: skip
def test_an_address_or_a_part_of_the_sentence_stays(text: str) -> None:
    assert without_label(text) == text


def test_emphasis_and_quotes_after_a_label_stay() -> None:
    assert without_label("Luna: *waves*") == "*waves*"
    assert without_label('Luna: "no"') == '"no"'
    assert without_label("Luna: :)") == ":)"
    assert without_label("Luna:3 of us") == "Luna:3 of us"
    assert without_label("Luna:pizza") == "pizza"


def test_a_username_that_is_an_everyday_word_labels_nothing() -> None:
    """With "no" for a username, "no: i said 8" is still a sentence; the name is a label."""
    for word in ("the", "no", "me", "ok"):
        writer = LUNA.model_copy(update={"username": word})
        assert without_label(f"{word}: i said 8", writer) == f"{word}: i said 8"
        assert without_label("Luna: i said 8", writer) == "i said 8"
    user = LUNA.model_copy(update={"name": "User", "username": None})
    assert without_label("User: hi", user) == "hi"


def test_titles_are_no_names_and_nicknames_are() -> None:
    doctor = LUNA.model_copy(update={"name": 'Dr. Robert "Bobby" Chen', "username": None})
    assert names_of(doctor) == {'dr. robert "bobby" chen', "robert", "bobby"}


@given(st.text(max_size=200))
def test_what_is_taken_off_is_a_label_and_nothing_is_added(text: str) -> None:
    kept = read(text).messages[0]
    assert kept in text or len(kept) < len(text)


def test_foreign_lines_are_asked_for_by_names_alone() -> None:
    assert foreign_line(["Max: hi"], OWN, OTHER) == "Max: hi"
    assert not foreign_line(["Max: hi"], OTHER, OWN)
