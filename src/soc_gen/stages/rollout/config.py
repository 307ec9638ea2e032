"""The settings of ``soc rollout``."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
)

from soc_gen.settings import Endpoint, Sampling, Settings


class RolloutConfig(Settings):
    """Stage two: from an experience to a chat."""

    format: Literal["json", "transcript"] = "json"
    """How a turn is asked for: JSON per turn, or a transcript that the model continues."""
    min_turns: int = Field(4, ge=0)
    """Turns in which no chat may end."""
    max_turns: int = Field(30, ge=2, le=10_000)
    """Longest chat, in turns."""
    max_chat_tokens: int = Field(16000, ge=256)
    """Prompt and reply of the last turn together; a chat that reaches it ends."""
    max_attempts: int = Field(4, ge=1)
    """Replies asked for one turn before the conversation is given up for this run."""
    on_context_length: Literal["fail", "wind_down"] = "fail"
    """A conversation too long for the server: a failure, or ended where it stands."""
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=512)
    endpoint: Endpoint | None = Field(None, exclude_if=lambda value: value is None)
    """This stage's own endpoint: what is not given in it is taken from ``[endpoint]``."""
