"""Each reason to throw a chat out, and chats that come close to it and stay."""

from __future__ import annotations

import pytest

from soc_gen.models import Chat, ChatPart
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.stages.clean.rejections import CHECKS, REASONS, reject
from tests.support.people import TALK, chat

SHORT = CleanConfig()


def reason(*parts: list[str], config: CleanConfig = SHORT) -> str | None:
    return reason_of(chat(*parts), config)


def reason_of(talk: Chat, config: CleanConfig = SHORT) -> str | None:
    found = reject(ChatFeatures(talk, config.shingle_words), config)
    return found[0] if found else None


def test_a_good_chat_has_no_reason() -> None:
    assert reason(*TALK) is None
    assert reason(["hey"], ["ho"]) is None


def test_bounds_are_on_parts_messages_and_words() -> None:
    assert reason(["hey"]) == "too_few_parts"
    assert reason(*TALK, config=CleanConfig(min_parts=7)) == "too_few_parts"
    assert reason(*TALK, config=CleanConfig(min_messages=8)) == "too_few_messages"
    assert reason(*TALK, config=CleanConfig(min_words=500)) == "too_few_words"
    tagged = ['<delay minutes="5"/>', "<end/>"]
    assert reason(["hey"], tagged, config=CleanConfig(min_words=2)) == "too_few_words"


def test_senders_must_be_the_two() -> None:
    talk = chat(*TALK)
    stranger = talk.model_copy(
        update={"chat_parts": [*talk.chat_parts, ChatPart(sender="x", messages=["hi"])]}
    )
    assert reason_of(stranger) == "unknown_sender"
    alone = talk.model_copy(update={"chat_parts": talk.chat_parts[::2]})
    assert reason_of(alone) == "one_sided"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("as an AI language model, i have no shelf", "breaks_character"),
        ("I cannot fulfill this request.", "refusal"),
        ("How can I assist you today?", "assistant_speak"),
        ("fine\nLuna: and the kettle?\nno", "speaks_for_other"),
        ("fine\nMax: i mean it", None),
    ],
)
def test_messages_that_no_person_writes(message: str, expected: str | None) -> None:
    assert reason(*TALK[:1], [message], *TALK[2:]) == expected


def test_a_name_that_both_have_tells_nobody_apart() -> None:
    talk = chat(*TALK[:1], ["fine\nLuna: i mean it"], *TALK[2:])
    other = talk.experience.persona2.model_copy(update={"name": "Luna Okoro"})
    experience = talk.experience.model_copy(update={"persona2": other})
    assert reason_of(talk) == "speaks_for_other"
    assert reason_of(talk.model_copy(update={"experience": experience})) is None


def test_assistant_speak_can_be_allowed() -> None:
    config = CleanConfig(allow_assistant_speak=True)
    assert reason(["hey"], ["How can I assist you today?"], config=config) is None


def test_a_script_without_spaces_loops_too() -> None:
    """Chinese, Japanese, Thai: a character is a word."""
    assert reason(["你好吗" * 40], ["我很好"]) == "looping"
    assert reason(["昨天我在车站看见你的猫，它坐在窗台上晒太阳"], ["真的吗？我找了它一整个晚上"]) is None


def test_a_list_of_who_does_what_is_no_transcript() -> None:
    """What follows a line that ends in a colon."""
    assert reason(["who brings what:\nMax: wine\nLuna: cake"], ["ok"]) is None
    assert reason(["hi\nMax: wine?"], ["ok"]) == "speaks_for_other"


def test_saying_the_same_over_and_over_is_looping() -> None:
    line = "i really think that we should talk about the shelf again"
    assert reason(*[[line + " now"], [line + " please"]] * 6) == "looping"
    assert (
        reason(*[[line + " now"], [line + " please"]] * 6, config=CleanConfig(max_repetition=1, max_echo=1))
        is None
    )


def test_saying_what_the_other_just_said_is_an_echo() -> None:
    echoed: list[list[str]] = []
    for number in range(6):
        line = f"we could take road number {number} to the lake near village {number} with boat {number}"
        echoed += [[line], [line]]
    config = CleanConfig(max_repetition=1)
    assert reason(*echoed, config=config) == "echo"
    assert reason(*echoed, config=CleanConfig(max_repetition=1, max_echo=1)) is None


def test_goodbyes_without_end_are_a_farewell_loop() -> None:
    byes = [
        ["bye!"],
        ["see you tomorrow"],
        ["good night"],
        ["haha you too"],
        ["take care"],
        ["ok bye", "<end/>"],
    ]
    assert reason(*TALK, *byes) == "farewell_loop"
    assert reason(*TALK, *byes[:2]) is None
    assert reason(*byes, *TALK) is None


BYES = [["bye!"], ["see you tomorrow"], ["good night"], ["take care"], ["ok bye"]]


@pytest.mark.parametrize(("limit", "farewells"), [(4, 3), (4, 4), (4, 5), (2, 1), (2, 2), (2, 3)])
def test_one_goodbye_more_than_the_limit_is_a_farewell_loop(limit: int, farewells: int) -> None:
    """``max_farewells`` parts in a row stay; 4 is the default."""
    expected = "farewell_loop" if farewells > limit else None
    assert reason(*TALK, *BYES[:farewells], config=CleanConfig(max_farewells=limit)) == expected
    assert CleanConfig().max_farewells == 4


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ("oh you too", "farewell_loop"),
        ("oh you too max", "farewell_loop"),
        ("oh you too dear max", None),
    ],
)
def test_up_to_four_words_between_goodbyes_do_not_end_the_row(between: str, expected: str | None) -> None:
    """Three goodbyes before and two after: five in a row, unless the part between them breaks it."""
    assert reason(*TALK, *BYES[:3], [between], *BYES[3:]) == expected


@pytest.mark.parametrize(("word_runs", "expected"), [(71, None), (70, None), (69, "echo")])
def test_echoes_are_looked_for_above_a_tenth_of_repeated_runs(word_runs: int, expected: str | None) -> None:
    """Seven runs come twice: 9.9 % of 71, a tenth of 70 (0.09999999999999998 in binary), 10.1 % of 69."""
    echoed = "we could take the old road home tonight maybe"
    rest = " ".join(f"word{number}" for number in range(word_runs + 2 - 2 * len(echoed.split())))
    parts = [[echoed], [echoed], [rest]]
    features = ChatFeatures(chat(*parts), 3)
    assert len(features.shingles) == word_runs
    assert len(features.shingles) - len(set(features.shingles)) == 7
    assert reason(*parts, config=CleanConfig(max_repetition=1, max_echo=0)) == expected


def test_the_language_is_asked_for_or_not() -> None:
    german = ["kannst du mir bitte sagen wann der nächste zug nach hamburg fährt ich stehe schon am bahnhof"]
    answer = ["der fährt erst um sieben uhr, du hast also noch zeit für einen kaffee und ein brötchen"]
    assert reason(german, answer) is None
    assert reason(german, answer, config=CleanConfig(language="en")) == "wrong_language"
    assert reason(german, answer, config=CleanConfig(language="de")) is None
    assert reason(["ja"], ["nein"], config=CleanConfig(language="en")) is None


def test_every_check_is_a_reason_that_is_explained() -> None:
    assert set(CHECKS) <= set(REASONS)
