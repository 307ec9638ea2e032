"""Chats of soc_gen itself: a clean file, in the form of SOC-2508.

Hub id: marcodsn/SOC-2508, or any file that ``soc clean`` wrote. Licence: your own, unless it is set.
Columns: chat_id, experience, chat_parts, model.

    {"chat_id": "…", "experience": {"persona1": {…}, …}, "chat_parts": [{"sender": "…", "messages": ["hey"]}]}

Odd: both sides are people, so each chat gives a row for each side, as ``soc export`` writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import ValidationError

from soc_gen.export.rows import rows
from soc_gen.io.jsonl import explain
from soc_gen.mix.convert import UnfitError
from soc_gen.mix.records import Conversation, Message, Unit
from soc_gen.mix.sources.base import Source, SourceSettings
from soc_gen.models import Chat


class SocSettings(SourceSettings):
    """What ``soc`` understands."""

    path: str = "data/clean.jsonl"
    perspective: Literal["persona1", "persona2", "both"] = "both"
    tags: Literal["keep", "strip", "verbalize"] = "keep"
    system: Literal["keep", "fold", "drop"] = "keep"


def convert(unit: Unit, settings: SocSettings) -> Iterator[Conversation]:
    """Yield a conversation for each side asked for."""
    try:
        chat = Chat.model_validate(unit.data)
    except ValidationError as error:
        raise UnfitError("not_a_chat", explain(error)) from None
    for row in rows(chat, settings.perspective, settings.tags, "user", settings.system):
        messages = [Message(role=message["role"], content=message["content"]) for message in row.messages]
        about = {"perspective": row.perspective, "model": chat.model}
        yield Conversation(f"{chat.chat_id}:{row.perspective}", messages, group=chat.chat_id, meta=about)


SOURCE = Source("soc", "own", convert, columns=("chat_id", "experience", "chat_parts"), settings=SocSettings)
