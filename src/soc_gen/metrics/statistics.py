"""Figures for a card, measured on the data in one pass; memory does not grow with the text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from soc_gen.models import Chat, Persona
from soc_gen.text.language import count_letters, count_unspaced, languages_of
from soc_gen.text.tags import Tag, parse, spoken_text

_SAMPLES = 1000
_SAMPLE_LETTERS = 2000
MOST_UNSPACED = 0.1
"""Share of the letters, of scripts without spaces, up to which figures of words mean something."""
DISTINCT_WORDS = 200_000
"""Most words used for distinct-n: the ratio falls with the length of a text, so the length is bounded."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How whole numbers are distributed: minimum, quartiles, maximum and mean."""

    min: int
    q1: int
    median: int
    q3: int
    max: int
    mean: float


@dataclass(slots=True)
class Statistics:
    """Counters of a set of chats."""

    chats: int = 0
    turns: Counter[int] = field(default_factory=Counter)
    """Chats by number of chat parts."""
    messages: Counter[int] = field(default_factory=Counter)
    """Chat parts by number of messages."""
    words: Counter[int] = field(default_factory=Counter)
    """Messages by number of spoken words."""
    tags: Counter[str] = field(default_factory=Counter)
    ages: Counter[int] = field(default_factory=Counter)
    """Personas by age, each persona once."""
    models: Counter[str] = field(default_factory=Counter)
    personas: set[str] = field(default_factory=set)
    openers: set[int] = field(default_factory=set)
    topics: set[int] = field(default_factory=set)
    relationships: set[int] = field(default_factory=set)
    unigrams: set[int] = field(default_factory=set)
    bigrams: set[int] = field(default_factory=set)
    ngram_words: int = 0
    """Words seen for distinct-n, at most ``DISTINCT_WORDS`` and the rest of one message."""
    letters: int = 0
    unspaced: int = 0
    """Letters of scripts without spaces between words."""
    samples: list[str] = field(default_factory=list)
    """Text of evenly spaced chats, used to detect the language."""
    sample_step: int = 1
    """Distance between two sampled chats."""

    @property
    def has_words(self) -> bool:
        """Whether spaces separate the words, so that figures about words have a meaning."""
        return self.unspaced <= MOST_UNSPACED * self.letters

    @property
    def languages(self) -> list[str]:
        """Return the ISO 639-1 codes of the languages, most frequent first; empty if unknown."""
        return languages_of(self.samples)

    @property
    def distinct_1(self) -> float:
        """Different words per word (Li et al. 2016, arXiv 1510.03055)."""
        return len(self.unigrams) / max(self.ngram_words, 1)

    @property
    def distinct_2(self) -> float:
        """Different pairs of neighbouring words per word."""
        return len(self.bigrams) / max(self.ngram_words, 1)

    def add(self, chat: Chat) -> None:
        """Count one chat."""
        self.chats += 1
        self.models[chat.model] += 1
        self.turns[len(chat.chat_parts)] += 1
        for persona in chat.experience.people:
            self._add_person(persona)
        self.topics.add(hash(_plain(chat.experience.topic)))
        self.relationships.add(hash(_plain(chat.experience.relationship)))
        messages = [message for part in chat.chat_parts for message in part.messages]
        self.openers.add(hash(_plain(messages[0]) if messages else ""))
        self.messages.update(len(part.messages) for part in chat.chat_parts)
        for message in messages:
            self._add_message(message)
        self._add_sample(messages)

    def _add_person(self, persona: Persona) -> None:
        if persona.id not in self.personas:
            self.personas.add(persona.id)
            self.ages[persona.age] += 1

    def _add_sample(self, messages: list[str]) -> None:
        if (self.chats - 1) % self.sample_step:
            return
        self.samples.append("\n".join(map(spoken_text, messages))[:_SAMPLE_LETTERS])
        if len(self.samples) > _SAMPLES:
            self.samples = self.samples[::2]
            self.sample_step *= 2

    def _add_message(self, message: str) -> None:
        self.tags.update(piece.name for piece in parse(message) if isinstance(piece, Tag))
        spoken = spoken_text(message)
        self.letters += count_letters(spoken)
        self.unspaced += count_unspaced(spoken)
        words = spoken.split()
        self.words[len(words)] += 1
        if self.ngram_words < DISTINCT_WORDS:
            plain = [word.casefold() for word in words]
            self.ngram_words += len(plain)
            self.unigrams.update(map(hash, plain))
            self.bigrams.update(map(hash, pairwise(plain)))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def spread(counts: Counter[int]) -> Spread | None:
    """Return the spread of the values counted in ``counts``, None when there are none."""
    total = counts.total()
    if not total:
        return None
    mean = sum(value * count for value, count in counts.items()) / total
    minimum, q1, median, q3, maximum = (_at(counts, total, i / 4) for i in range(5))
    return Spread(minimum, q1, median, q3, maximum, mean)


def _at(counts: Counter[int], total: int, share: float) -> int:
    """Return the value at ``share`` of the way, 0 to 1, through the sorted values."""
    rank = round(share * (total - 1))
    passed = 0
    for value in sorted(counts):
        passed += counts[value]
        if passed > rank:
            return value
    return max(counts)
