"""Magpie Llama 3.1 Pro 300K Filtered: single questions with answers of Llama 3.1 70B.

Hub id: Magpie-Align/Magpie-Llama-3.1-Pro-300K-Filtered. Licence: llama3.1. Access: open.
Columns: uuid, conversations, task_category, min_similar_uuid, llama_guard_2, language and others.

    {"uuid": "…", "conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}],
     "min_similar_uuid": "…", "llama_guard_2": "safe", "task_category": "Information seeking"}

Odd: a row whose ``min_similar_uuid`` is another uuid repeats that one. Of many answers the longest were kept,
so the length is capped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soc_gen.mix.convert import read_messages
from soc_gen.mix.languages import language_code
from soc_gen.mix.records import Conversation, Rejected, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, text_of


class MagpieSettings(SourceSettings):
    """What Magpie understands."""

    max_tokens: int | None = 2048


def convert(unit: Unit, _: MagpieSettings) -> Iterator[Conversation | Rejected]:
    """Yield the question and the answer of a row."""
    row: dict[str, Any] = unit.data
    number, like = text_of(row, "uuid"), text_of(row, "min_similar_uuid")
    if like and like != number:
        yield Rejected(number, "repeat_in_source", f"the source holds it to repeat {like}")
        return
    guard = text_of(row, "llama_guard_2")
    yield Conversation(
        number,
        read_messages(row["conversations"], "from", "value"),
        task=text_of(row, "task_category") or "chat",
        lang=language_code(text_of(row, "language")) or "en",
        flagged="" if guard in {"", "safe"} else f"llama_guard_2: {guard}",
        meta={"model": row.get("model"), "difficulty": row.get("difficulty")},
    )


SOURCE = Source(
    "Magpie-Llama-3.1-Pro-300K-Filtered",
    "llama3.1",
    convert,
    hub_id="Magpie-Align/Magpie-Llama-3.1-Pro-300K-Filtered",
    columns=("uuid", "conversations"),
    settings=MagpieSettings,
    default_lang="en",
)
