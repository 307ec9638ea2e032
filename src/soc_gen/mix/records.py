"""What a source gives: conversations in one form, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict


class Message(TypedDict):
    """One entry of a conversation; ``role`` is system, user or assistant."""

    role: str
    content: str


class Unit(NamedTuple):
    """What one conversation, or several views of it, are made of."""

    where: str
    """``file:line`` of its first row."""
    data: Any
    """The row as it was read; a list of rows where a source groups them."""
    rows: int = 1
    """How many rows it has."""
    problem: str = ""
    """Why it cannot be read; then ``data`` is None."""


@dataclass(slots=True)
class Conversation:
    """One conversation, before it was brought into its final form."""

    source_id: str
    """Its id in the source; two with one id are the same conversation."""
    messages: list[Message]
    task: str = "chat"
    lang: str = ""
    """ISO 639-1 code, where the source tells it."""
    license: str = ""
    """Its own licence, where the source has several."""
    group: str = ""
    """What views of one dialogue share: they are no duplicates of each other, and stay in one split."""
    join_id: str = ""
    """An id that other sources use too."""
    opening: int = 0
    """How many leading messages are the same in many conversations, and say nothing about likeness."""
    flagged: str = ""
    """Why the source itself holds it to be harmful."""
    meta: dict[str, Any] = field(default_factory=dict)
    other: list[Message] = field(default_factory=list)
    """The side that lost, where two were compared."""


@dataclass(slots=True)
class Rejected:
    """A conversation that cannot be used."""

    source_id: str
    reason: str
    """Stable code."""
    detail: str
