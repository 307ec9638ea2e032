"""Checks that a journal belongs to a run: same settings, and an input that still has the finished records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soc_gen.errors import JournalError

VERSION = 1
ROW_BYTES = 8
"""Length in bytes of the digest of one input record."""
_SHOWN = 4
"""Largest number of differences named in an error; another preset makes about twelve."""
RESTART_HINT = "Throw it away with --restart, or choose another --out (soc run: --out-dir)"
"""Ends errors about a journal of another run."""


def check_header(header: dict[str, Any], inputs: dict[str, Any], path: Path) -> None:
    """Compare the journal's header with the inputs of this run.

    Raises:
        JournalError: They differ; the message names the differences.
    """
    if header["kind"] != "header" or header["version"] != VERSION:
        raise JournalError("not a journal of this version of soc_gen", where=str(path), hint=RESTART_HINT)
    if shown := differences(header["inputs"], inputs):
        raise JournalError(
            f"the run that began here was another one: {shown}", where=str(path), hint=RESTART_HINT
        )


def differences(before: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Return one line that names the inputs that differ, or "" when none does."""
    old, new = _flat(before), _flat(inputs)
    differing = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    differing.sort(key=lambda name: (name != "model", name))
    shown = [f"{name} was {_brief(old.get(name))}, is {_brief(new.get(name))}" for name in differing[:_SHOWN]]
    more = len(differing) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _flat(inputs: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested values by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in inputs.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat


def _brief(value: object) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def map_rows(old: bytes, new: bytes, needed: Callable[[int], bool]) -> dict[int, int] | None:
    """Return the new position of each row of ``old``, or None when a ``needed`` row is missing from ``new``.

    Needed rows must keep their order; other rows may be missing, changed or moved.
    """
    before, now = _rows(old), _rows(new)
    last = {row: index for index, row in enumerate(now)}
    places: dict[int, int] = {}
    position = 0
    for index in filter(needed, range(len(before))):
        if last.get(before[index], -1) < position:
            return None
        places[index] = now.index(before[index], position)
        position = places[index] + 1
    taken = set(places.values())
    free = {row: place for place, row in enumerate(now) if place not in taken}
    others = (index for index in range(len(before)) if index not in places)
    return places | {index: free[before[index]] for index in others if before[index] in free}


def _rows(data: bytes) -> list[bytes]:
    return [data[start : start + ROW_BYTES] for start in range(0, len(data), ROW_BYTES)]
