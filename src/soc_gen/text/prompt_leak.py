"""Finds messages that recite the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from soc_gen.text.ngrams import ngrams
from soc_gen.text.tokens import tokenize

_NAME_SLOT = "{{name}}"


_OTHER_SLOT = re.compile(r"\{\{(?!name\}\})\w+\}\}")


LEAK_WORDS = 8
"""Number of words in a row shared with the prompt that do not occur by chance."""


@dataclass(frozen=True, slots=True)
class PromptNgramIndex:
    """Index used to find recited prompts."""

    runs: frozenset[bytes]
    """Every run of ``LEAK_WORDS`` words."""
    hints: dict[int, frozenset[bytes]]
    """All runs of each smaller number of words, by that number."""
    orders: re.Pattern[str] | None = None
    """Pattern of lines that name whose turn it is: too short for a run of words."""
    order_words: tuple[bytes, ...] = ()
    """Words, one of which is in every such line."""


def index_prompts(texts: Iterable[str]) -> PromptNgramIndex:
    """Return the index of the prompts ``texts`` for ``leaks_prompt``."""
    texts = list(texts)
    prompts = [tokens for text in texts if len(tokens := tokenize(text)) >= LEAK_WORDS]
    grams = {
        size: frozenset(run for tokens in prompts for run in ngrams(tokens, size))
        for size in range(1, LEAK_WORDS + 1)
    }
    lines = (line for text in texts for line in text.splitlines() if _NAME_SLOT in line)
    orders = [_OTHER_SLOT.sub("", line).strip().rstrip(".").split(_NAME_SLOT) for line in lines]
    shapes = "|".join(r"[^\n]{1,60}".join(map(re.escape, order)) for order in orders)
    return PromptNgramIndex(
        grams.pop(LEAK_WORDS),
        grams,
        re.compile(rf"^(?:[^\w\n]|_)*+(?:{shapes})(?:[^\w\n]|_)*+$".replace("'", "['’]"), re.MULTILINE)
        if orders
        else None,
        tuple({"".join(order).split()[-1].encode() for order in orders}),
    )


def may_contain_prompt(shingles: list[bytes], size: int, grams: PromptNgramIndex) -> bool:
    """Whether a text with these runs of ``size`` words may recite the prompt: no misses, few false alarms.

    A recital of ``LEAK_WORDS`` words has so many runs in a row that testing some of them is enough.
    """
    hints = grams.hints.get(size)
    return bool(grams.runs) and (hints is None or not hints.isdisjoint(shingles[:: LEAK_WORDS - size + 1]))


def leaks_prompt(text: str, grams: PromptNgramIndex) -> bool:
    """Whether ``text`` recites a prompt in the index ``grams``.

    That is ``LEAK_WORDS`` of its words in a row, or a line that names whose turn it is.
    """
    tokens = tokenize(text)
    if len(tokens) >= LEAK_WORDS and not grams.runs.isdisjoint(ngrams(tokens, LEAK_WORDS)):
        return True
    return bool(grams.orders and grams.orders.search(text))
