"""A persona as a prompt shows it: without username, model and id, which are nothing to the story."""

from __future__ import annotations

from soc_gen.models import Persona
from soc_gen.prompts import load_prompt


def persona_card(persona: Persona) -> str:
    """Return the lines that describe ``persona`` to a model."""
    return load_prompt("persona_card").render(
        name=persona.name,
        age=str(persona.age),
        traits=", ".join(persona.traits),
        background=persona.background,
        chatting_style=persona.chatting_style,
    )


def calling_names(first: Persona, second: Persona) -> tuple[str, str]:
    """Return what to call the two: first names, or full names where those are the same."""
    names = first.name.split()[0], second.name.split()[0]
    if names[0].casefold() != names[1].casefold():
        return names
    if first.name.casefold() != second.name.casefold():
        return first.name, second.name
    return f"{first.name} (1)", f"{second.name} (2)"
