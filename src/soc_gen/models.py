"""The records that travel between the stages: the SOC-2508 schema, and what is kept beside it.

The schema is that of https://huggingface.co/datasets/marcodsn/SOC-2508: these keys, no others, every
key in every row. Reading drops unknown keys, and fills in a username or an experience's id that is not there;
writing never adds a key of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from soc_gen.display import Bubble, Transcript, to_html, to_rich

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
END = "<end/>"
"""What closes the last message of a finished conversation."""
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
    username: str | None = None
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
    id: Text = Field("", validate_default=True)
    """Where it is missing, as in the seeds of SOC-2508, it is made from the content."""

    @field_validator("id", mode="before")
    @classmethod
    def _derive_id(cls, given: object, info: ValidationInfo) -> object:
        if given or len(info.data) < len(cls.model_fields) - 1:  # the second: it is no experience anyway
            return given or "unknown"
        persona1, persona2, *texts = info.data.values()
        return content_id("experience", persona1.id, persona2.id, *texts)

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

    def transcript(self, names: tuple[str, str] | None = None) -> Transcript:
        """Return the conversation as it is shown.

        Args:
            names: What persona1 and persona2 are called; their full names when not given.
        """
        persona1, persona2 = self.experience.people
        called = names or (persona1.name, persona2.name)
        messages = [
            Bubble(int(part.sender != persona1.id), called[part.sender != persona1.id], message)
            for part in self.chat_parts
            for message in part.messages
        ]
        spoken = [bubble for bubble in messages if bubble.text != END]
        title = f"{called[0]} and {called[1]}: {self.experience.relationship}"
        return Transcript(title, self.experience.situation, spoken, ended=len(spoken) < len(messages))

    def _repr_html_(self) -> str:
        """Return the conversation as a notebook shows it."""
        return to_html(self.transcript())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the conversation as ``rich.print`` shows it."""
        return to_rich(self.transcript(), width=options.max_width, terminal=console.is_terminal)


class Failure(Record):
    """A conversation or experience that could not be obtained; tried again by the next run."""

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
