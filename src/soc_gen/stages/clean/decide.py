"""Decides which chats stay: takes results in input order and keeps, rejects or replaces chats.

The only place for this decision, both for chats in memory and for files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from rensa import RMinHash

from soc_gen.models import Chat, Rejection
from soc_gen.prompts.loader import load_prompt, prompt_names
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.dedup import DuplicateMatch, Fingerprint, duplicate_index, repeats
from soc_gen.stages.clean.examine import Rules, clean_chat
from soc_gen.text.prompt_leak import index_prompts


class Replaced(NamedTuple):
    """A chat that was kept so far and is replaced by a longer near-duplicate."""

    number: int
    detail: str
    """Detail of its rejection."""


class Decision(NamedTuple):
    """The decision about a chat."""

    reason: str | None
    """Reason of its rejection; None when it is kept, under the next number."""
    detail: str = ""
    replaced: tuple[Replaced, ...] = ()
    """Kept chats that it replaces."""


class Known(NamedTuple):
    """A kept chat, as the decider needs it."""

    name: str
    """Name of the chat in rejections."""
    fingerprint: Fingerprint
    """Fingerprint; its minhash may be None: see ``minhash``."""
    minhash: Callable[[], RMinHash | None]
    """Computes the minhash on demand."""


class Decider:
    """Decides about chats, one after the other.

    Args:
        config: What counts as a duplicate, and which of two stays.
        known: Returns the kept chat with a number; kept chats are numbered from 0.
    """

    def __init__(self, config: CleanConfig, known: Callable[[int], Known]) -> None:
        self._index = duplicate_index(config)
        self._known = known

    def add_reference(self, fingerprint: Fingerprint) -> bool:
        """Add a chat of another dataset, which must not be repeated; return whether it was accepted."""
        return self._index.add(fingerprint).number is not None

    def freeze_reference(self) -> None:
        """Mark all chats added so far as belonging to another dataset, so that they are never replaced."""
        self._index.freeze_reference()

    def decide(self, name: Callable[[], str], fingerprint: Fingerprint) -> Decision:
        """Decide whether a chat is kept, or which chat it repeats.

        Args:
            name: Returns the name of the chat in rejections of others; rarely called.
            fingerprint: Fingerprint of the repaired chat.
        """
        match = self._index.add(fingerprint)
        if match.original is not None:
            return Decision(str(match.kind), self._repeats(match.original, match, fingerprint))
        return Decision(
            None, replaced=tuple(self._replace(old, name(), match, fingerprint) for old in match.replaced)
        )

    def _repeats(self, original: int, match: DuplicateMatch, new: Fingerprint) -> str:
        other = self._known(original)
        minhash = other.minhash() if match.kind == "near_duplicate" else None
        return repeats(other.name, match, new.minhash, minhash)

    def _replace(self, number: int, by: str, match: DuplicateMatch, new: Fingerprint) -> Replaced:
        old = self._known(number)
        self._index.remove(number, old.fingerprint)
        return Replaced(number, repeats(by, match, new.minhash, old.minhash()))


def prompt_texts() -> tuple[str, ...]:
    """Return the texts of all prompts, used to find leaked instructions."""
    return tuple(load_prompt(name).text for name in prompt_names())


def clean_chats(
    chats: Iterable[Chat],
    config: CleanConfig,
    *,
    prompts: Iterable[str] | None = None,
    failed: Iterable[str] = (),
) -> Iterator[Chat | Rejection]:
    """Yield each of ``chats``, repaired, or its rejection, in order.

    Holds all chats in memory until the last is read, since a later chat may replace an earlier one that it
    repeats. For larger data use ``soc_gen.stages.clean.run.clean_files``.

    Args:
        chats: Chats to clean.
        config: Repairs, bounds, duplicates.
        prompts: Texts of the prompts that made them, used to find leaked instructions; default: the shipped
            prompts.
        failed: Ids of chats whose rollout failed.
    """
    texts = prompt_texts() if prompts is None else prompts
    rules = Rules(config, index_prompts(texts), frozenset(failed))
    repairer = rules.repairer()
    results: list[Chat | Rejection] = []
    kept: list[tuple[int, Chat, Chat, Fingerprint]] = []  # by number: place, as read, repaired, fingerprint

    def known(number: int) -> Known:
        _, _, chat, fingerprint = kept[number]
        return Known(chat.chat_id, fingerprint, lambda: fingerprint.minhash)

    decider = Decider(config, known)
    for place, chat in enumerate(chats):
        result = clean_chat(chat, rules, repairer)
        if result.fingerprint is None:
            results.append(_rejection(chat, place, result.reason or "", result.detail))
            continue
        decision = decider.decide(partial(_chat_id, chat), result.fingerprint)
        if decision.reason is not None:
            results.append(_rejection(chat, place, decision.reason, decision.detail))
            continue
        kept.append((place, chat, result.chat, result.fingerprint))
        results.append(result.chat)
        for replaced in decision.replaced:
            where, was, _, _ = kept[replaced.number]
            results[where] = _rejection(was, where, "near_duplicate", replaced.detail)
    yield from results


def _chat_id(chat: Chat) -> str:
    return chat.chat_id


def _rejection(chat: Chat, place: int, reason: str, detail: str) -> Rejection:
    record = chat.model_dump(mode="json")
    return Rejection(reason=reason, detail=detail, where=f"chat {place}", record=record)
