"""Components from which experiences are planned: weighted relationships with slots, and triggers.

Romance never involves anyone under 18, whatever a components file says: ``fits`` checks it first, also when
only the text is romantic and the file does not mark it. A romantic trigger needs a romantic relationship.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from soc_gen.errors import UsageError
from soc_gen.io.files import open_input
from soc_gen.io.jsonl import explain
from soc_gen.io.resources import shipped
from soc_gen.models import Persona, Text
from soc_gen.settings import Settings
from soc_gen.text.names import short_names
from soc_gen.text.safety import ADULT, romance

_SLOTS = {"platform": "platforms", "community": "communities", "fandom": "fandoms", "gaming": "gaming"}
_SLOT = re.compile(r"\{(\w*)\}")
_PERSONA = re.compile(r"\bpersona ([12])\b", re.IGNORECASE)


class Piece(Settings):
    """A text that is drawn with a weight."""

    text: Text
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)

    @cached_property
    def for_adults(self) -> bool:
        """Whether the text itself is about romance."""
        return bool(romance(self.text))


class Relationship(Piece):
    """How two people know each other; ``{platform}`` and the like are slots."""

    kind: Literal["online", "offline"]
    """Where they met."""
    min_age: int = Field(0, ge=0)
    """Years, of the younger."""
    romantic: bool = False
    max_age_gap: int | None = Field(None, ge=0)
    """Years; None is no bound."""
    min_age_gap: int = Field(0, ge=0)
    """Years."""
    older: Literal[1, 2] | None = None
    """Which of the text's two personas is the older one, where it matters."""

    @property
    def for_anyone(self) -> bool:
        """Whether it fits every pair there can be."""
        for_some = self.min_age or self.romantic or self.for_adults or self.min_age_gap or self.older
        return not for_some and self.max_age_gap is None

    def fits(self, persona1: Persona, persona2: Persona) -> bool:
        """Return whether these two can know each other in this way, in one order or the other."""
        youngest, gap = min(persona1.age, persona2.age), abs(persona1.age - persona2.age)
        if youngest < ADULT and (self.romantic or self.for_adults):
            return False
        if youngest < self.min_age:
            return False
        least = max(self.min_age_gap, 1) if self.older else self.min_age_gap
        return least <= gap and (self.max_age_gap is None or gap <= self.max_age_gap)

    def ordered(self, persona1: Persona, persona2: Persona) -> tuple[Persona, Persona]:
        """Return the two in the order that ``older`` asks for."""
        wrong = (self.older == 1 and persona1.age < persona2.age) or (
            self.older == 2 and persona1.age > persona2.age
        )
        return (persona2, persona1) if wrong else (persona1, persona2)


class Trigger(Piece):
    """The nudge that a situation is built on."""

    romantic: bool = False
    min_age: int = Field(0, ge=0)
    """Years, of the younger."""

    @property
    def for_anyone(self) -> bool:
        """Whether it fits every pair there can be."""
        return not (self.min_age or self.romantic or self.for_adults)

    def fits(self, relationship: Relationship, persona1: Persona, persona2: Persona) -> bool:
        """Return whether it may happen between two people who know each other in this way."""
        youngest = min(persona1.age, persona2.age)
        if youngest < ADULT and (self.romantic or self.for_adults):
            return False
        if self.romantic and not relationship.romantic:
            return False
        return youngest >= self.min_age


class Components(Settings):
    """The whole file: what fills the slots, the relationships, the triggers."""

    platforms: tuple[Piece, ...] = Field(min_length=1)
    communities: tuple[Piece, ...] = Field(min_length=1)
    fandoms: tuple[Piece, ...] = Field(min_length=1)
    gaming: tuple[Piece, ...] = Field(min_length=1)
    relationships: tuple[Relationship, ...] = Field(min_length=1)
    triggers: tuple[Trigger, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_pair_can_be_served(self) -> Components:
        for relationship in self.relationships:
            if odd := set(_SLOT.findall(relationship.text)) - _SLOTS.keys():
                msg = f"unknown slot {{{min(odd)}}} in {relationship.text!r}"
                raise ValueError(msg)
        if not any(relationship.for_anyone for relationship in self.relationships):
            raise ValueError("no relationship that fits every pair (no ages, no gaps, not romantic)")
        if not any(trigger.for_anyone for trigger in self.triggers):
            raise ValueError("no trigger that fits every pair (no age, not romantic)")
        return self


P = TypeVar("P", bound=Piece)


def load_components(path: Path | None = None) -> Components:
    """Return the components in ``path``, or the shipped ones.

    Raises:
        UsageError: The file cannot be read, or is not what it should be.
    """
    path = path or shipped("seeds") / "components.json"
    with open_input(path) as handle:
        text = handle.read()
    try:
        return Components.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(explain(error).partition(";")[0], where=str(path)) from None


def draw(pieces: Sequence[P], rng: random.Random) -> P:
    """Return one of ``pieces``, by weight."""
    return rng.choices(pieces, [piece.weight for piece in pieces])[0]


def fill_slots(text: str, components: Components, rng: random.Random) -> str:
    """Return ``text`` with a drawn platform, community, fandom or game in each slot."""
    return _SLOT.sub(lambda slot: draw(getattr(components, _SLOTS[slot[1]]), rng).text, text)


def name_personas(text: str, persona1: Persona, persona2: Persona) -> str:
    """Return ``text`` with their names for ``persona 1`` and ``persona 2``."""
    names = short_names(persona1, persona2)
    return _PERSONA.sub(lambda match: names[int(match[1]) - 1], text)
