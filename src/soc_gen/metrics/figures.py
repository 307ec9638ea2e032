"""The figures of talk, each a small function over a block of chats of about 300 messages.

They are those that ``people.json`` was measured with: whoever changes one has to measure people anew.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise

from soc_gen.metrics.talk import SHARES, Talk, is_goodbye, is_greeting

BLOCK = 300
"""Messages from which a block of chats is full."""
_MOST_BLOCKS = 120
_DISTINCT_WORDS = 1500
_FEWEST_CHATS = 4  # in which runs of words can be shared

Block = Sequence[Talk]
Values = dict[str, float | None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _lengths(block: Block) -> list[int]:
    return sorted(chain.from_iterable(talk.lengths for talk in block))


def _words_at(share: float, block: Block) -> float | None:
    lengths = _lengths(block)
    return lengths[at(share, len(lengths))] if lengths else None


def _words_spread(block: Block) -> float | None:
    lengths = _lengths(block)
    total, squares = sum(lengths), sum(n * n for n in lengths)
    return math.sqrt(len(lengths) * squares - total * total) / total if total else None


def _share(name: str, block: Block) -> float | None:
    return _ratio(sum(talk.hits[name] for talk in block), sum(len(talk.spoken) for talk in block))


def _first_person(block: Block) -> float | None:
    return _ratio(sum(talk.first_person for talk in block), sum(len(talk.words) for talk in block))


def _commonest_opener(block: Block) -> float | None:
    openers: Counter[str] = Counter()
    for talk in block:
        openers.update(talk.openers)
    return max(openers.values()) / openers.total() if openers else None


def _distinct_2(block: Block) -> float | None:
    words = list(islice(chain.from_iterable(talk.words for talk in block), _DISTINCT_WORDS))
    if len(words) < _DISTINCT_WORDS:
        return None
    return len(set(pairwise(words))) / (len(words) - 1)


def _media(block: Block) -> float | None:
    return _ratio(sum(m.media for talk in block for m in talk.messages), sum(map(len, block)))


def _messages_per_turn(block: Block) -> float | None:
    return _mean([turn for talk in block for turn in talk.turns])


def _turns_of_several(block: Block) -> float | None:
    return _mean([turn > 1 for talk in block for turn in talk.turns])


def _quieter_side(block: Block) -> float | None:
    return _median([talk.quieter_side for talk in block if talk.quieter_side is not None])


def _messages_per_chat(block: Block) -> float | None:
    return _median(list(map(len, block)))


def _opens_with_greeting(block: Block) -> float | None:
    return _mean([is_greeting(talk.ends[0]) for talk in block if talk.ends])


def _ends_with_goodbye(block: Block) -> float | None:
    return _mean([any(map(is_goodbye, talk.ends[1])) for talk in block if talk.ends])


def _ends_with_question(block: Block) -> float | None:
    return _mean(["?" in talk.ends[1][-1] for talk in block if talk.ends])


def _mtld(block: Block) -> float | None:
    return _mean([talk.mtld for talk in block if talk.mtld is not None])


def _shared_4grams(block: Block) -> float | None:
    if len(block) < _FEWEST_CHATS:
        return None
    seen = Counter(chain.from_iterable(talk.fourgrams for talk in block))
    return _ratio(sum(count for count in seen.values() if count > 1), seen.total())


def _reply_gap(block: Block) -> float | None:
    return _median([gap for talk in block for gap in talk.gaps])


def _voices(block: Block) -> float | None:
    tallies = [tally for talk in block for tally in talk.voices.values()]
    return _ratio(sum(right for right, _ in tallies), sum(total for _, total in tallies))


def _nothing_new(block: Block) -> float | None:
    return _ratio(*map(sum, zip(*(talk.nothing_new for talk in block), strict=True)))


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure."""

    measure: Callable[[Block], float | None]
    needs: str = "messages with words"
    """What there must be, or the measure gives None."""
    any_script: bool = False
    """Means something also where no spaces part the words."""


FIGURES: dict[str, Figure] = {
    "words_p10": Figure(partial(_words_at, 0.1)),
    "words_p50": Figure(partial(_words_at, 0.5)),
    "words_p90": Figure(partial(_words_at, 0.9)),
    "words_spread": Figure(_words_spread),
    "one_word": Figure(partial(_share, "one_word")),
    "questions": Figure(partial(_share, "questions")),
    "exclamations": Figure(partial(_share, "exclamations")),
    "full_stops": Figure(partial(_share, "full_stops")),
    "lower_case_starts": Figure(partial(_share, "lower_case_starts")),
    "ellipses": Figure(partial(_share, "ellipses"), any_script=True),
    "emoji": Figure(partial(_share, "emoji"), any_script=True),
    "em_dashes": Figure(partial(_share, "em_dashes"), any_script=True),
    "first_person": Figure(_first_person),
    "begins_with_i": Figure(partial(_share, "begins_with_i")),
    "commonest_opener": Figure(_commonest_opener),
    "distinct_2": Figure(_distinct_2, f"{_DISTINCT_WORDS:,} words in a block of {BLOCK} messages"),
    "media": Figure(_media, "messages", any_script=True),
    "messages_per_turn": Figure(_messages_per_turn, "messages", any_script=True),
    "turns_of_several": Figure(_turns_of_several, "messages", any_script=True),
    "quieter_side": Figure(_quieter_side, "chats in which two write"),
    "messages_per_chat": Figure(_messages_per_chat, "messages", any_script=True),
    "opens_with_greeting": Figure(_opens_with_greeting, "chats of four messages or more"),
    "ends_with_goodbye": Figure(_ends_with_goodbye, "chats of four messages or more"),
    "ends_with_question": Figure(_ends_with_question, "chats of four messages or more"),
    "mtld": Figure(_mtld, "chats of 50 words or more"),
    "shared_4grams": Figure(_shared_4grams, f"blocks of {_FEWEST_CHATS} chats or more"),
    "reply_gap_seconds": Figure(_reply_gap, "the time of each message", any_script=True),
    "voices": Figure(_voices, "chats in which two write, of three messages or more"),
    "nothing_new": Figure(_nothing_new, "messages of four words or more"),
}
"""By name, in the order in which they are shown."""
assert SHARES.keys() <= FIGURES.keys()  # noqa: S101 - two tables that have to agree


def block_figures(block: Block) -> Values:
    """Return each figure of ``block``, None where there is nothing to take one of."""
    return {name: figure.measure(block) for name, figure in FIGURES.items()}


def blocks(talks: Iterable[Talk]) -> Iterator[Block]:
    """Yield ``talks`` in blocks of ``BLOCK`` messages; what is left over at the end only where it is all."""
    block: list[Talk] = []
    messages, full = 0, False
    for talk in talks:
        block.append(talk)
        messages += len(talk)
        if messages >= BLOCK:
            yield block
            block, messages, full = [], 0, True
    if block and not full:
        yield block


def percentiles(measured: Sequence[Values]) -> dict[str, tuple[float, float, float]]:
    """Return the 10th, 50th and 90th percentile of each figure over 120 blocks at most, always the same."""
    drawn = list(measured)
    random.Random(0).shuffle(drawn)
    found = {}
    for name in FIGURES:
        values = sorted(value for of in drawn[:_MOST_BLOCKS] if (value := of[name]) is not None)
        if values:
            low, middle, high = (round(values[at(share, len(values))], 4) for share in (0.1, 0.5, 0.9))
            found[name] = (low, middle, high)
    return found


def at(share: float, count: int) -> int:
    """Return the position of the value that is ``share`` of the way through ``count`` sorted ones."""
    return min(count - 1, int(share * count))
