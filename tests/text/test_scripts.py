"""Words are compared alike in every script, however they are spelled."""

from __future__ import annotations

import unicodedata

import pytest

from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.dedup import fingerprint
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.stages.clean.rejections import reject
from soc_gen.stages.clean.repairs.text import drop_invisible
from soc_gen.text.normalize import fold
from soc_gen.text.repetition import OVER_AND_OVER, is_said_over, said_over, words
from soc_gen.text.tokens import tokenize
from tests.support.people import TALK, chat

TEXTS = {
    "German": "Häuser über Ärger, große Straße",
    "Vietnamese": "xe đạp ở sau nhà, Nguyễn",
    "Russian": "ёлка стоит ещё там",
    "Greek": "καλημέρα, πού είσαι",
    "Armenian": "բարև ձեզ",
    "Turkish": "ılık süt içiyorum",
    "Korean": "자전거 뒤에 있어",
    "Japanese": "自転車のうしろ、ガレージ",
    "Hindi": "साइकिल के पीछे",
    "Khmer": "ខ្ញុំទៅផ្ទះ",
    "Burmese": "ကျွန်တော် အိမ်ပြန်မယ်",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_decomposed_and_upper_case_copies_have_the_same_words(text: str) -> None:
    for copy in (unicodedata.normalize("NFD", text), text.upper(), text.title()):
        assert tokenize(copy) == tokenize(text)
        assert words(copy) == words(text)


def test_a_copy_in_other_letters_is_the_same_text() -> None:
    talk = [["ёлка стоит ещё в сарае, за велосипедами"], ["Häuser über Ärger, große Straße"]]
    copy = [[unicodedata.normalize("NFD", talk[0][0]).upper()], [talk[1][0].upper()]]
    one, two = (fingerprint(ChatFeatures(chat(*parts), 3)) for parts in (talk, copy))
    assert one.text == two.text


@pytest.mark.parametrize("text", ["ខ្ញុំទៅផ្ទះ", "ကျွန်တော်", "ฉันกลับบ้าน", "ຂ້ອຍ", "我回家"])
def test_where_no_spaces_part_words_a_character_is_one(text: str) -> None:
    assert len(tokenize(text)) == len(words(text)) == len(text)


def test_a_script_without_spaces_loops() -> None:
    for text in ("ខ្ញុំទៅផ្ទះ", "ကျွန်တော် အိမ်"):
        found = reject(ChatFeatures(chat([text * 20], ["ok"]), 3), CleanConfig())
        assert found is not None
        assert found[0] == "looping"


def test_folded_text_is_the_same_for_all_spellings() -> None:
    assert fold("Ｓｅáｎ Łukasz") == fold("SEA\u0301N LUKASZ") == "sean lukasz"
    assert fold("plain TEXT") == "plain text"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("ខ្ញុំ\u200bទៅ", "ខ្ញុំ\u200bទៅ"),
        ("ขอบคุณ\u200bครับ", "ขอบคุณ\u200bครับ"),
        ("အိမ်\u200bပြန်", "အိမ်\u200bပြန်"),
        ("ខ្ញុំ\u200b\u200bទៅ", "ខ្ញុំ\u200bទៅ"),
        ("\u200bខ្ញុំ\u200b", "ខ្ញុំ"),
        ("what\u200bever", "whatever"),
        ("שלום \u2066(abc)\u2069\u200f!", "שלום \u2066(abc)\u2069\u200f!"),
        ("\u202bسلام\u202c", "\u202bسلام\u202c"),
        ("left\u200f \u2067right\u2069", "left right"),
        ("\u202eשלום", "שלום"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_unseen_marks_stay_where_their_script_needs_them(written: str, kept: str) -> None:
    assert drop_invisible(written) == kept
    assert drop_invisible(kept) == kept


def _reason(*parts: list[str], config: CleanConfig | None = None) -> str | None:
    found = reject(ChatFeatures(chat(*parts), 3), config or CleanConfig())
    return found and found[0]


@pytest.mark.parametrize(("times", "reason"), [(5, None), (6, "looping"), (7, "looping")])
@pytest.mark.parametrize("line", ["ja nee", "ok", "哈哈", "ну да"])
def test_a_short_line_said_six_times_in_a_row_is_a_loop(line: str, times: int, reason: str | None) -> None:
    """By both in turn, by one of them in one part or in all parts, in one message."""
    turns = [[line] for _ in range(times)]
    assert _reason(*TALK, *turns) == reason
    assert _reason(*TALK, [line.upper(), *[f"{line}!"] * (times - 1)], ["so"]) == reason
    assert _reason(*TALK, ["\n".join([line] * times)], ["so"]) == reason
    answers = [[f"answer {number} of mine", line][half] for number in range(times) for half in (0, 1)]
    assert _reason(*TALK, *([one] for one in answers)) == reason


def test_two_short_lines_in_turn_are_a_loop_and_an_often_said_ok_is_not() -> None:
    assert _reason(*[["ja"], ["nee"]] * 6) == "looping"
    assert _reason(*[["ja"], ["nee"]] * 6, config=CleanConfig(max_repetition=1)) is None
    said = [word for number in range(8) for word in (f"thing {number} is done", f"box {number} too", "ok")]
    assert said_over([("a", line) for line in said], 0.4) == ""


def test_a_short_line_is_asked_for_again_the_sixth_time() -> None:
    said = [["ja", "nee"]] * (OVER_AND_OVER - 1)
    assert is_said_over(["ja", "nee"], said)
    assert not is_said_over(["ja", "nee"], said[1:])
    assert not is_said_over([], [[]] * 9)
