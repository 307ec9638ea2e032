"""OpenHermes 2.5: a million instructions from many sets.

Hub id: teknium/OpenHermes-2.5. Licence: none stated. Access: open.
Columns: conversations; keys such as system_prompt, category, source, id and language vary from row to row.

    {"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…", "weight": null}],
     "system_prompt": null, "source": "airoboros2.2", "category": "orca"}

Odd: one JSON array of 1.9 GB, which is read value by value. ``system_prompt`` counts only where there is no
system turn. A turn of weight 0 is not to be trained on: the conversation ends before the last such reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soc_gen.mix.convert import read_messages
from soc_gen.mix.languages import language_code
from soc_gen.mix.records import Conversation, Message, Rejected, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, text_of


def convert(unit: Unit, _: SourceSettings) -> Iterator[Conversation | Rejected]:
    """Yield the conversation of a row."""
    row: dict[str, Any] = unit.data
    number = text_of(row, "id")
    messages = read_messages(row["conversations"], "from", "value")
    off = [place for place, turn in enumerate(row["conversations"]) if turn.get("weight") == 0]
    replies = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    trained = [place for place in replies if place not in off]
    if replies and not trained:
        yield Rejected(number, "not_trained_on", "every reply has weight 0")
        return
    last = trained[-1] if trained else len(messages)
    kept = messages[: last + 1]
    if any(place in off for place in replies if place < last):
        yield Rejected(number, "not_trained_on", "a reply in the middle has weight 0")
        return
    prompt = text_of(row, "system_prompt")
    if prompt.strip() and not any(message["role"] == "system" for message in messages):
        kept = [Message(role="system", content=prompt), *kept]
    yield Conversation(
        number,
        kept,
        task=text_of(row, "category") or "instruct",
        lang=language_code(text_of(row, "language")),
        meta={"subset": row.get("source"), "model": row.get("model_name") or row.get("model")},
    )


SOURCE = Source(
    "OpenHermes-2.5", "none", convert, hub_id="teknium/OpenHermes-2.5", columns=("conversations",)
)
