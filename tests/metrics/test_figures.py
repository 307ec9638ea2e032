"""The figures give what people were measured with, to the last digit, and nothing where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import chitchat_dataset
import orjson
import pytest

from soc_gen.metrics.advice import ADVICE
from soc_gen.metrics.figures import FIGURES, block_figures, blocks, percentiles
from soc_gen.metrics.people import Range, messaging, ranges, shipped_corpora
from soc_gen.metrics.talk import Message, Talk, talk_of
from tests.metrics.talks import handmade

GOLDEN: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("golden_figures.json").read_text())


@pytest.mark.parametrize(("name", "count"), [("one_block", 16), ("long_block", 120)])
def test_a_block_has_the_figures_of_the_definitions(name: str, count: int) -> None:
    """The golden values were computed once, by the program that measured people."""
    found = block_figures(list(map(talk_of, handmade(400)[:count])))
    golden = GOLDEN[name]
    assert found.keys() == golden.keys()
    assert [name for name, value in found.items() if value is None] == ["reply_gap_seconds"]
    measured = {name: value for name, value in golden.items() if value is not None}
    assert {name: found[name] for name in measured} == pytest.approx(measured, rel=1e-12)


def test_a_corpus_has_the_percentiles_of_the_definitions() -> None:
    """Also the draw of the blocks and the rounding are the same."""
    found = percentiles([block_figures(block) for block in blocks(map(talk_of, handmade(400)))])
    assert {name: list(points) for name, points in found.items()} == GOLDEN["corpus"]


def test_the_clock_gives_the_gap_between_two_writers_alone() -> None:
    """A second message of the same writer, and a clock that runs backwards, give no gap."""
    times = [("a", 0.0), ("a", 5.0), ("b", 65.0), ("a", 60.0), ("b", 100.0)]
    talk = Talk([Message(writer, "well then", seconds) for writer, seconds in times])
    assert talk.gaps == [60.0, 40.0]
    assert block_figures([talk])["reply_gap_seconds"] == 50


@pytest.mark.parametrize("messages", [[], [Message("a", "")], [Message("a", "123 456")]])
def test_a_chat_without_words_has_figures_of_messages_alone(messages: list[Message]) -> None:
    """Nothing is divided by nothing."""
    found = block_figures([Talk(messages)])
    assert found["words_p50"] is found["exclamations"] is found["mtld"] is found["voices"] is None
    assert found["messages_per_chat"] == len(messages)


@pytest.mark.parametrize(
    ("sizes", "expected"), [([299], [1]), ([300], [1]), ([150, 149, 1, 5], [3]), ([3], [1])]
)
def test_a_block_is_full_at_300_messages(sizes: list[int], expected: list[int]) -> None:
    """What is left over at the end is a block only where there is no other."""
    talks = [Talk([Message("a", "hm")] * size) for size in sizes]
    assert [len(block) for block in blocks(talks)] == expected


def test_every_figure_has_advice_and_people() -> None:
    """The tables agree by name; the ranges are the widest of the corpora."""
    assert FIGURES.keys() == ADVICE.keys() == messaging().keys()
    assert set(shipped_corpora()) == {"realtalk", "chitchat", "nus_sms"}
    turns = messaging()["turns_of_several"]
    assert (turns.low, turns.middle_low, turns.middle_high, turns.high) == (0.3738, 0.4451, 0.6089, 0.7143)


@pytest.mark.parametrize(
    ("value", "distance", "side"),
    [
        (0, 1.5, "below"),
        (1, 1, None),
        (2, 0.5, None),
        (3, 0, None),
        (5, 0, None),
        (9, 1, None),
        (9.4, 1.1, "above"),
    ],
)
def test_the_distance_is_0_between_the_medians_and_1_at_the_ends(
    value: float, distance: float, side: str | None
) -> None:
    """Below, at and above each bound."""
    where = Range(1, 3, 5, 9)
    assert where.distance(value) == pytest.approx(distance)
    assert where.side(value) == side


def test_a_range_without_width_has_a_finite_distance() -> None:
    """One block of people's chats, or a figure that begins at 0 with a median of 0."""
    assert ranges([{"emoji": (0.0, 0.0, 0.0)}])["emoji"].distance(0.5) == 0.5
    assert ranges([{"words_p50": (7.0, 7.0, 7.0)}])["words_p50"].distance(14) == 1


def test_chitchat_is_as_it_was_measured() -> None:
    """A corpus of people that anyone can have: other blocks of it, so the same within a draw of blocks."""
    data = orjson.loads(Path(chitchat_dataset.__file__).with_name("dataset.json").read_bytes())
    talks = (
        Talk([Message(one["sender"], one["text"].strip()) for turn in chat["messages"] for one in turn])
        for chat in data.values()
    )
    found = percentiles([block_figures(block) for block in blocks(talk for talk in talks if len(talk) > 3)])
    ours, people = shipped_corpora()["chitchat"], messaging()
    assert ours.keys() - found.keys() == {"reply_gap_seconds"}
    for name, points in found.items():
        width = people[name].high - people[name].low
        assert points[1] == pytest.approx(ours[name][1], abs=0.1 * width), name
        assert points[::2] == pytest.approx(ours[name][::2], abs=0.25 * width), name
