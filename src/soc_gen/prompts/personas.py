"""Personas in prompts: a short introduction, and a card without username, model and id."""

from __future__ import annotations

from soc_gen.models import Persona
from soc_gen.text.names import short_names


def introduction(first: Persona, second: Persona, relationship: str) -> str:
    """Return who two personas are in a line: names, ages, a trait each, and how they know each other.

    For small models, which only recite a whole card.
    """
    name1, name2 = short_names(first, second)
    known = relationship.strip().rstrip(".")
    return f"{_in_short(name1, first)}, and {_in_short(name2, second)}. {known[:1].upper()}{known[1:]}."


def _in_short(name: str, persona: Persona) -> str:
    return ", ".join([name, str(persona.age), *persona.traits[:1]])


def persona_card(persona: Persona) -> str:
    """Return the persona in four lines; line breaks inside their texts become spaces."""
    lines = (
        f"{persona.name}, {persona.age} years old",
        f"Traits: {', '.join(persona.traits)}",
        f"Background: {persona.background}",
        f"How they write: {persona.chatting_style}",
    )
    return "\n".join(" ".join(line.split()) for line in lines)
