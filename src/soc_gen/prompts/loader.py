"""Loads prompts: Markdown files beside their stage, with ``{{name}}`` for each variable.

A prompt is data, so that it can be read, reviewed and hashed without running anything. Inserted values are
never searched for variables again: ``{{name}}`` in a persona's text stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STAGES = Path(__file__).parents[1] / "stages"
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file, without the newline at its end."""

    name: str
    text: str

    def __post_init__(self) -> None:
        if "{{" in _VARIABLE.sub("", self.text):
            msg = f"prompt {self.name}: a '{{{{' that begins no variable"
            raise ValueError(msg)

    @property
    def variables(self) -> frozenset[str]:
        """Names of the values that ``render`` must be given."""
        return frozenset(_VARIABLE.findall(self.text))

    def render(self, **values: str) -> str:
        """Return the text with every variable filled in.

        Raises:
            ValueError: A variable without a value, or a value without a variable.
        """
        if odd := sorted(self.variables ^ values.keys()):
            known = ", ".join(sorted(self.variables)) or "none"
            msg = f"prompt {self.name}: not its variables: {', '.join(odd)} (it has: {known})"
            raise ValueError(msg)
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)


@cache
def _files() -> dict[str, Path]:
    """Return the file of every prompt by its name, in order of the names."""
    return {path.stem: path for path in sorted(_STAGES.glob("*/prompts/*.md"), key=lambda path: path.stem)}


def prompt_names() -> list[str]:
    """Return the names of all prompts, sorted."""
    return list(_files())


@cache
def load_prompt(name: str) -> Prompt:
    """Return the prompt in ``{name}.md``.

    Raises:
        ValueError: There is no such prompt, or its file is malformed.
    """
    path = _files().get(name)
    if path is None:
        msg = f"no prompt {name!r}; there are: {', '.join(prompt_names())}"
        raise ValueError(msg)
    return Prompt(name, path.read_text("utf-8").rstrip("\n"))


def prompt_hashes() -> dict[str, str]:
    """Return the sha256 of every prompt's text, by name, for manifests."""
    return {name: hashlib.sha256(load_prompt(name).text.encode()).hexdigest() for name in prompt_names()}
