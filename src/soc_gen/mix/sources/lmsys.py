"""LMSYS-Chat-1M: a million conversations with 25 models.

Hub id: lmsys/lmsys-chat-1m. Licence: LMSYS-Chat-1M agreement (use, also commercial; not to be passed on).
Access: gated. Columns: conversation_id, model, conversation, turn, language, openai_moderation, redacted.

    {"conversation_id": "…", "model": "…", "conversation": [{"role": "user", "content": "Hi"}, …], "turn": 1,
     "language": "English",
     "openai_moderation": [{"flagged": false, "categories": {…}}, …], "redacted": false}

Odd: ``openai_moderation`` has one struct for each message; names are redacted as ``NAME_1``; conversations of
the Arena are in it under the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soc_gen.mix.convert import read_messages
from soc_gen.mix.languages import language_code
from soc_gen.mix.records import Conversation, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, text_of


def flags(moderation: object) -> str:
    """Return which categories a list of moderation structs (or one of them) has flagged, or ""."""
    structs = moderation if isinstance(moderation, list) else [moderation]
    found: set[str] = set()
    for struct in structs:
        if isinstance(struct, dict) and struct.get("flagged"):
            categories = struct.get("categories")
            named = categories.items() if isinstance(categories, dict) else ()
            found.update([name for name, yes in named if yes] or ["flagged"])
    return ", ".join(sorted(found))


def convert(unit: Unit, _: SourceSettings) -> Iterator[Conversation]:
    """Yield the conversation of a row."""
    row: dict[str, Any] = unit.data
    number = text_of(row, "conversation_id")
    yield Conversation(
        number,
        read_messages(row["conversation"]),
        lang=language_code(text_of(row, "language")),
        join_id=f"lmsys:{number}" if number else "",
        flagged=flags(row.get("openai_moderation")),
        meta={"model": row.get("model"), "redacted": row.get("redacted")},
    )


SOURCE = Source(
    "lmsys-chat-1m",
    "lmsys-chat-1m",
    convert,
    hub_id="lmsys/lmsys-chat-1m",
    access="gated",
    columns=("conversation_id", "conversation"),
)
