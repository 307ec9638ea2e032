"""Repairs and checks each chat or line by itself.

Pure functions without I/O; files, worker processes and counts are in ``run``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from soc_gen.io import jsonl
from soc_gen.io.lines import Line
from soc_gen.models import Chat
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.dedup import Fingerprint, fingerprint
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.stages.clean.rejections import reject
from soc_gen.stages.clean.repairs.repairer import Change, Repairer, UnsettledError
from soc_gen.text.prompt_leak import PromptNgramIndex, index_prompts
from soc_gen.text.tags import END


class ChatResult(NamedTuple):
    """Result of repairing and checking one chat by itself."""

    chat: Chat
    """The repaired chat; unchanged when it is rejected."""
    changes: list[Change]
    reason: str | None = None
    detail: str = ""
    fingerprint: Fingerprint | None = None
    """None where it is rejected."""


@dataclass(frozen=True)
class Rules:
    """Settings and data for the examination of a chat."""

    config: CleanConfig
    grams: PromptNgramIndex = field(default_factory=lambda: index_prompts([]))
    """Index used to find recited prompts."""
    failed: frozenset[str] = frozenset()
    """Ids of chats whose rollout failed."""

    def repairer(self) -> Repairer:
        """Return the repairs that are switched on."""
        return Repairer(self.config, self.grams)


def clean_chat(chat: Chat, rules: Rules, repairer: Repairer) -> ChatResult:
    """Repair ``chat`` and check it by itself."""
    try:
        features, changes = repairer.repair(ChatFeatures(chat, rules.config.shingle_words))
    except UnsettledError:
        return ChatResult(chat, [], "unsettled", "the repairs do not come to rest")
    if (rules.config.require_end or chat.chat_id in rules.failed) and not _ended(features.chat):
        why = "its rollout failed and " if chat.chat_id in rules.failed else ""
        return ChatResult(chat, changes, "cut_off", f"{why}it has no <end/>")
    rejected = reject(features, rules.config)
    if rejected:
        return ChatResult(chat, changes, *rejected)
    return ChatResult(features.chat, changes, fingerprint=fingerprint(features))


def _ended(chat: Chat) -> bool:
    return bool(chat.chat_parts) and END in chat.chat_parts[-1].messages[-1:]


class LineResult(NamedTuple):
    """Result of examining one line by itself."""

    where: str
    as_read: bytes
    line: bytes = b""
    """The line to write; empty when it is rejected."""
    reason: str = ""
    detail: str = ""
    is_json: bool = True
    changes: tuple[Change, ...] = ()
    fingerprint: Fingerprint | None = None
    """None where it is rejected."""


def clean_line(line: Line, rules: Rules, repairer: Repairer) -> LineResult:
    """Read ``line`` as a chat and examine it."""
    if line.problem == "line_too_long":
        detail = (
            f"{line.length:,} bytes, at most {rules.config.max_line_mb:g} MiB; only the beginning is kept"
        )
        return LineResult(line.where, line.data, reason="line_too_long", detail=detail, is_json=False)
    try:
        chat = Chat.model_validate_json(line.data)
    except ValidationError as error:
        return _invalid(line, jsonl.explain(error))
    written = chat.to_json()
    twice = _repeated_key(line.data) if written != line.data else None
    if twice is not None:
        return _invalid(line, f"the key {twice!r} comes twice in one object")
    cleaned = clean_chat(chat, rules, repairer)
    changes = tuple(cleaned.changes)
    if cleaned.fingerprint is None:
        is_json = written == line.data or jsonl.is_json(line.data)
        return LineResult(line.where, line.data, b"", cleaned.reason or "", cleaned.detail, is_json, changes)
    if cleaned.chat is not chat:
        written = cleaned.chat.to_json()
    return LineResult(line.where, line.data, written, changes=changes, fingerprint=cleaned.fingerprint)


def _invalid(line: Line, why: str) -> LineResult:
    is_json = jsonl.is_json(line.data)
    if line.problem == "torn_line" and not is_json:
        why = "the file ends in the middle of this line; is it still being written?"
        return LineResult(line.where, line.data, reason="torn_line", detail=why, is_json=False)
    return LineResult(line.where, line.data, reason="invalid_record", detail=why[:2000], is_json=is_json)


def _repeated_key(data: bytes) -> str | None:
    """Return a key that occurs twice in one object of the JSON text ``data``, or None."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                repeated.append(key)
            keys.add(key)

    json.loads(data, object_pairs_hook=look, parse_int=str)
    return repeated[0] if repeated else None
