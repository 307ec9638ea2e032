"""Benchmarks that a training set must not hold: runs of 13 words in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import orjson
from xxhash import xxh3_64_intdigest

from soc_gen.io.json_values import LONGEST_VALUE
from soc_gen.io.lines import LineReader
from soc_gen.mix.records import Message
from soc_gen.text.ngrams import ngrams
from soc_gen.text.tokens import tokenize

_RUN = 13  # words
_SHORTEST = 8  # words of a question that is compared as a whole


class Benchmarks:
    """The runs of words in benchmark files."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs = {run for text in texts for run in _runs(text)}

    @classmethod
    def read(cls, paths: Sequence[str]) -> Benchmarks:
        """Read files of JSON Lines, Parquet or plain text; every text in them counts.

        Raises:
            UsageError: A file is missing or unreadable.
        """
        return cls(text for path in paths for text in _texts(Path(path)))

    def overlap(self, messages: Iterable[Message]) -> bool:
        """Whether a message has a run of words in common with a benchmark."""
        if not self._runs:
            return False
        return any(not self._runs.isdisjoint(_runs(message["content"])) for message in messages)


def _runs(text: str) -> Iterator[int]:
    words = tokenize(text)
    if len(words) >= _SHORTEST:
        yield from map(xxh3_64_intdigest, ngrams(words, _RUN))


def _texts(path: Path) -> Iterator[str]:
    for line in LineReader([path], LONGEST_VALUE):
        try:
            yield from _strings(orjson.loads(line.data))
        except orjson.JSONDecodeError:
            yield line.data.decode("utf-8", "replace")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
