"""MultiDialog: spoken talk of two people about news, with emotions.

Hub id: IVLLab/MultiDialog. Licence: "cc", no more is told. Access: open.
Columns of metadata.jsonl: file_name, conv_id, utterance_id, from, value, emotion, original_full_path.

    {"conv_id": "t_1", "utterance_id": 0, "from": "gpt", "value": "Hi!", "emotion": "Happy", "file_name": "…"}

Odd: one row for each utterance, in no order; both sides are people; the conversation may open with ``gpt``.
Only metadata.jsonl is read, never the audio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from soc_gen.mix.convert import from_speakers
from soc_gen.mix.records import Conversation, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, rows, text_of
from soc_gen.mix.sources.grouping import grouped

_COLUMNS = ("conv_id", "utterance_id", "from", "value")


class MultiDialogSettings(SourceSettings):
    """What MultiDialog understands."""

    perspective: Literal["gpt", "human", "both"] = "both"
    """Who becomes the assistant."""


def read(paths: Sequence[Path], _: SourceSettings) -> Iterator[Unit]:
    """Yield one unit for each conversation."""
    return grouped(
        rows(paths, _COLUMNS),
        lambda unit: text_of(unit.data, "conv_id"),
        lambda row: int(row["utterance_id"]),
    )


def convert(unit: Unit, settings: MultiDialogSettings) -> Iterator[Conversation]:
    """Yield the conversation from each of the perspectives asked for."""
    utterances: list[dict[str, Any]] = unit.data
    said = [(text_of(row, "from"), text_of(row, "value")) for row in utterances]
    group = text_of(utterances[0], "conv_id")
    emotions = [text_of(row, "emotion") for row in utterances]
    for side in ("gpt", "human"):
        if settings.perspective in {side, "both"}:
            messages = from_speakers(said, side)
            about = {"emotions": emotions, "perspective": side}
            yield Conversation(f"{group}:{side}", messages, lang="en", group=group, meta=about)


SOURCE = Source(
    "MultiDialog",
    "cc",
    convert,
    hub_id="IVLLab/MultiDialog",
    columns=_COLUMNS,
    settings=MultiDialogSettings,
    files=("**/metadata.jsonl", "**/*.jsonl"),
    read=read,
    default_lang="en",
)
