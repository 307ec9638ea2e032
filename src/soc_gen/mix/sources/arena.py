"""Chatbot Arena: 33,000 battles of two models, and which side people preferred.

Hub id: lmsys/chatbot_arena_conversations. Licence: prompts CC BY 4.0, outputs CC BY-NC 4.0. Access: gated.
Columns: question_id, model_a, model_b, winner, judge, conversation_a, conversation_b, turn, anony, language,
tstamp, openai_moderation, toxic_chat_tag.

    {"question_id": "…", "winner": "model_a", "conversation_a": [{"role": "user", "content": "Hi"}, …],
     "conversation_b": […], "openai_moderation": {"flagged": false}, "toxic_chat_tag": {"t5-large": {…}}}

Odd: ``openai_moderation`` is one struct, not a list; ``winner`` may be "tie" (one side is drawn) or
"tie (bothbad)" (dropped); ``question_id`` is the ``conversation_id`` of the same talk in LMSYS-Chat-1M.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soc_gen.mix.convert import read_messages
from soc_gen.mix.languages import language_code
from soc_gen.mix.records import Conversation, Rejected, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, text_of
from soc_gen.mix.sources.lmsys import flags
from soc_gen.seeding import child_seed


class ArenaSettings(SourceSettings):
    """What the Arena understands."""

    random_seed: int = 0
    """Draws the side of a tie; that of the mix when it is left out."""


def convert(unit: Unit, settings: ArenaSettings) -> Iterator[Conversation | Rejected]:
    """Yield the side that won; for a tie, one of them by the seed."""
    row: dict[str, Any] = unit.data
    number, winner = text_of(row, "question_id"), text_of(row, "winner")
    sides = {"model_a": "ab", "model_b": "ba"}
    if winner == "tie":
        order = ("ab", "ba")[child_seed(settings.random_seed, "tie", number) % 2]
    elif winner in sides:
        order = sides[winner]
    else:
        known = winner.startswith("tie")
        yield Rejected(number, "both_bad" if known else "no_winner", f"the winner is {winner!r}")
        return
    chosen, other = (read_messages(row[f"conversation_{side}"]) for side in order)
    yield Conversation(
        number,
        chosen,
        lang=language_code(text_of(row, "language")),
        join_id=f"lmsys:{number}" if number else "",
        flagged=", ".join(filter(None, (flags(row.get("openai_moderation")), _toxic(row)))),
        meta={"model": row.get(f"model_{order[0]}"), "winner": winner},
        other=other if winner != "tie" else [],
    )


def _toxic(row: dict[str, Any]) -> str:
    tags = row.get("toxic_chat_tag")
    found = [tag for tag in tags.values() if isinstance(tag, dict)] if isinstance(tags, dict) else []
    return "toxic" if any(tag.get("flagged") for tag in found) else ""


SOURCE = Source(
    "chatbot_arena_conversations",
    "cc-by-nc-4.0",
    convert,
    hub_id="lmsys/chatbot_arena_conversations",
    access="gated",
    columns=("question_id", "winner", "conversation_a", "conversation_b"),
    settings=ArenaSettings,
)
