"""Relationships and triggers are drawn by weight from those that suit both ages."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soc_gen.errors import UsageError
from soc_gen.models import Persona
from soc_gen.stages.experiences.components import (
    Components,
    Piece,
    Relationship,
    Trigger,
    draw,
    fill_slots,
    load_components,
    name_personas,
)

_PARTS: dict[str, Any] = {
    "platforms": [{"text": "Discord", "weight": 1}],
    "communities": [{"text": "a choir", "weight": 1}],
    "fandoms": [{"text": "Formula 1", "weight": 1}],
    "gaming": [{"text": "a co-op farm", "weight": 1}],
    "relationships": [{"text": "met on {platform}", "weight": 1, "kind": "online"}],
    "triggers": [{"text": "a lost key", "weight": 1}],
}


def person(age: int, name: str = "Ann Lee") -> Persona:
    return Persona(
        name=name, username=None, age=age, traits=[], background="", chatting_style="", model="", id=name
    )


def _load(tmp_path: Path, **changes: Any) -> Components:
    path = tmp_path / "components.json"
    path.write_text(json.dumps(_PARTS | changes))
    return load_components(path)


@given(
    ages=st.tuples(st.integers(1, 120), st.integers(1, 120)),
    min_age=st.sampled_from([0, 12, 18, 30]),
    gap=st.none() | st.integers(0, 100),
)
def test_romance_never_fits_when_one_is_under_18(
    ages: tuple[int, int], min_age: int, gap: int | None
) -> None:
    """Whatever the file says of ages: neither the relationship nor the trigger."""
    one, two = person(ages[0]), person(ages[1])
    romance = Relationship(text="dating", kind="online", romantic=True, min_age=min_age, max_age_gap=gap)
    trigger = Trigger(text="a toothbrush left behind", romantic=True, min_age=min_age)
    if min(ages) < 18:
        assert not romance.fits(one, two)
        assert not trigger.fits(romance, one, two)


@pytest.mark.parametrize(
    "text",
    [
        "dating on {platform}",
        "a couple from {community}",
        "boyfriend and girlfriend, three weeks in",
        "persona 1 has a crush on persona 2",
        "Exes who share a dog",
        "they kissed once and do not mention it",
        "flirt in {gaming} while the others sleep",
        "persona 2 is in love and has not said so",
    ],
)
def test_a_text_that_speaks_of_romance_needs_adults_though_the_file_does_not_say_so(text: str) -> None:
    """For relationships and triggers: nothing that a file forgets opens it to a pair with a minor."""
    relationship = Relationship(text=text, kind="online")
    neighbours, nudge = Relationship(text="neighbours", kind="offline"), Trigger(text=text)
    for age in (13, 17):
        assert not relationship.fits(person(age), person(age))
        assert not relationship.fits(person(40), person(age))
        assert not nudge.fits(neighbours, person(age), person(16))
    assert relationship.fits(person(18), person(40))
    assert nudge.fits(neighbours, person(18), person(40))


def test_a_romantic_trigger_goes_with_a_romantic_relationship_only() -> None:
    """Not with a parent, a teacher or a landlord."""
    trigger = Trigger(text="a toothbrush left behind", romantic=True)
    family = Relationship(text="siblings", kind="offline")
    dating = Relationship(text="dating", kind="online", romantic=True)
    assert not trigger.fits(family, person(40), person(41))
    assert trigger.fits(dating, person(40), person(41))


@pytest.mark.parametrize(
    ("ages", "conditions", "fits"),
    [
        ((17, 40), {"min_age": 18}, False),
        ((18, 40), {"min_age": 18}, True),
        ((30, 41), {"max_age_gap": 10}, False),
        ((40, 30), {"max_age_gap": 10}, True),
        ((30, 30), {"max_age_gap": 0}, True),
        ((30, 47), {"min_age_gap": 18, "older": 1}, False),
        ((30, 48), {"min_age_gap": 18, "older": 1}, True),
        ((30, 30), {"older": 2}, False),
    ],
)
def test_ages_and_gaps_decide_what_fits(
    ages: tuple[int, int], conditions: dict[str, Any], fits: bool
) -> None:
    """Bounds are inclusive, and the order of the two does not matter."""
    relationship = Relationship(text="x", kind="offline", **conditions)
    assert relationship.fits(person(ages[0]), person(ages[1])) is fits
    assert relationship.fits(person(ages[1]), person(ages[0])) is fits


def test_the_older_one_stands_where_the_text_says() -> None:
    """Otherwise the order is kept."""
    young, old = person(20), person(60)
    parent = Relationship(text="persona 1 is the parent of persona 2", kind="offline", older=1)
    child = Relationship(text="persona 2 is the parent of persona 1", kind="offline", older=2)
    friends = Relationship(text="friends", kind="offline")
    for pair in ((young, old), (old, young)):
        assert parent.ordered(*pair) == (old, young)
        assert child.ordered(*pair) == (young, old)
        assert friends.ordered(*pair) == pair


def test_slots_and_personas_are_filled_in() -> None:
    """Slots by a draw, personas by the names that tell them apart."""
    components = Components.model_validate(_PARTS)
    text = "on {platform}, Persona 1 runs {community}; persona 2's game is {gaming}, not {fandom}"
    filled = fill_slots(text, components, random.Random(1))
    assert name_personas(filled, person(30, "Ann Lee"), person(30, "Bo Li")) == (
        "on Discord, Ann runs a choir; Bo's game is a co-op farm, not Formula 1"
    )


def test_a_draw_follows_the_weights() -> None:
    """Three to one, over 4000 draws."""
    pieces = [Piece(text="often", weight=3), Piece(text="rarely", weight=1)]
    rng = random.Random(1)
    counts = Counter(draw(pieces, rng).text for _ in range(4000))
    assert abs(counts["often"] - 3000) < 3.3 * (4000 * 0.75 * 0.25) ** 0.5


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"colours": []}, "colours: Extra inputs are not permitted"),
        ({"platforms": []}, "platforms: Tuple should have at least 1 item"),
        ({"triggers": [{"text": "x", "weight": 0}]}, "triggers.0.weight: Input should be greater than 0"),
        (
            {"relationships": [{"text": "met on {forum}", "kind": "online"}]},
            "unknown slot {forum} in 'met on {forum}'",
        ),
        (
            {"relationships": [{"text": "dating", "kind": "online", "romantic": True}]},
            "no relationship that fits every pair",
        ),
        ({"relationships": [{"text": "dating", "kind": "online"}]}, "no relationship that fits every pair"),
        ({"triggers": [{"text": "x", "min_age": 18}]}, "no trigger that fits every pair"),
        ({"triggers": [{"text": "a first kiss"}]}, "no trigger that fits every pair"),
    ],
)
def test_a_bad_components_file_is_one_line(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    """Also one that would leave a pair without a relationship or a trigger."""
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, **changes)
    assert why in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/components.json: ")
    assert "\n" not in str(caught.value)


def test_a_missing_components_file_is_one_line(tmp_path: Path) -> None:
    """As for every other input."""
    with pytest.raises(UsageError, match="no such file"):
        load_components(tmp_path / "none.json")
