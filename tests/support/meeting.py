"""Two neighbours who are about to chat."""

from __future__ import annotations

from soc_gen.models import Experience, Persona


def _persona(name: str) -> Persona:
    return Persona(
        name=name,
        username=name.lower(),
        age=40,
        traits=["stubborn", "kind"],
        background="Sells ladders in Leith. Has a boat.",
        chatting_style="No capitals. Long pauses.",
        model="m",
        id=f"id-{name}",
    )


MEETING = Experience(
    persona1=_persona("Petra Lang"),
    persona2=_persona("Col Reid"),
    relationship="neighbours",
    situation="The ladder is gone.",
    topic="Petra asks for it.",
    id="e1",
)
