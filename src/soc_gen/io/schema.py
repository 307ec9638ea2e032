"""The columns of a dataset, for ``datasets``, for the card's YAML and for Parquet.

Without them in the card, ``load_dataset`` infers the types from the first rows, and fails at a later null,
empty list or new key.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from soc_gen.io.tables import parquet_writer
from soc_gen.models import Chat

if TYPE_CHECKING:
    from datasets import Features


def features() -> Features:
    """Return the columns of a file of chats for ``load_dataset``, which infers them otherwise.

    Example:
        >>> load_dataset("json", data_files="data/clean.jsonl", features=features(), split="train")
    """
    from datasets import Features, List, Value  # noqa: PLC0415 - heavy

    text = Value("string")
    persona = dict.fromkeys(("name", "username"), text) | {"age": Value("int64"), "traits": List(text)}
    persona |= dict.fromkeys(("background", "chatting_style", "model", "id"), text)
    experience = {"persona1": persona, "persona2": persona}
    experience |= dict.fromkeys(("relationship", "situation", "topic", "id"), text)
    parts = List({"sender": text, "messages": List(text)})
    return Features({"chat_id": text, "experience": experience, "chat_parts": parts, "model": text})


def write_parquet(path: Path, chats: Iterable[Chat]) -> None:
    """Write ``chats`` to a Parquet file with the columns of ``features``."""
    with parquet_writer(path, features().arrow_schema) as write:
        for chat in chats:
            write(chat.model_dump())
