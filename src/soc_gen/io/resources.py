"""Paths of the shipped seeds and presets, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parents[1]
_MIX = "mix-"
GATES = ("quality",)
"""Files of ``configs`` that are no presets: bounds for ``soc evaluate --gate``."""


def shipped(folder: Literal["seeds", "configs"]) -> Path:
    """Return the folder of shipped ``seeds`` or ``configs``."""
    in_wheel = _PACKAGE / "_shipped" / folder
    return in_wheel if in_wheel.is_dir() else _PACKAGE.parents[1] / folder


def preset_names() -> list[str]:
    """Return the names of the shipped presets of a run, sorted."""
    return sorted(name for name in _all_presets() if not name.startswith(_MIX) and name not in GATES)


def mix_preset_names() -> list[str]:
    """Return the names of the shipped presets of ``soc mix``, sorted."""
    return sorted(name for name in _all_presets() if name.startswith(_MIX))


def _all_presets() -> list[str]:
    return [path.stem for path in shipped("configs").glob("*.toml")]
