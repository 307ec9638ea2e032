"""The settings of ``soc clean``."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    field_validator,
)

from soc_gen.settings import Settings


class RepairsConfig(Settings):
    """Which repairs are made; each is counted under its name."""

    thinking: bool = True
    """Take out ``<think>`` blocks, also unclosed ones and those with no opener."""
    template_tokens: bool = True
    """Keep the reply among turns of a chat template; take out tokens such as ``<|im_start|>``."""
    json_leftovers: bool = True
    """Unpack ``{"messages": […]}`` and code fences around JSON."""
    preambles: bool = True
    """Take out "Sure! Here is the next message:"."""
    end_notes: bool = True
    """Take out "(end of conversation)"."""
    encoding: bool = True
    """Undo mojibake and HTML entities."""
    invisible: bool = True
    """Take out zero-width and control characters; emoji stay whole."""
    quotation_marks: bool = True
    """Take off quotation marks around a whole message."""
    speaker_labels: bool = True
    """Take "Luna:" off the start of a message."""
    leaked_instructions: bool = True
    """Take out lines that recite the prompt."""
    tags: bool = True
    """Write tags in their one form, each at the start of its message."""
    unknown_tags: bool = True
    """Take out tags that are none of ours, and leave what they hold; False keeps them as text."""
    spacing: bool = True
    """Take off spaces at the ends of messages and lines."""
    empty: bool = True
    """Drop messages and chat parts with nothing in them."""
    merged_parts: bool = True
    """Join consecutive chat parts of one sender."""
    end_tags: bool = True
    """Leave ``<end/>`` in the last message only: cut what follows it, take early ones out."""


class CleanConfig(Settings):
    """Stage three: repairs, rejections, duplicates."""

    repairs: RepairsConfig = RepairsConfig()
    min_turns: int = Field(4, ge=0)
    """Chat parts in which an ``<end/>`` that talk follows is taken out, not believed."""
    min_parts: int = Field(2, ge=1)
    """Fewest chat parts (turns) of a chat that is kept."""
    min_messages: int = Field(2, ge=0)
    """Fewest messages."""
    min_words: int = Field(0, ge=0)
    """Fewest words."""
    require_end: bool = False
    """Reject chats without ``<end/>``: other programs save one as finished whose last turn failed."""
    max_repetition: float = Field(0.4, ge=0, le=1)
    """Largest share of three-word runs that were said before in the chat; 1 allows all."""
    max_echo: float = Field(0.3, ge=0, le=1)
    """Largest share of chat parts that say again what the other one just said; 1 allows all."""
    max_farewells: int = Field(4, ge=1)
    """Most chat parts in a row, at the end, that say goodbye."""
    allow_assistant_speak: bool = False
    """Keep chats that talk like an assistant, refuse, or break character."""
    language: str | None = Field(None, pattern="^[a-z]{2}$")
    """ISO 639-1 code, such as ``en``, that every chat must be in; needs the extra ``language``."""
    max_line_mb: float = Field(16.0, gt=0)
    """Longest line that is read, in MiB."""
    allow_same_experience: bool = False
    """Keep several chats of one experience."""
    near_duplicates: float | None = Field(0.8, ge=0.5, le=1)
    """Estimated Jaccard similarity from which two chats are one; ``off`` looks for none."""
    shingle_words: int = Field(3, ge=1, le=8)
    """Words in a row that are compared."""
    keep: Literal["longest", "first"] = "longest"
    """Which of near-duplicates stays."""
    against: tuple[str, ...] = ()
    """Files or Hub datasets of chats that must not be repeated."""
    shuffle: bool = False
    """Write the chats in an order drawn from the run's ``random_seed``, not that of the input."""

    @field_validator("near_duplicates", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return None if value == "off" else value
