"""Prompts are files; filling them in is strict."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from soc_gen.prompts import loader as prompts
from soc_gen.prompts.loader import Prompt, load_prompt, prompt_hashes, prompt_names


def test_render_fills_every_variable_wherever_it_stands() -> None:
    """A variable used twice is filled twice; text around it is untouched."""
    prompt = Prompt("greeting", '{{a}} and {{b}} and {{a}}, {"json": {"x": 1}}')
    assert prompt.variables == {"a", "b"}
    assert prompt.render(a="1", b="2") == '1 and 2 and 1, {"json": {"x": 1}}'


def test_what_is_filled_in_is_not_searched_for_variables() -> None:
    """A persona who types {{b}} cannot reach into the prompt; backslashes stay backslashes."""
    assert Prompt("p", "{{a}}|{{b}}").render(a=r"{{b}} \1 \g<0>", b="x") == r"{{b}} \1 \g<0>|x"


@pytest.mark.parametrize("values", [{}, {"a": "1", "b": "2"}, {"b": "1"}])
def test_an_unfilled_or_unknown_variable_is_an_error(values: dict[str, str]) -> None:
    """Both directions are refused, naming the prompt."""
    with pytest.raises(ValueError, match="prompt p: not its variables"):
        Prompt("p", "{{a}}").render(**values)


@pytest.mark.parametrize("text", ["{{ a }}", "{{a-b}}", "{{"])
def test_a_brace_pair_that_begins_no_variable_is_an_error(text: str) -> None:
    """A mistyped variable is found when the file is loaded, not in the dataset."""
    with pytest.raises(ValueError, match="begins no variable"):
        Prompt("p", text)


def test_an_unknown_prompt_is_an_error_that_lists_the_known() -> None:
    """The message is enough to put it right."""
    with pytest.raises(ValueError, match="no prompt 'nope'; there are: "):
        load_prompt("nope")


def test_every_shipped_prompt_loads_and_is_hashed() -> None:
    """The hash is that of the text as it is sent, before values are filled in."""
    stages = Path(prompts.__file__).parents[1] / "stages"
    files = sorted(stages.glob("*/prompts/*.md"), key=lambda path: path.name)
    assert prompt_names() == [path.stem for path in files]
    assert prompt_hashes() == {
        path.stem: hashlib.sha256(path.read_text("utf-8").rstrip("\n").encode()).hexdigest() for path in files
    }
