"""Duplicates among chats: same id, same words, same experience, nearly the same words.

Near-duplicates are found by MinHash (R-MinHash of ``rensa``, 128 slots) and banded LSH over runs of words,
and a candidate counts when its estimated Jaccard similarity reaches the threshold. Only a few numbers and
the minhash of a chat are stored: memory grows with the number of kept chats, not with their text.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from rensa import RMinHash, RMinHashDeduplicator
from xxhash import xxh3_64_intdigest

from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.text.ngrams import join_ngrams

SLOTS = 128
SEED = 42

Kind = Literal["duplicate_id", "duplicate_text", "same_experience", "near_duplicate"]


class Fingerprint(NamedTuple):
    """All data about a chat that the search for duplicates needs."""

    chat_id: int
    text: int
    experience: int
    words: int
    """Number of words, which ``keep = "longest"`` compares."""
    minhash: RMinHash | None
    """None for a chat without words: two chats of pictures only are not near-duplicates."""


class DuplicateMatch(NamedTuple):
    """Whether a chat was accepted, and which accepted chats it duplicates."""

    number: int | None
    """Its number among the accepted chats; None when it is a duplicate."""
    kind: Kind | None = None
    original: int | None = None
    """Number of the chat that a duplicate repeats."""
    replaced: tuple[int, ...] = ()
    """Accepted chats that are near-duplicates of this longer one and are replaced by it."""


def fingerprint(features: ChatFeatures) -> Fingerprint:
    """Return the fingerprint of a repaired chat."""
    chat = features.chat
    spoken = join_ngrams(features.words, features.shingles, features.shingle_words)
    return Fingerprint(
        chat_id=xxh3_64_intdigest(chat.chat_id.encode()),
        # Without any word (all punctuation), the messages themselves identify the chat.
        text=xxh3_64_intdigest(spoken or repr(features.messages).encode()),
        experience=xxh3_64_intdigest(chat.experience.id.encode()),
        words=len(features.words),
        minhash=minhash(features.shingles) if features.shingles else None,
    )


def minhash(shingles: Sequence[bytes]) -> RMinHash:
    """Return the MinHash of a set of shingles (runs of words)."""
    made = RMinHash(SLOTS, SEED)
    made.update(shingles)
    return made


def bands_for(threshold: float) -> int:
    """Return the smallest number of LSH bands that finds 90 % of the pairs with similarity ``threshold``."""
    choices = (8, 16, 32, 64)
    fitting = (bands for bands in choices if 1 - (1 - threshold ** (SLOTS // bands)) ** bands >= 0.9)
    return next(fitting, choices[-1])


class DuplicateIndex:
    """Index of the accepted chats; finds whether a new chat repeats one of them.

    Args:
        threshold: Estimated similarity from which two chats are near-duplicates; None looks for none.
        keep_longest: A longer near-duplicate replaces those it repeats; otherwise the first stays.
        same_experience: Whether several chats of one experience are accepted.
    """

    def __init__(self, threshold: float | None, *, keep_longest: bool, same_experience: bool) -> None:
        self._near: Any = None  # rensa ships no types
        if threshold is not None:
            self._near = RMinHashDeduplicator(threshold, SLOTS, use_lsh=True, num_bands=bands_for(threshold))
        self._keep_longest = keep_longest
        self._same_experience = same_experience
        self._ids: dict[int, int] = {}
        self._texts: dict[int, int] = {}
        self._experiences: dict[int, int] = {}
        self._lengths = array("Q")
        self._reference_count = 0

    def __len__(self) -> int:
        """Return how many chats were accepted, replaced ones included."""
        return len(self._lengths)

    def freeze_reference(self) -> None:
        """Mark all chats accepted so far as belonging to another dataset, so that they are never replaced."""
        self._reference_count = len(self)

    def add(self, new: Fingerprint) -> DuplicateMatch:
        """Accept ``new`` under the next number, or return which chat it repeats."""
        exact = self._exact(new)
        if exact:
            return exact
        alike = self._alike(new)
        if alike and not self._beats(new, alike):
            return DuplicateMatch(None, "near_duplicate", alike[0])
        for number in alike:
            self._near.remove(str(number))
        return DuplicateMatch(self._accept(new), replaced=tuple(alike))

    def remove(self, number: int, old: Fingerprint) -> None:
        """Remove a replaced chat: its id, text and experience may occur again."""
        for seen, key in (
            (self._ids, old.chat_id),
            (self._texts, old.text),
            (self._experiences, old.experience),
        ):
            if seen.get(key) == number:
                del seen[key]

    def _exact(self, new: Fingerprint) -> DuplicateMatch | None:
        if (original := self._ids.get(new.chat_id)) is not None:
            return DuplicateMatch(None, "duplicate_id", original)
        if (original := self._texts.get(new.text)) is not None:
            return DuplicateMatch(None, "duplicate_text", original)
        if not self._same_experience and (original := self._experiences.get(new.experience)) is not None:
            return DuplicateMatch(None, "same_experience", original)
        return None

    def _alike(self, new: Fingerprint) -> list[int]:
        if self._near is None or new.minhash is None:
            return []
        return sorted(map(int, self._near.get_duplicates(new.minhash)))

    def _beats(self, new: Fingerprint, alike: list[int]) -> bool:
        if not self._keep_longest or alike[0] < self._reference_count:
            return False
        return new.words > max(self._lengths[number] for number in alike)

    def _accept(self, new: Fingerprint) -> int:
        number = len(self._lengths)
        self._lengths.append(new.words)
        self._ids[new.chat_id] = number
        self._texts[new.text] = number
        self._experiences.setdefault(new.experience, number)
        if self._near is not None and new.minhash is not None:
            self._near.add(str(number), new.minhash)
        return number


def duplicate_index(config: CleanConfig) -> DuplicateIndex:
    """Return an empty index with the settings of ``config``."""
    return DuplicateIndex(
        config.near_duplicates,
        keep_longest=config.keep == "longest",
        same_experience=config.allow_same_experience,
    )


def repeats(chat_id: str, match: DuplicateMatch, sketch: RMinHash | None, other: RMinHash | None) -> str:
    """Return a text that names the repeated chat, and the similarity of a near-duplicate."""
    if match.kind in (None, "near_duplicate") and sketch and other:
        longer = ", which is longer" if match.kind is None else ""
        return f"similarity {sketch.jaccard(other):.2f} to {chat_id}{longer}"
    return f"of {chat_id}"
