"""The records that travel between the stages: the SOC-2508 schema, and what is kept beside it.

The schema is that of https://huggingface.co/datasets/marcodsn/SOC-2508: these keys, no others, every
key in every row. Reading drops unknown keys; writing never adds one.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
NAMESPACE = uuid.UUID("6f0d1c1e-9d0b-5a52-9a3e-50c250800001")


def content_id(*parts: object) -> str:
    """Return a UUID that depends on ``parts`` alone, so that the same run gives the same ids."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts)))


class Record(BaseModel):
    """A frozen record; unknown keys are dropped on reading."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_json(self) -> bytes:
        """Return the record as one line of UTF-8 JSON, without the newline."""
        return orjson.dumps(self, default=vars)


class Persona(Record):
    """One fictional person, as in the Synthetic Persona Bank (SPB-2508)."""

    name: Text
    username: str | None
    age: int = Field(ge=1, le=120)
    """Years."""
    traits: list[str]
    background: str
    chatting_style: str
    model: str
    """What wrote the persona."""
    id: Text


class Experience(Record):
    """Two personas, how they know each other, why they write now, and the opener."""

    persona1: Persona
    persona2: Persona
    relationship: Text
    situation: Text
    topic: Text
    id: Text

    @property
    def people(self) -> tuple[Persona, Persona]:
        """Return the two, in order."""
        return self.persona1, self.persona2

    def __hash__(self) -> int:
        """Let prompts be cached by experience; the lists in it have no hash of their own."""
        return hash(self.id)


class ChatPart(Record):
    """One speaker's go: one to a few messages, in order."""

    sender: Text
    """The persona's id."""
    messages: list[str]


class Chat(Record):
    """A finished conversation."""

    chat_id: Text
    experience: Experience
    chat_parts: list[ChatPart]
    model: str
    """The model that wrote the messages."""


class Failure(Record):
    """A conversation or experience that could not be obtained; owed to the next run."""

    index: int
    """Position in the input, from 0."""
    id: str
    """Id that the chat or experience would have had."""
    reason: str
    """Stable code."""
    detail: str
    turn: int | None = None


class Rejection(Record):
    """A record that was cleaned out, with the reason and the whole record."""

    reason: str
    """Stable code."""
    detail: str
    where: str
    """``file:line`` it was read from."""
    record: Any
    """The record as it was read; text where it is no JSON."""
