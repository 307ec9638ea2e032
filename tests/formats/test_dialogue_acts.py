"""What each line of a transcript is told to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from soc_gen.stages.rollout.formats.dialogue_acts import _AFTER, _CLOSING, FIRST, sample_acts


def test_every_move_leads_to_another() -> None:
    """A walk cannot run into a move after which nothing is known to follow."""
    followers = {move for choices in _AFTER.values() for move in choices}
    assert followers <= _AFTER.keys()
    assert _AFTER.keys() - followers == set(FIRST)


@given(st.text(), st.integers(1, 40), st.integers(1, 40))
def test_a_longer_walk_begins_with_a_shorter_one(conversation: str, one: int, two: int) -> None:
    """What a turn was told never changes when the talk goes on."""
    short, long = sorted((one, two))
    assert sample_acts(conversation, long, None)[:short] == sample_acts(conversation, short, None)


@given(st.text(), st.integers(1, 30), st.integers(1, 30))
def test_closing_changes_only_what_comes_after(conversation: str, closing: int, count: int) -> None:
    """Moves before the turn at which the talk begins to close stay; from there on they close it."""
    moves = sample_acts(conversation, count, closing)
    assert moves[:closing] == sample_acts(conversation, count, None)[:closing]
    for past, move in enumerate(moves[closing:]):
        assert move in _CLOSING[min(past, len(_CLOSING) - 1)]


def test_talks_take_different_courses() -> None:
    """The course depends on the conversation."""
    assert len({tuple(sample_acts(str(number), 10, None)) for number in range(50)}) > 45


@given(st.text(), st.integers(2, 40))
def test_no_move_comes_again_within_five(conversation: str, count: int) -> None:
    """Unless nothing else may follow: a talk that repeats its moves goes in a circle."""
    moves = sample_acts(conversation, count, None)
    for number, move in enumerate(moves):
        recent = moves[max(0, number - 5) : number]
        assert move not in recent or set(_AFTER[moves[number - 1]]) <= set(recent)


def test_a_move_may_come_again_after_five_others() -> None:
    """People do come back to things."""
    walks = [sample_acts(str(number), 30, None) for number in range(20)]
    assert any(walk[at] == walk[at - 6] for walk in walks for at in range(6, 30))
