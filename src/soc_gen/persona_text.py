"""A persona as a prompt sees them: a short name, and a card without username, model and id."""

from __future__ import annotations

from soc_gen.models import Persona

_TITLES = frozenset({"dr", "miss", "mr", "mrs", "ms", "mx", "prof", "sir"})


def first_name(name: str) -> str:
    """Return what a friend would call them: the first word of ``name`` that is no title."""
    words = name.split()
    return next((word for word in words if word.rstrip(".").casefold() not in _TITLES), name)


def short_names(one: Persona, two: Persona) -> tuple[str, str]:
    """Return a name for each of two personas, as short as tells them apart."""
    choices = (
        (first_name(one.name), first_name(two.name)),
        (one.name, two.name),
    )
    for first, second in choices:
        if first.casefold() != second.casefold():
            return first, second
    return f"{one.name} 1", f"{two.name} 2"


def first_trait(persona: Persona) -> str:
    """Return the first of their traits; of a list of them, a small model only recites."""
    return persona.traits[0] if persona.traits else "unhurried"


def as_sentence(relationship: str) -> str:
    """Return a relationship such as "neighbours in a terrace" with a capital and no full stop."""
    text = relationship.strip().rstrip(".")
    return text[:1].upper() + text[1:]


def persona_card(persona: Persona) -> str:
    """Return the persona in four lines; line breaks inside their texts become spaces."""
    lines = (
        f"{persona.name}, {persona.age} years old",
        f"Traits: {', '.join(persona.traits)}",
        f"Background: {persona.background}",
        f"How they write: {persona.chatting_style}",
    )
    return "\n".join(" ".join(line.split()) for line in lines)
