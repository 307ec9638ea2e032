"""Seeds and pairs: deterministic, and of the exact law."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from itertools import combinations, islice, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.seeding import child_seed
from soc_gen.stages.experiences import pairing as sampling
from soc_gen.stages.experiences.pairing import pair_by_age

Pair = tuple[int, int]


def _draw(ages: list[int], count: int, random_seed: int, strength: float = 2.0) -> list[Pair]:
    return [tuple(sorted(pair)) for pair in islice(pair_by_age(ages, strength, random_seed), count)]  # type: ignore[misc]


def _weights(ages: list[int], strength: float) -> dict[Hashable, float]:
    pairs = combinations(range(len(ages)), 2)
    return {(a, b): (1 / (1 + abs(ages[a] - ages[b]))) ** strength for a, b in pairs}


def _fits(seen: Counter[Hashable], law: Mapping[Hashable, float]) -> bool:
    """Return whether a chi-square test lets counts pass as drawn from ``law`` (at 0.999).

    The quantile is Wilson and Hilferty's, within 0.2 of the tables from 5 degrees of freedom on.
    """
    total, mass = sum(seen.values()), sum(law.values())
    expected = {key: total * weight / mass for key, weight in law.items()}
    assert min(expected.values()) > 5, "too few draws for the test to mean anything"
    assert seen.keys() <= law.keys()
    statistic = sum((seen[key] - value) ** 2 / value for key, value in expected.items())
    free = len(law) - 1
    spread = 2 / (9 * free)
    return statistic < free * (1 - spread + 3.0902 * math.sqrt(spread)) ** 3


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_the_first_pair_follows_the_weights_of_all_pairs(strength: float) -> None:
    """Chi-square of 3000 first pairs against enumeration."""
    ages = [30, 30, 31, 33, 33, 36]
    seen = Counter[Hashable](_draw(ages, 1, seed, strength)[0] for seed in range(3000))
    assert _fits(seen, _weights(ages, strength))


@pytest.mark.parametrize("stretch", [1, 2, 4096])
def test_later_pairs_follow_the_weights_of_those_left(monkeypatch: pytest.MonkeyPatch, stretch: int) -> None:
    """The first two pairs in order, against ``w1 / W * w2 / (W - w1)``, however time is cut up."""
    monkeypatch.setattr(sampling, "_FIRST_STRETCH", stretch)
    ages = [30, 30, 31, 32]
    weight = _weights(ages, 2.0)
    whole = sum(weight.values())
    law: dict[Hashable, float] = {
        (one, two): weight[one] / whole * weight[two] / (whole - weight[one])
        for one, two in permutations(weight, 2)
    }
    seen = Counter[Hashable](tuple(_draw(ages, 2, seed)) for seed in range(4000))
    assert _fits(seen, law)


def test_the_test_would_see_a_wrong_law() -> None:
    """Pairs drawn with strength 2 are no draw of strength 1.5."""
    ages = [30, 30, 31, 33, 33, 36]
    seen = Counter[Hashable](_draw(ages, 1, seed)[0] for seed in range(3000))
    assert not _fits(seen, _weights(ages, 1.5))


def test_in_a_large_bank_the_age_gaps_follow_the_law() -> None:
    """40,000 pairs of 3000 people: each gap as often as clocks that ring within one time say."""
    ages = np.random.default_rng(5).integers(18, 38, 3000).tolist()
    drawn = _draw(ages, 40_000, 1)
    assert len(set(drawn)) == 40_000
    people = Counter(ages)
    pairs: Counter[int] = Counter()
    for a in people:
        pairs[0] += people[a] * (people[a] - 1) // 2
        pairs.update({abs(a - b): people[a] * people[b] for b in people if b > a})
    end = _time_of(40_000, pairs)
    law: dict[Hashable, float] = {
        gap: many * -math.expm1(-end * (1 + gap) ** -2.0) for gap, many in pairs.items()
    }
    assert _fits(Counter[Hashable](abs(ages[a] - ages[b]) for a, b in drawn), law)


def _time_of(wanted: int, pairs: Counter[int]) -> float:
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        rung = sum(many * -math.expm1(-middle * (1 + gap) ** -2.0) for gap, many in pairs.items())
        low, high = (middle, high) if rung < wanted else (low, middle)
    return low


@given(
    ages=st.lists(st.integers(1, 120), min_size=2, max_size=9),
    strength=st.sampled_from([0.0, 2.0, 50.0, 5000.0]),
    seed=st.integers(0, 2**31),
)
def test_no_pair_comes_twice_while_others_are_left(ages: list[int], strength: float, seed: int) -> None:
    """Each pass holds every pair once, whatever the strength; nobody meets themselves."""
    every = list(combinations(range(len(ages)), 2))
    drawn = _draw(ages, 3 * len(every), seed, strength)
    for begin in range(0, len(drawn), len(every)):
        assert sorted(drawn[begin : begin + len(every)]) == every


def test_passes_differ_from_each_other() -> None:
    """The second pass is a draw of its own, not the first again."""
    ages = list(range(20, 30))
    drawn = _draw(ages, 90, 3)
    assert drawn[:45] != drawn[45:]


def test_pairs_depend_on_the_random_seed_alone() -> None:
    """The same twice; another seed, others; a short draw is the beginning of a long one."""
    ages = np.random.default_rng(2).integers(18, 80, 400).tolist()
    assert _draw(ages, 9000, 7) == _draw(ages, 9000, 7)
    assert _draw(ages, 9000, 7)[:50] == _draw(ages, 50, 7)
    assert _draw(ages, 50, 8) != _draw(ages, 50, 7)


@pytest.mark.parametrize("size", [2, 3, 1000, 1_000_000])
def test_pair_numbers_are_undone_exactly_at_their_edges(size: int) -> None:
    """First and last number of a row, also where a square root is rounded."""
    last = np.array([0, size * (size - 1) // 2 - 1, (size - 1) * (size - 2) // 2], dtype=np.int64)
    i, j = sampling._unrank(last)
    assert [(int(a), int(b)) for a, b in zip(i, j, strict=True)] == [
        (0, 1),
        (size - 2, size - 1),
        (0, size - 1),
    ]


@pytest.mark.parametrize("ages", [[], [30]])
def test_one_person_makes_no_pair(ages: list[int]) -> None:
    """An error at the first draw, not an endless loop."""
    with pytest.raises(ValueError, match="a pair takes two"):
        next(pair_by_age(ages, 2.0, 0))


def test_child_seeds_are_stable_and_of_31_bits() -> None:
    """They are part of what makes a run repeatable, so their values never change."""
    assert child_seed(0) == 872845860
    assert child_seed(0, "pairs", 1) == 1660147992
    assert all(0 <= child_seed(7, part) < 2**31 for part in range(2000))
    assert child_seed(1, 2) != child_seed(12)
    assert len({child_seed(7, part) for part in range(2000)}) == 2000
