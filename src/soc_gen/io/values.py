"""Checks that a value can be written as JSON and read again, for settings, manifests and requests."""

from __future__ import annotations

import math

from pydantic import BaseModel

LARGEST = 2**63 - 1
"""Largest integer that JSON writers and servers accept."""
DEEPEST = 50
"""Most levels of nested objects and lists; protects recursive code."""


def json_problem(value: object, levels: int = DEEPEST) -> str:
    """Return why ``value`` cannot be written as JSON and read again as it was, or "" where it can.

    Args:
        value: A value from TOML, JSON or Python code.
        levels: How deep objects and lists may be nested.
    """
    if isinstance(value, dict | list | tuple):
        if levels == 0:
            return "is nested too deeply"
        children = value.values() if isinstance(value, dict) else value
        return next(filter(None, (json_problem(child, levels - 1) for child in children)), "")
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"should be at most {LARGEST}"
    if isinstance(value, float) and not math.isfinite(value):
        return "should be a finite number"
    if value is None or isinstance(value, str | int | float | BaseModel):  # a pydantic model is already valid
        return ""
    return f"is a {type(value).__name__}, which JSON has not; write it as text"
