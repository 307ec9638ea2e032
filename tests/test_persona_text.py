"""How personas appear in prompts."""

from __future__ import annotations

import pytest

from soc_gen.models import Persona
from soc_gen.prompts.personas import persona_card
from soc_gen.text.names import first_name, short_names
from soc_gen.text.speaker_labels import names_of


def _persona(name: str) -> Persona:
    return Persona(
        name=name,
        username="user_secret",
        age=40,
        traits=["dry", "late"],
        background="Repairs\nclocks.",
        chatting_style="Short.",
        model="model_secret",
        id="id_secret",
    )


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Maya Ortiz", "Maya"),
        ("Dr. Maya Ortiz", "Maya"),
        ("mrs Ortiz", "Ortiz"),
        ("Captain Maya Ortiz", "Maya"),
        ("王小明", "王小明"),
        ("Mr.", "Mr."),
    ],
)
def test_a_first_name_is_the_first_word_that_is_no_title(name: str, short: str) -> None:
    """A name of one word is itself."""
    assert first_name(name) == short


@pytest.mark.parametrize("title", ["Dr.", "Mrs", "Prof.", "Professor", "Captain", "Officer", "Sir", "The"])
def test_a_label_is_known_by_the_name_that_the_prompt_gave(title: str) -> None:
    """Whoever is called Maya in the prompt is Maya in ``Maya: hi``."""
    persona = _persona(f"{title} Maya Ortiz")
    assert first_name(persona.name).casefold() in names_of(persona)


@pytest.mark.parametrize(
    ("one", "two", "short"),
    [
        ("Maya Ortiz", "Tim Low", ("Maya", "Tim")),
        ("Maya Ortiz", "maya Low", ("Maya Ortiz", "maya Low")),
        ("Maya Ortiz", "Maya Ortiz", ("Maya Ortiz 1", "Maya Ortiz 2")),
    ],
)
def test_two_names_are_as_short_as_tells_them_apart(one: str, two: str, short: tuple[str, str]) -> None:
    """Two people are never called the same."""
    assert short_names(_persona(one), _persona(two)) == short


def test_a_card_has_four_lines_and_no_username_model_or_id() -> None:
    """Line breaks in a field cannot fake another field."""
    card = persona_card(_persona("Maya Ortiz"))
    assert card == (
        "Maya Ortiz, 40 years old\nTraits: dry, late\nBackground: Repairs clocks.\nHow they write: Short."
    )
