"""The gate: bounds on figures, read from TOML, and which of them some chats break."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from soc_gen.errors import UsageError
from soc_gen.io.files import open_input
from soc_gen.io.resources import GATES, shipped

Kind = Literal["at_least", "at_most"]
_LARGEST = 1e15
_KINDS: tuple[Kind, ...] = ("at_least", "at_most")


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound."""

    name: str
    """Of the figure."""
    kind: Kind
    bound: float

    def holds(self, value: float | None) -> bool:
        """Whether ``value`` keeps to it; what could not be measured does not."""
        if value is None:
            return False
        return value >= self.bound if self.kind == "at_least" else value <= self.bound


@dataclass(frozen=True, slots=True)
class Broken:
    """A bound that does not hold."""

    bound: Bound
    value: float | None
    """None: not measured."""

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {"name": self.bound.name, "value": self.value, self.bound.kind: self.bound.bound}


def read_gate(name: str, known: Collection[str]) -> list[Bound]:
    """Return the bounds of a shipped gate or a file.

    Args:
        name: ``quality``, or a TOML file with ``[at_least]`` and ``[at_most]``.
        known: The figures that can be bounded.

    Raises:
        UsageError: No such file, no TOML, no bounds, an unknown figure (with the nearest), or a
            bound that is no number.
    """
    path = shipped("configs") / f"{name}.toml" if name in GATES else Path(name)
    try:
        with open_input(path) as handle:
            tables = tomllib.loads(handle.read().decode())
    except ValueError as error:  # no TOML, no UTF-8, an integer of 5,000 digits
        raise UsageError(f"is no TOML ({error})", where=name) from None
    for key in tables:
        if key not in _KINDS:
            raise UsageError(f"unknown table {key!r}", where=name, hint="A gate has [at_least] and [at_most]")
    bounds = [
        _bound(name, kind, figure, value, known)
        for kind in _KINDS
        for figure, value in _table(name, kind, tables).items()
    ]
    if not bounds:
        raise UsageError("has no bounds", where=name, hint="Give some under [at_least] or [at_most]")
    return bounds


def _table(where: str, kind: Kind, tables: Mapping[str, object]) -> Mapping[str, object]:
    table = tables.get(kind, {})
    if not isinstance(table, dict):
        raise UsageError(f"{kind} is no table", where=where, hint=f"Write [{kind}] and bounds under it")
    return table


def _bound(where: str, kind: Kind, figure: str, value: object, known: Collection[str]) -> Bound:
    if figure not in known:
        near = difflib.get_close_matches(figure, known, n=1, cutoff=0)
        raise UsageError(f"unknown figure {figure!r}", where=where, hint=f"The nearest is {near[0]}")
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
    if not number:
        raise UsageError(f"{kind}.{figure} is {str(value)[:40]!r}", where=where, hint="Give a number")
    return Bound(figure, kind, float(cast("float", value)))


def broken(bounds: list[Bound], values: Mapping[str, float]) -> list[Broken]:
    """Return the bounds that do not hold for ``values``, by figure."""
    return [
        Broken(bound, values.get(bound.name)) for bound in bounds if not bound.holds(values.get(bound.name))
    ]
