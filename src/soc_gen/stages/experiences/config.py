"""The settings of ``soc generate experiences``."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
)

from soc_gen.settings import Endpoint, Sampling, Settings


class ExperiencesConfig(Settings):
    """Stage one: who meets, and why."""

    count: int = Field(10, ge=1)
    """How many experiences to make."""
    format: Literal["json", "lines"] = "json"
    """How they are asked for: a JSON object, or three lines that a small model continues."""
    personas: str = "seeds"
    """JSONL, CSV or Parquet file of personas, or a Hub dataset; ``seeds``: the shipped bank."""
    personas_revision: str | None = None
    """Branch, tag or commit of a Hub dataset."""
    age_strength: float = Field(2.0, ge=0)
    """Exponent of the pairing weight ``(1 / (1 + |age difference|)) ** strength``; 0 is uniform."""
    block_size: int = Field(100, ge=1)
    """Experiences after which the few-shot hub goes back to the seed experiences."""
    round_size: int = Field(20, ge=1)
    """Experiences that share one state of the few-shot hub, inside a block."""
    examples: int = Field(2, ge=0, le=8)
    """Experiences shown as "unlike these"."""
    max_attempts: int = Field(4, ge=1)
    """Replies asked for before an experience is given up for this run."""
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=400)
    endpoint: Endpoint | None = Field(None, exclude_if=lambda value: value is None)
    """This stage's own endpoint: what is not given in it is taken from ``[endpoint]``."""
