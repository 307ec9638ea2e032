"""Recognizes files whose rows are not chats but have another known form, and refuses them by name.

Otherwise every row of a file of experiences would be reported as a broken chat.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

import orjson

from soc_gen.errors import UsageError

_TRAINERS = "Trainers take them: trl sft --dataset_name {file}"
_EXPORTED = f"soc export writes such rows from chats. {_TRAINERS}"


class Form(NamedTuple):
    """A known form of rows."""

    name: str
    hint: str
    """Advice that names the command for such a file, called ``{file}``."""


# Keys of a row and its form; the first match counts. A broken chat still has chat_parts.
_BY_KEYS = (
    ({"chat_parts"}, None),
    ({"record", "reason", "where"}, Form("rejected chats", "Give the file that they were cleaned out of")),
    ({"index", "reason", "detail"}, Form("failures of a run", "The run that wrote it tries them again")),
    ({"persona1", "persona2", "relationship"}, Form("experiences", "Run: soc rollout {file}")),
    ({"name", "background"}, Form("personas", "Run: soc generate experiences --personas {file}")),
    ({"persona"}, Form("personas", "Run: soc generate experiences --personas {file}")),
    ({"custom_id", "response"}, Form("answers of a batch of requests", "soc asks and reads answers itself")),
    ({"chosen", "rejected"}, Form("preference rows", "Trainers take them: trl dpo --dataset_name {file}")),
    ({"instruction", "output"}, Form("instruction rows", _TRAINERS)),
    ({"question", "answer"}, Form("questions with answers", _TRAINERS)),
    ({"query", "response"}, Form("questions with answers", _TRAINERS)),
    ({"prompt", "response"}, Form("prompts with completions", _TRAINERS)),
    ({"prompt", "completion"}, Form("prompts with completions", _TRAINERS)),
)
# The keys of the first item of a list in a row.
_BY_ITEMS = (
    ({"role", "content"}, Form("messages rows", _EXPORTED)),
    ({"role", "parts"}, Form("messages rows", _EXPORTED)),
    ({"human", "assistant"}, Form("messages rows", _EXPORTED)),
    ({"user", "assistant"}, Form("messages rows", _EXPORTED)),
    ({"from", "value"}, Form("ShareGPT rows", _EXPORTED)),
)
_TEXTS = Form("rows of text for trainers", _EXPORTED)
_JOURNAL = Form("a journal", "Give the file of chats beside it")
_MESSENGER = Form(
    "an exported messenger chat",
    "No command takes it: a chat here has two personas and why they write (soc rollout --help)",
)
# Keys of a message in a messenger's export: its author or kind, and its time.
_WHO = {"actor", "author", "from", "name", "sender", "sender_name", "type", "user", "user_id", "username"}
_WHEN = {"created_at", "date", "datetime", "sent", "sent_at", "time", "timestamp", "timestamp_ms", "ts"}
# A line of WhatsApp or Signal: "[31.12.20, 22:15:01] Ada: hi", "12/31/20, 10:15 PM - Ada: hi".
_STAMPED = re.compile(
    r"\W*\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?\s*(?:[ap]\.?\s?m\.?)?\s*[\]–-]\s*\S",
    re.IGNORECASE,
)


def form_of(row: object) -> Form | None:
    """Return the known form of a row that is not a chat, or None."""
    if not isinstance(row, dict):
        return None
    for keys, form in _BY_KEYS:
        if row.keys() >= keys:
            return form
    items = [item for value in row.values() if isinstance(item := _first(value), dict)]
    for keys, form in _BY_ITEMS:
        if any(item.keys() >= keys for item in items):
            return form
    if any(map(_is_message, [row, *items])):
        return _MESSENGER
    if "kind" in row:
        return _JOURNAL
    return _TEXTS if isinstance(row.get("text"), str) else None


def _first(value: object) -> object:
    """Return the first message of a list of messages, or of a list of chats as in Telegram's full export."""
    if isinstance(value, dict):
        value = value.get("list")
    first = value[0] if isinstance(value, list) and value else None
    inner = first.get("messages") if isinstance(first, dict) else None
    return inner[0] if isinstance(inner, list) and inner else first


def _is_message(item: dict[str, Any]) -> bool:
    keys = {str(key).casefold() for key in item}
    return not keys.isdisjoint(_WHO) and not keys.isdisjoint(_WHEN)


class FormCount:
    """Counts the forms of the rows of each file while they are read."""

    def __init__(self) -> None:
        self._chats: set[str] = set()
        self._others: dict[str, Counter[Form | None]] = {}
        self._last: Form | None = None

    def add(self, where: str, data: bytes, *, is_chat: bool) -> None:
        """Count one row.

        Args:
            where: ``file:line``.
            data: The row as it was read.
            is_chat: Whether it is a chat, even a rejected one.
        """
        file = where.rpartition(":")[0]
        if is_chat:
            self._chats.add(file)
        elif file not in self._chats:
            self._last = self._form(data)
            self._others.setdefault(file, Counter())[self._last] += 1

    def _form(self, data: bytes) -> Form | None:
        try:
            return form_of(orjson.loads(data))
        except orjson.JSONDecodeError:
            stamped = _STAMPED.match(data.decode("utf-8", "replace"))
            return _MESSENGER if stamped or self._last is _MESSENGER else None  # a message has many lines

    def refuse_foreign_file(self) -> None:
        """Refuse the first file in which every row is of another form that is known.

        Raises:
            UsageError: The message names the form and the command for such files.
        """
        for file, forms in self._others.items():
            if file in self._chats or None in forms:
                continue
            known = [form for form, _ in forms.most_common() if form]
            names = " and ".join(form.name for form in known)
            raise UsageError(
                f"has no chats: it holds {names}", where=file, hint=known[0].hint.format(file=file)
            )
