"""The shipped seeds hold what they promise."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.io.resources import shipped
from soc_gen.models import Experience, Persona
from soc_gen.stages.experiences.components import load_components
from soc_gen.stages.experiences.personas import check_bank

PERSONAS = shipped("seeds") / "personas.jsonl"
EXPERIENCES = shipped("seeds") / "experiences.jsonl"


def personas() -> list[Persona]:
    return check_bank(read_jsonl(PERSONAS, Persona), str(PERSONAS))


def experiences() -> list[Experience]:
    records = list(read_jsonl(EXPERIENCES, Experience))
    assert not [record for record in records if isinstance(record, BadLine)]
    return [record for record in records if isinstance(record, Experience)]


def test_the_bank_has_at_least_150_personas_of_every_adult_age() -> None:
    """Ages go from 18 to 80 with nobody's decade missing or ruling."""
    ages = [persona.age for persona in personas()]
    assert len(ages) >= 150
    assert (min(ages), max(ages)) == (18, 80)
    decades = Counter(age // 10 for age in ages if 20 <= age < 80)
    assert set(decades) == {2, 3, 4, 5, 6, 7}
    assert max(decades.values()) < 0.3 * len(ages)


def test_no_two_personas_are_alike() -> None:
    """Names, ids and usernames are unique; no six words in a row stand in two backgrounds."""
    bank = personas()
    assert len({persona.name for persona in bank}) == len({persona.id for persona in bank}) == len(bank)
    usernames = [persona.username for persona in bank if persona.username]
    assert len(set(usernames)) == len(usernames)
    runs: Counter[tuple[str, ...]] = Counter()
    for persona in bank:
        words = re.findall(r"\w+", persona.background.lower())
        runs.update(set(zip(*(words[start:] for start in range(6)), strict=False)))
    assert [run for run, count in runs.items() if count > 1] == []


def test_there_are_at_least_24_scenarios_within_their_limits() -> None:
    """Situations have at most 300 characters and quote nobody; their people are in the bank."""
    bank = {persona.id: persona for persona in personas()}
    scenarios = experiences()
    assert len(scenarios) >= 24
    assert len({scenario.id for scenario in scenarios}) == len(scenarios)
    for scenario in scenarios:
        assert len(scenario.situation) <= 300
        assert '"' not in scenario.situation + scenario.topic
        assert bank[scenario.persona1.id] == scenario.persona1
        assert bank[scenario.persona2.id] == scenario.persona2


@pytest.mark.parametrize(
    ("group", "fewest"),
    [
        ("platforms", 20),
        ("communities", 30),
        ("fandoms", 20),
        ("gaming", 15),
        ("relationships", 80),
        ("triggers", 80),
    ],
)
def test_components_are_many_weighted_and_unlike(group: str, fewest: int) -> None:
    """Each list is long enough, has positive weights, and says nothing twice."""
    load_components()
    pieces: list[dict[str, Any]] = json.loads((shipped("seeds") / "components.json").read_text("utf-8"))[
        group
    ]
    assert len(pieces) >= fewest
    assert all(piece["weight"] > 0 for piece in pieces)
    assert len({piece["text"].casefold() for piece in pieces}) == len(pieces)


def test_no_romance_is_open_to_minors() -> None:
    """Every romantic relationship and trigger asks for adults."""
    components = load_components()
    assert all(piece.min_age >= 18 for piece in components.relationships if piece.romantic)
    assert all(piece.min_age >= 18 for piece in components.triggers if piece.romantic)


def test_what_fills_a_slot_speaks_of_no_romance() -> None:
    """Whether a relationship is for adults is told by its template."""
    components = load_components()
    slots = (components.platforms, components.communities, components.fandoms, components.gaming)
    assert not [piece.text for pieces in slots for piece in pieces if piece.for_adults]
