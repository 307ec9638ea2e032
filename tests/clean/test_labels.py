"""A label is a speaker's name marked as a label at the start, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.text.speaker_labels import has_label, names_of, strip_label
from tests.support.people import LUNA, MAX

OWN, OTHER = names_of(LUNA), names_of(MAX)


@pytest.mark.parametrize(
    "label",
    [
        "Luna Park: ", "Luna: ", "LUNA:", "luna : ", "moon_luna: ", "@moon_luna: ", "@moon_luna ",
        "**Luna:** ", "**Luna**: ", "*Luna*: ", "__Luna Park__: ", "[Luna] ", "[Luna Park]: ", "<Luna> ",
        "Luna (12:31): ", "Luna Park [12:31 PM]: ", "[12:31] Luna: ", "12:31 - Luna: ", "Luna (typing): ",
        "Luna - ", "Luna — ", "Max: ", "Max Okoro: ", "[maxo] ", "Persona 1: ", "persona2: ", "User: ",
        "Assistant: ", "**User:** ", "Human: ", "Speaker A: ", "Luna：", "“Luna”: ", "\nLuna: \n",
    ],
)  # fmt: skip
def test_a_label_is_taken_off_the_start(label: str) -> None:
    assert strip_label(f"{label}did you see this?", OWN, OTHER) == "did you see this?"


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
    assert strip_label(text, OWN, OTHER) == text


def test_emphasis_and_quotes_after_a_label_stay() -> None:
    assert strip_label("Luna: *waves*", OWN) == "*waves*"
    assert strip_label('Luna: "no"', OWN) == '"no"'
    assert strip_label("Luna: :)", OWN) == ":)"
    assert strip_label("Luna:3 of us", OWN) == "Luna:3 of us"
    assert strip_label("Luna:pizza", OWN) == "pizza"


def test_a_username_that_is_an_everyday_word_labels_nothing() -> None:
    """With "no" for a username, "no: i said 8" is still a sentence; the name is a label."""
    for word in ("the", "no", "me", "ok"):
        names = names_of(LUNA.model_copy(update={"username": word}))
        assert strip_label(f"{word}: i said 8", names) == f"{word}: i said 8"
        assert strip_label("Luna: i said 8", names) == "i said 8"
    user = names_of(LUNA.model_copy(update={"name": "User", "username": None}))
    assert strip_label("User: hi", user) == "hi"


def test_titles_are_no_names_and_nicknames_are() -> None:
    doctor = LUNA.model_copy(update={"name": 'Dr. Robert "Bobby" Chen', "username": None})
    assert names_of(doctor) == {'dr. robert "bobby" chen', "robert", "bobby"}


def test_has_label_asks_for_these_names_only() -> None:
    assert has_label("Max: hi", OTHER)
    assert not has_label("Max: hi", OWN)
    assert not has_label("User: hi", OWN)


@given(st.text(max_size=200))
def test_only_the_start_of_a_text_is_ever_taken(text: str) -> None:
    assert text.endswith(strip_label(text, OWN, OTHER))
