"""What a speaker label is: whose it is, how it is marked, and where it stands in a line."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from soc_gen.text.label_names import LabelNames


class Side(Enum):
    """The owner of a label."""

    OWN = "own"
    OTHER = "other"
    ROLE = "role"
    """One of the two, but unclear which."""


class Form(Enum):
    """How a name is marked as a label."""

    MARKED = "marked"
    """By a colon, brackets, a time stamp: a label for any name."""
    DASH = "dash"
    """By signs that also follow the name of an addressed person: a dash, bold letters, an @."""
    HANDLE = "handle"
    """By an @ alone: a label for the writer's own name, otherwise a mention."""
    BARE = "bare"
    """By a line with nothing else."""


class Label(NamedTuple):
    """A label in a line."""

    start: int
    end: int
    """Index where the text after the label begins."""
    side: Side
    key: str
    """The name, normalized for comparison."""
    sure: bool
    """Whether the name is not a word that is often followed by a colon."""
    form: Form


class Callers(NamedTuple):
    """Names of the two people in labels, from the view of the writer."""

    names: frozenset[str] = frozenset()
    """``names_of`` both people."""
    own: LabelNames = LabelNames()
    other: LabelNames = LabelNames()
    own_roles: frozenset[str] = frozenset()
    other_roles: frozenset[str] = frozenset()
