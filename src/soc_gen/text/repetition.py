"""Detects repeated messages."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from soc_gen.text.normalize import fold
from soc_gen.text.tags import parse, text_of
from soc_gen.text.tokens import WORD

OVER_AND_OVER = 6
"""Number of times in a row from which a line is a loop, however short it is."""
_SHORT = 60  # characters
_COUNTS = 4  # fewest words of a message that can be a repeat, unlike "lol same"


def is_near_duplicate(message: str, earlier: Iterable[str]) -> bool:
    """Whether ``message`` repeats one of ``earlier`` in nearly the same words.

    Messages of fewer than four words ("ok", "lol same") repeat in every chat and never count. Two
    messages are alike when they share 85 % of their words and 75 % of their neighbouring pairs, so
    that "at 8 then" and "at 9 then" are different answers.
    """
    return is_repeat(words(message), map(words, earlier))


def is_repeat(tokens: Sequence[str], earlier: Iterable[Sequence[str]]) -> bool:
    """Like ``is_near_duplicate``, for messages already split by ``words``."""
    if len(tokens) < _COUNTS:
        return False
    known, least, most = set(tokens), 0.7 * len(tokens), len(tokens) / 0.7
    return any(
        least <= len(other) <= most and _may_be_alike(tokens, known, other) and _alike(tokens, other)
        for other in earlier
    )


def is_said_over(tokens: Sequence[str], earlier: Iterable[Sequence[str]]) -> bool:
    """Whether a message too short for ``is_repeat`` now occurs ``OVER_AND_OVER`` times."""
    return 0 < len(tokens) < _COUNTS and sum(tokens == other for other in earlier) >= OVER_AND_OVER - 1


def said_over(lines: Sequence[tuple[str, str]], share: float) -> str:
    """Return a short line that is repeated over and over, or "".

    It occurs ``OVER_AND_OVER`` times in a row, among the lines of both people or of one; or that often
    in all while more than ``share`` of all lines are repeats. Case, accents and punctuation
    are ignored.

    Args:
        lines: Sender and text of each line.
        share: Largest share of repeats, 0 to 1.
    """
    short_lines = [(who, _plain(line)) for who, line in lines if len(line) <= _SHORT]
    if len(short_lines) < OVER_AND_OVER:
        return ""
    counts = Counter(line for _, line in short_lines)
    line, times = counts.most_common(1)[0]
    if times < OVER_AND_OVER:
        return ""
    if len(short_lines) - len(counts) > share * len(lines):
        return line
    everybody = dict(short_lines)
    return next((line for who in ("", *everybody) if (line := _in_a_row(lines, who))), "")


def _in_a_row(lines: Sequence[tuple[str, str]], who: str) -> str:
    plain_lines = [_plain(line) for speaker, line in lines if who in ("", speaker)]
    return next((line for line, run in itertools.groupby(plain_lines) if len(list(run)) >= OVER_AND_OVER), "")


def _plain(line: str) -> str:
    return " ".join(WORD.findall(fold(line))) or line


def words(message: str) -> list[str]:
    """Return the folded words of ``message`` and of the descriptions of its media, without tags."""
    if "<" in message:
        message = " ".join(text_of(piece) for piece in parse(message))
    return WORD.findall(fold(message).replace("’", "'"))


def _may_be_alike(tokens: Sequence[str], known: set[str], other: Sequence[str]) -> bool:
    """Whether ``_alike`` can be true: cheap, and nearly always False."""
    # Each word of the first text that the second lacks is one less in common.
    common = len(tokens) - len(known) + len(known.intersection(other))
    return len(other) >= _COUNTS and 2 * common >= 0.85 * (len(tokens) + len(other))


def _alike(tokens: Sequence[str], other: Sequence[str]) -> bool:
    if _dice(Counter(tokens), Counter(other)) < 0.85:
        return False
    return _dice(Counter(itertools.pairwise(tokens)), Counter(itertools.pairwise(other))) >= 0.75


def _dice(left: Counter[Any], right: Counter[Any]) -> float:
    return 2 * (left & right).total() / (left.total() + right.total())
