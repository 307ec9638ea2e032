"""Whole numbers by largest remainder, and the largest total that is possible."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from soc_gen.mix.draw import feasible, quotas, take

PARTS = st.lists(st.integers(1, 100), min_size=1, max_size=8)


def shares(parts: list[int]) -> list[Fraction]:
    return [Fraction(part, sum(parts)) for part in parts]


@given(PARTS, st.integers(0, 10_000))
def test_quotas_sum_to_the_total_and_are_within_one_of_their_share(parts: list[int], total: int) -> None:
    made = quotas(total, shares(parts))
    assert sum(made) == total
    assert all(abs(quota - share * total) < 1 for quota, share in zip(made, shares(parts), strict=True))


@given(PARTS, st.data())
def test_no_source_falls_short_of_what_is_feasible(parts: list[int], data: st.DataObject) -> None:
    capacities = data.draw(st.lists(st.integers(0, 500), min_size=len(parts), max_size=len(parts)))
    made = feasible(capacities, shares(parts))
    fits = [
        quota <= capacity
        for quota, capacity in zip(quotas(made.total, shares(parts)), capacities, strict=True)
    ]
    assert all(fits)


def test_the_arena_caps_the_mix_of_the_note_at_165_000() -> None:
    found = feasible([1_000_000, 33_000], [Fraction(8, 10), Fraction(2, 10)])
    assert found == (165_000, 1)


def test_a_draw_by_weight_does_not_exceed_its_quota() -> None:
    assert take([0, 1, 2, 3], [5, 9, 3, 1], 9) == [0, 2, 3]
    assert take([0], [1], 0) == []
