"""Stage three: repair a chat, or say why it is thrown out, and find chats that repeat each other.

Pure: chats go in, chats and rejections come out. Files, workers and counts are those of ``run``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rensa import RMinHash

from soc_gen.config import CleanConfig
from soc_gen.models import Chat, Rejection
from soc_gen.stages.clean.dedup import Duplicates, Fingerprint, Verdict, fingerprint
from soc_gen.stages.clean.features import Said
from soc_gen.stages.clean.rejections import reject
from soc_gen.stages.clean.repairs.repairer import Change, Repairer, UnsettledError
from soc_gen.text.assistant_speak import PromptGrams, prompt_grams
from soc_gen.text.tags import END


class Examined(NamedTuple):
    """What became of one chat looked at by itself."""

    chat: Chat
    """Repaired; as it was where it is rejected."""
    changes: list[Change]
    reason: str | None = None
    detail: str = ""
    fingerprint: Fingerprint | None = None
    """None where it is rejected."""


@dataclass(frozen=True)
class Rules:
    """What a chat is examined by."""

    config: CleanConfig
    grams: PromptGrams = field(default_factory=lambda: prompt_grams([]))
    """What a recited prompt is found by."""
    failed: frozenset[str] = frozenset()
    """Ids of chats whose rollout failed."""

    def repairer(self) -> Repairer:
        """Return the repairs that are switched on."""
        return Repairer(self.config, self.grams)


def examine(chat: Chat, rules: Rules, repairer: Repairer) -> Examined:
    """Repair ``chat`` and check it by itself."""
    try:
        said, changes = repairer.repair(Said(chat, rules.config.shingle_words))
    except UnsettledError:
        return Examined(chat, [], "unsettled", "the repairs do not come to rest")
    if chat.chat_id in rules.failed and not _ended(said.chat):
        return Examined(chat, changes, "cut_off", "its rollout failed and it has no <end/>")
    rejected = reject(said, rules.config)
    if rejected:
        return Examined(chat, changes, *rejected)
    return Examined(said.chat, changes, fingerprint=fingerprint(said))


def duplicates(config: CleanConfig) -> Duplicates:
    """Return the search for duplicates that ``config`` describes, with nothing in it yet."""
    return Duplicates(
        config.near_duplicates,
        keep_longest=config.keep == "longest",
        same_experience=config.allow_same_experience,
    )


def clean_chats(
    chats: Iterable[Chat], config: CleanConfig, *, prompts: Iterable[str] = (), failed: Iterable[str] = ()
) -> Iterator[Chat | Rejection]:
    """Yield each of ``chats``, repaired, or its rejection, in order.

    Holds all of them until the last is read, since a later chat may replace an earlier one that it
    repeats. For more than fits into memory there is ``soc_gen.stages.clean.run.clean_files``.

    Args:
        chats: Chats to clean.
        config: Repairs, bounds, duplicates.
        prompts: Texts of the prompts that made them, to find leaked instructions by.
        failed: Ids of chats whose rollout failed.
    """
    rules = Rules(config, prompt_grams(prompts), frozenset(failed))
    repairer, seen = rules.repairer(), duplicates(config)
    outcomes: list[Chat | Rejection] = []
    accepted: list[tuple[int, Chat, Examined]] = []  # by number: place among outcomes, as read, examined
    for place, chat in enumerate(chats):
        examined = examine(chat, rules, repairer)
        if examined.fingerprint is None:
            outcomes.append(_rejection(chat, place, examined.reason or "", examined.detail))
            continue
        verdict = seen.judge(examined.fingerprint)
        if verdict.original is not None:
            original = accepted[verdict.original][2]
            detail = repeats(original.chat.chat_id, verdict, examined.fingerprint.sketch, _sketch(original))
            outcomes.append(_rejection(chat, place, str(verdict.kind), detail))
            continue
        accepted.append((place, chat, examined))
        outcomes.append(examined.chat)
        for number in verdict.replaced:
            where, was, old = accepted[number]
            if old.fingerprint:
                seen.forget(number, old.fingerprint)
            detail = repeats(examined.chat.chat_id, verdict, examined.fingerprint.sketch, _sketch(old))
            outcomes[where] = _rejection(was, where, "near_duplicate", detail)
    yield from outcomes


def repeats(chat_id: str, verdict: Verdict, one: RMinHash | None, two: RMinHash | None) -> str:
    """Return which chat a duplicate repeats, and how closely where that is estimated."""
    if verdict.kind in (None, "near_duplicate") and one and two:
        longer = ", which is longer" if verdict.kind is None else ""
        return f"similarity {one.jaccard(two):.2f} to {chat_id}{longer}"
    return f"of {chat_id}"


def _sketch(examined: Examined) -> RMinHash | None:
    return examined.fingerprint.sketch if examined.fingerprint else None


def _rejection(chat: Chat, place: int, reason: str, detail: str) -> Rejection:
    record = chat.model_dump(mode="json")
    return Rejection(reason=reason, detail=detail, where=f"chat {place}", record=record)


def _ended(chat: Chat) -> bool:
    return bool(chat.chat_parts) and END in chat.chat_parts[-1].messages[-1:]
