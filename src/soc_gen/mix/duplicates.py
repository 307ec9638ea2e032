"""Duplicates across all sources, and which conversations must stay in one split.

The sources come in the order of their scarcity, so that of two copies the one of the scarcer source stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rensa import RMinHash, RMinHashDeduplicator

from soc_gen.mix.prepare import same_but_for_names
from soc_gen.mix.spool import Spool
from soc_gen.mix.unions import Unions
from soc_gen.stages.clean.dedup import SEED, SLOTS, bands_for


class Found(NamedTuple):
    """Why a conversation is not kept."""

    reason: str
    original: int
    """Number of the one it repeats."""
    detail: str = ""


class Judged(NamedTuple):
    """What becomes of the conversations of all sources, numbered in the order of ``spools``."""

    duplicates: dict[int, Found]
    unions: Unions


def find_duplicates(spools: Sequence[Spool], caps: Sequence[int], threshold: float | None) -> Judged:
    """Compare all conversations.

    Args:
        spools: The scarcest source first.
        caps: Of each, how many conversations may begin with the same prompt.
        threshold: Similarity from which two are near-duplicates; None looks for none.
    """
    starts = [sum(len(spool.facts) for spool in spools[:place]) for place in range(len(spools) + 1)]
    index = _Index(starts[-1], threshold, lambda number: _text(spools, starts, number))
    number = 0
    for spool, cap in zip(spools, caps, strict=True):
        for fact, sketch in zip(spool.facts, spool.sketches(), strict=True):
            index.add(number, fact, sketch, cap)
            number += 1
    return Judged(index.duplicates, index.unions)


def _text(spools: Sequence[Spool], starts: Sequence[int], number: int) -> str:
    place = next(place for place in range(len(spools)) if number < starts[place + 1])
    record = spools[place].record(number - starts[place])
    return "\n".join(message["content"] for message in record["messages"] if message["role"] != "system")


class _Index:
    """The conversations accepted so far."""

    def __init__(self, count: int, threshold: float | None, text: Callable[[int], str]) -> None:
        self.duplicates: dict[int, Found] = {}
        self.unions = Unions(count)
        self._near: Any = None  # rensa ships no types
        if threshold is not None:
            self._near = RMinHashDeduplicator(threshold, SLOTS, use_lsh=True, num_bands=bands_for(threshold))
        self._text = text
        self._numbers: dict[int, int] = {}
        self._joins: dict[int, int] = {}
        self._texts: dict[int, int] = {}
        self._masked: dict[int, int] = {}
        self._redacted: set[int] = set()
        self._groups: dict[int, int] = {}
        self._group_of: dict[int, int] = {}
        self._prompts: dict[int, int] = {}
        self._prompt_counts: dict[int, int] = {}

    def add(self, number: int, fact: Any, sketch: bytes, cap: int) -> None:  # noqa: ANN401 - a numpy record
        """Accept a conversation, or note what it repeats; either way it joins those it is like."""
        group, prompt = int(fact["group"]), int(fact["prompt"])
        for known, key in ((self._groups, group), (self._prompts, prompt), (self._joins, int(fact["join"]))):
            if key and (first := known.setdefault(key, number)) != number:
                self.unions.join(first, number)
        minhash = _minhash(sketch)
        alike = self._alike(minhash)
        for other in alike:
            self.unions.join(other, number)
        if group:
            alike = [other for other in alike if self._group_of.get(other) != group]
        found = self._exact(number, fact, group)
        if found is None and alike:
            found = Found("near_duplicate", alike[0])
        if found is None and self._prompt_counts.get(prompt, 0) >= cap:
            found = Found("prompt_cap", self._prompts[prompt], f"more than {cap} begin so")
        if found is not None:
            self.duplicates[number] = found
            self.unions.join(found.original, number)
            return
        self._accept(number, fact, group, minhash)

    def _accept(self, number: int, fact: Any, group: int, minhash: RMinHash | None) -> None:  # noqa: ANN401
        self._numbers[int(fact["number"])] = number
        self._texts.setdefault(int(fact["text"]), number)
        self._masked.setdefault(int(fact["masked"]), number)
        prompt = int(fact["prompt"])
        self._prompt_counts[prompt] = self._prompt_counts.get(prompt, 0) + 1
        if fact["redacted"]:
            self._redacted.add(number)
        if group:
            self._group_of[number] = group
        if minhash is not None and self._near is not None:
            self._near.add(str(number), minhash)

    def _exact(self, number: int, fact: Any, group: int) -> Found | None:  # noqa: ANN401
        join = int(fact["join"])
        if join and (first := self._joins[join]) != number:
            return Found("duplicate_id", self._kept(first))
        original = self._texts.get(int(fact["text"]))
        if original is not None and not self._same_group(original, group):
            return Found("duplicate_text", original)
        original = self._numbers.get(int(fact["number"]))
        if original is not None:
            return Found("duplicate_id", original)
        original = self._masked.get(int(fact["masked"]))
        if original is None or not (fact["redacted"] or original in self._redacted):
            return None
        one, two = self._text(number), self._text(original)
        if same_but_for_names(one, two) or same_but_for_names(two, one):
            return Found("duplicate_text", original, "but for redacted names")
        return None

    def _kept(self, number: int) -> int:
        found = self.duplicates.get(number)
        return found.original if found else number

    def _same_group(self, number: int, group: int) -> bool:
        return bool(group) and self._group_of.get(number) == group

    def _alike(self, minhash: RMinHash | None) -> list[int]:
        if self._near is None or minhash is None:
            return []
        return sorted(map(int, self._near.get_duplicates(minhash)))


def _minhash(sketch: bytes) -> RMinHash | None:
    if not sketch:
        return None
    made = RMinHash(1, SEED)
    made.__setstate__(sketch)
    return made


def clusters(judged: Judged, numbers: Iterator[int]) -> dict[int, int]:
    """Return for each root of a set the smallest of the hashes of its members.

    Args:
        judged: The sets.
        numbers: The hash of each conversation's source and id, in order.
    """
    smallest: dict[int, int] = {}
    for number, value in enumerate(numbers):
        root = judged.unions.find(number)
        smallest[root] = min(value, smallest.get(root, value))
    return smallest
