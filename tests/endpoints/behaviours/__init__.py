"""The table, a module for a few points of what must hold."""

from __future__ import annotations

from tests.endpoints.behaviours import (
    checking,
    context,
    faults,
    names,
    pace,
    shapes,
    stopping,
    thinking,
    transport,
    words,
)
from tests.endpoints.cases import Case

_MODULES = (thinking, stopping, checking, pace, faults, context, names, words, shapes, transport)
CASES: tuple[Case, ...] = tuple(
    sorted((case for module in _MODULES for case in module.CASES), key=lambda case: case.point)
)
"""All rows, by point."""
