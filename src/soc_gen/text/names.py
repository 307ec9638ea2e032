"""First names, and short names that distinguish two people."""

from __future__ import annotations

from soc_gen.models import Persona

_TITLES = frozenset(
    {"captain", "dr", "miss", "mr", "mrs", "ms", "mx", "officer", "prof", "professor", "sir", "the"}
)


def first_name(name: str) -> str:
    """Return the first word of ``name`` that is not a title."""
    words = name.split()
    return next((word for word in words if word.rstrip(".").casefold() not in _TITLES), name)


def short_names(persona1: Persona, persona2: Persona) -> tuple[str, str]:
    """Return the shortest names that distinguish two personas: first names, full names, or numbered names."""
    choices = (
        (first_name(persona1.name), first_name(persona2.name)),
        (persona1.name, persona2.name),
    )
    for first, second in choices:
        if first.casefold() != second.casefold():
            return first, second
    return f"{persona1.name} 1", f"{persona2.name} 2"
