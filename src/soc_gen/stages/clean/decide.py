"""Which chat stays: results are fed in, in the order of the input, and each is kept, rejected or replaces.

The one place where this is decided, for chats in memory and for files alike.
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
    """A chat that was kept until now, and is a near-duplicate of a longer one."""

    number: int
    detail: str
    """For its rejection."""


class Decision(NamedTuple):
    """What becomes of a chat."""

    reason: str | None
    """Of its rejection; None: it is kept, under the next number."""
    detail: str = ""
    replaced: tuple[Replaced, ...] = ()
    """Kept chats that go for it."""


class Known(NamedTuple):
    """What the decider asks of a chat that was kept before."""

    name: str
    """As a rejection names it."""
    fingerprint: Fingerprint
    """Its minhash may be None: see ``minhash``."""
    minhash: Callable[[], RMinHash | None]
    """Works it out when it is asked for."""


class Decider:
    """Decides on one chat after the other.

    Args:
        config: What counts as a duplicate, and which of two stays.
        known: Gives what was kept under a number; numbers count what was kept, from 0.
    """

    def __init__(self, config: CleanConfig, known: Callable[[int], Known]) -> None:
        self._index = duplicate_index(config)
        self._known = known

    def add_reference(self, fingerprint: Fingerprint) -> bool:
        """Take a chat of another dataset, which must not be repeated; return whether it has a number."""
        return self._index.add(fingerprint).number is not None

    def freeze_reference(self) -> None:
        """Never replace what was added until now: it belongs to another dataset."""
        self._index.freeze_reference()

    def decide(self, name: Callable[[], str], fingerprint: Fingerprint) -> Decision:
        """Keep the chat or say what it repeats.

        Args:
            name: Gives what rejections of others call it; seldom asked for.
            fingerprint: Of the chat, repaired.
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
    """Return the texts of all prompts, to find leaked instructions by."""
    return tuple(load_prompt(name).text for name in prompt_names())


def clean_chats(
    chats: Iterable[Chat],
    config: CleanConfig,
    *,
    prompts: Iterable[str] | None = None,
    failed: Iterable[str] = (),
) -> Iterator[Chat | Rejection]:
    """Yield each of ``chats``, repaired, or its rejection, in order.

    Holds all of them until the last is read, since a later chat may replace an earlier one that it
    repeats. For more than fits into memory there is ``soc_gen.stages.clean.run.clean_files``.

    Args:
        chats: Chats to clean.
        config: Repairs, bounds, duplicates.
        prompts: Texts of the prompts that made them, to find leaked instructions by; the shipped ones when
            not given.
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
