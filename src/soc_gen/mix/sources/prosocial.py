"""ProsocialDialog: replies that lead problematic talk to what is right.

Hub id: allenai/prosocial-dialog. Licence: CC BY 4.0. Access: open.
Columns: context, response, rots, safety_label, safety_annotations, source, dialogue_id, response_id,
episode_done.

    {"context": "…", "response": "…", "rots": ["…"], "safety_label": "__casual__", "dialogue_id": 0,
     "response_id": 0, "episode_done": false}

Odd: one row for each exchange; ``dialogue_id`` begins anew in every split. What users say is problematic by
design, so filters look at the assistant's turns alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from soc_gen.mix.records import Conversation, Message, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, rows, text_of
from soc_gen.mix.sources.grouping import grouped

_COLUMNS = ("context", "response", "dialogue_id", "response_id")


def read(paths: Sequence[Path], _: SourceSettings) -> Iterator[Unit]:
    """Yield one unit for each dialogue of each file."""
    for path in paths:
        split = path.name.split(".")[0]
        for unit in grouped(
            rows([path], _COLUMNS),
            lambda unit: str(unit.data.get("dialogue_id")),
            lambda row: int(row["response_id"]),
        ):
            yield unit._replace(data={"split": split, "rows": unit.data}) if unit.data else unit


def convert(unit: Unit, _: SourceSettings) -> Iterator[Conversation]:
    """Yield the exchanges of one dialogue, in order."""
    exchanges: list[dict[str, Any]] = unit.data["rows"]
    messages = [
        Message(role=role, content=text_of(row, column))
        for row in exchanges
        for role, column in (("user", "context"), ("assistant", "response"))
    ]
    labels = [text_of(row, "safety_label") for row in exchanges]
    number = f"{unit.data['split']}:{exchanges[0]['dialogue_id']}"
    yield Conversation(number, messages, task="safety", lang="en", meta={"safety_labels": labels})


SOURCE = Source(
    "prosocial-dialog",
    "cc-by-4.0",
    convert,
    hub_id="allenai/prosocial-dialog",
    columns=_COLUMNS,
    read=read,
    assistant_only=True,
    default_lang="en",
)
