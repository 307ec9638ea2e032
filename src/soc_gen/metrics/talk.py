"""One chat as the figures see it: who wrote which text, with its words, each looked at once."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from soc_gen.models import Chat
from soc_gen.text.language import count_unspaced

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_TAG = re.compile(r"<(image|gif|video|audio)>.*?</\1>|<delay[^>]*/>|<end/>", re.DOTALL)
_MEDIUM = re.compile(r"<(?:image|gif|video|audio)>")
_BEGINS_WITH_I = frozenset(["i", "i'm", "i’m", "im", "i've", "i'll", "i'd"])
_FIRST_PERSON = _BEGINS_WITH_I | frozenset(["my", "me", "mine", "myself", "ive", "i’ve", "i’ll", "i’d"])
_GREETING = re.compile(
    r"^\W*(?:hey+|hi+|hello|good (?:morning|evening|afternoon)|yo|sup|what'?s up|hola|howdy)\b", re.IGNORECASE
)
_GOODBYE = re.compile(
    r"\b(?:bye|goodbye|good ?night|gn|ttyl|talk (?:to you )?(?:later|soon)|see (?:you|ya)|take care"
    r"|have a (?:good|great|nice)|catch you|cya|sleep well)\b",
    re.IGNORECASE,
)
_SHORT_WORD = 3  # characters; such words bring nothing new
_LOOK_BACK = 6  # messages
_COUNTS = 4  # words of a message that can be expected to bring something new
_FLOOR = 0.72  # type-token ratio at which a factor of MTLD ends
_ENOUGH_FOR_MTLD = 50  # words
_HELD_OUT = 5  # every so many messages, one is given to its writer
_SMOOTHING, _UNSEEN = 0.1, 5000

Share = Callable[[str, list[str]], object]
SHARES: dict[str, Share] = {
    "one_word": lambda _, words: len(words) == 1,
    "questions": lambda text, _: "?" in text,
    "exclamations": lambda text, _: "!" in text,
    "full_stops": lambda text, _: text.rstrip().endswith("."),
    "lower_case_starts": lambda text, _: text.lstrip()[:1].islower(),
    "ellipses": lambda text, _: "..." in text or "…" in text,
    "emoji": lambda text, _: not text.isascii() and _EMOJI.search(text),
    "em_dashes": lambda text, _: "—" in text,
    "begins_with_i": lambda _, words: words[0] in _BEGINS_WITH_I,
}
"""Figures that are shares of the messages with words: what is asked of a message's text and words."""


class Message(NamedTuple):
    """One message, its tags taken out."""

    writer: str
    text: str
    seconds: float | None = None
    """When it was written, from any beginning; None where there is no clock."""
    media: bool = False
    """It holds a picture, a film or a voice message."""


class Talk:
    """The messages of a chat, and what is counted of them.

    Args:
        messages: In order.
        name: The chat's id.
    """

    def __init__(self, messages: Sequence[Message], name: str = "") -> None:
        self.name = name
        self.messages = messages
        self.said = [words_of(message.text) for message in messages]
        """The words of each message."""
        self.spoken = [
            (message.text, words) for message, words in zip(messages, self.said, strict=True) if words
        ]
        """Text and words of each message that has words."""

    def __len__(self) -> int:
        return len(self.messages)

    @cached_property
    def words(self) -> list[str]:
        """All words, in order."""
        return [word for words in self.said for word in words]

    @cached_property
    def lengths(self) -> list[int]:
        """Words of each message that has any."""
        return [len(words) for _, words in self.spoken]

    @cached_property
    def hits(self) -> dict[str, int]:
        """By figure of ``SHARES``, how many messages are so."""
        return {
            name: sum(1 for text, words in self.spoken if test(text, words)) for name, test in SHARES.items()
        }

    @cached_property
    def first_person(self) -> int:
        """Words for oneself."""
        return sum(map(_FIRST_PERSON.__contains__, self.words))

    @cached_property
    def openers(self) -> Counter[str]:
        """How messages begin: their first words."""
        return Counter(words[0] for _, words in self.spoken)

    @cached_property
    def fourgrams(self) -> set[tuple[str, ...]]:
        """Each run of four words, across messages, once."""
        words = self.words
        return set(zip(words, words[1:], words[2:], words[3:], strict=False))

    @cached_property
    def turns(self) -> list[int]:
        """Messages in a row by one writer; one turn where there is no message at all."""
        turns = [1]
        for before, after in pairwise(self.messages):
            if before.writer == after.writer:
                turns[-1] += 1
            else:
                turns.append(1)
        return turns

    @cached_property
    def gaps(self) -> list[float]:
        """Seconds until the other one answers."""
        return [
            after.seconds - before.seconds
            for before, after in pairwise(self.messages)
            if before.writer != after.writer
            and before.seconds is not None
            and after.seconds is not None
            and after.seconds >= before.seconds
        ]

    @cached_property
    def quieter_side(self) -> float | None:
        """The share of the words that is by the one who says less; None unless two write."""
        counts: Counter[str] = Counter()
        for message, words in zip(self.messages, self.said, strict=True):
            counts[message.writer] += len(words)
        return min(counts.values()) / max(1, counts.total()) if len(counts) == 2 else None

    @cached_property
    def ends(self) -> tuple[str, list[str]] | None:
        """The first text and the last two; None in a chat of three texts or fewer."""
        texts = [message.text for message in self.messages if message.text]
        return (texts[0], texts[-2:]) if len(texts) > 3 else None

    @cached_property
    def mtld(self) -> float | None:
        """How long words go on before they repeat (McCarthy & Jarvis 2010); None under 50 words."""
        words = self.words
        return (_factor(words) + _factor(words[::-1])) / 2 if len(words) >= _ENOUGH_FOR_MTLD else None

    @cached_property
    def nothing_new(self) -> tuple[int, int]:
        """Messages of four words or more that bring no new word, and all such messages but the first."""
        stale = total = 0
        for i, words in enumerate(self.said):
            if i and len(words) >= _COUNTS:
                known = set().union(*self.said[max(0, i - _LOOK_BACK) : i])
                total += 1
                stale += not any(len(word) > _SHORT_WORD and word not in known for word in words)
        return stale, total

    @cached_property
    def voices(self) -> Mapping[str, tuple[int, int]]:
        """By writer, of every fifth message, how many are given to the right one of two, and of how many.

        By the trigrams of characters of the writers' other messages; chance is half.
        """
        writers = sorted({message.writer for message in self.messages})
        if len(writers) != 2:
            return {}
        asked = [m for m in self.messages[2::_HELD_OUT] if len(m.text) > 8]
        known: dict[str, list[str]] = {writer: [] for writer in writers}
        for i, message in enumerate(self.messages):
            if i % _HELD_OUT != 2:
                known[message.writer] += _trigrams(message.text)
        models = {writer: (Counter(grams), len(grams) + _UNSEEN) for writer, grams in known.items()}
        found = dict.fromkeys(writers, (0, 0))
        for message in asked:
            grams = Counter(_trigrams(message.text))
            scores = {writer: _likeness(grams, *model) for writer, model in models.items()}
            right, total = found[message.writer]
            found[message.writer] = right + (max(scores, key=scores.__getitem__) == message.writer), total + 1
        return found

    @cached_property
    def letters(self) -> tuple[int, int]:
        """Letters, and how many are of a script without spaces between words."""
        return sum(map(len, self.words)), sum(count_unspaced(message.text) for message in self.messages)


def talk_of(chat: Chat) -> Talk:
    """Return ``chat`` as a ``Talk``: a message that is a wait or an end alone is none."""
    messages = [
        Message(part.sender, text, None, media)
        for part in chat.chat_parts
        for text, media in map(_without_tags, part.messages)
        if text or media
    ]
    return Talk(messages, chat.chat_id)


def _without_tags(message: str) -> tuple[str, bool]:
    if "<" not in message:
        return message.strip(), False
    return _TAG.sub("", message).strip(), bool(_MEDIUM.search(message))


def words_of(text: str) -> list[str]:
    """Return the words of ``text``, in small letters; no numbers."""
    if text.isascii():
        return _WORD.findall(text.lower())
    return [word.lower() for word in _WORD.findall(text)]


def is_greeting(text: str) -> bool:
    """Does ``text`` begin with a greeting?"""
    return bool(_GREETING.search(text))


def is_goodbye(text: str) -> bool:
    """Is there a goodbye in ``text``?"""
    return bool(_GOODBYE.search(text))


def _factor(words: list[str]) -> float:
    factors, count = 0.0, 0
    types: set[str] = set()
    for word in words:
        count += 1
        types.add(word)
        if len(types) / count < _FLOOR:
            factors += 1
            count = 0
            types = set()
    if count:
        factors += (1 - len(types) / count) / (1 - _FLOOR)
    return len(words) / factors if factors else float(len(words))


def _trigrams(text: str) -> list[str]:
    return [text[i : i + 3] for i in range(len(text) - 2)]


def _likeness(grams: Counter[str], model: Counter[str], total: int) -> float:
    return sum(count * math.log((model[gram] + _SMOOTHING) / total) for gram, count in grams.items())
