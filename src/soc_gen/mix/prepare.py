"""One unit of a source as finished conversations with what duplicates are found by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import orjson
from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from soc_gen.mix.config import label_of, source_of
from soc_gen.mix.contamination import Benchmarks
from soc_gen.mix.convert import UnfitError, fit
from soc_gen.mix.filters import Subject, rejection, told_language
from soc_gen.mix.licences import Profile, refused
from soc_gen.mix.records import Conversation, Message, Rejected, Unit
from soc_gen.mix.sources.base import SourceSettings
from soc_gen.mix.tokens import token_counter
from soc_gen.stages.clean.dedup import minhash
from soc_gen.text.ngrams import ngrams
from soc_gen.text.tokens import tokenize

_SHINGLE = 3  # words
_NAME = re.compile(r"\bNAME_\d+\b")
_LOWER_WORD = re.compile(r"\b[^\W\d_A-Z]\w*")


class Prepared(NamedTuple):
    """A finished conversation and its fingerprint; 0 stands for "none" among the hashes."""

    line: bytes
    """The record, as it is spooled."""
    tokens: int
    number: int
    """Hash of source and id."""
    text: int
    """Hash of what is said."""
    masked: int
    """Hash of the words that are surely no names."""
    prompt: int
    """Hash of the first thing the user asks."""
    group: int
    join: int
    redacted: bool
    contaminated: bool
    minhash: bytes
    """State of the MinHash; empty where there are no words."""


class Job(NamedTuple):
    """What it takes to prepare the units of one source, also in another process."""

    settings: SourceSettings
    tokenizer: str
    profile: Profile
    benchmarks: tuple[str, ...]


Result = Prepared | Rejected


def preparer(job: Job) -> Callable[[Sequence[Unit]], list[list[Result]]]:
    """Return a function that prepares units; called once in each process."""
    prepare = _Preparer(job)
    return lambda units: [list(prepare.results(unit)) for unit in units]


class _Preparer:
    """Prepares the units of one source."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._settings = job.settings
        self._source = source_of(job.settings)
        self._count = token_counter(job.tokenizer)
        self._benchmarks = Benchmarks.read(job.benchmarks)

    def results(self, unit: Unit) -> Iterator[Result]:
        """Yield what comes of one unit: at least one conversation or rejection."""
        if unit.problem:
            yield Rejected(unit.where, "unreadable", unit.problem)
            return
        made = False
        try:
            for item in self._source.convert(unit, self._settings):
                made = True
                yield item if isinstance(item, Rejected) else self._prepared(item, unit.where)
        except UnfitError as error:
            yield Rejected(unit.where, error.reason, error.detail)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            what = f"a row is not as it should be ({type(error).__name__}: {error})"
            yield Rejected(unit.where, "malformed", what)
        else:
            if not made:
                yield Rejected(unit.where, "nothing_asked", "no task or perspective fits it")

    def _prepared(self, item: Conversation, where: str) -> Result:
        try:
            messages = fit(item.messages)
        except UnfitError as error:
            return Rejected(item.source_id or where, error.reason, error.detail)
        name = item.source_id or xxh3_64_hexdigest(orjson.dumps(messages))
        licence = self._settings.license or item.license or self._source.license
        if why := refused(licence, self._job.profile):
            return Rejected(name, "license", f"{licence}: {why}")
        talk = [message for message in messages if message["role"] != "system"]
        told = talk[item.opening :] if len(talk) > item.opening else talk
        words = [tokenize(message["content"]) for message in told]
        spoken = list(chain.from_iterable(words))
        tokens = self._tokens(messages, told, spoken)
        lang = told_language(messages, item.lang or self._source.default_lang, self._settings)
        subject = Subject(messages, spoken, tokens, lang, item.flagged, self._source.assistant_only)
        if found := rejection(subject, self._settings):
            return Rejected(name, *found)
        record = {
            "messages": messages,
            "source_id": name,
            "license": licence,
            "lang": lang or "und",
            "task": item.task,
            "meta": item.meta,
            "other": _other(item),
        }
        line = orjson.dumps(record, default=str)
        return self._fingerprinted(line, item, name, tokens, told, words)._replace(
            contaminated=self._benchmarks.overlap(messages)
        )

    def _tokens(self, messages: Sequence[Message], told: Sequence[Message], spoken: Sequence[bytes]) -> int:
        whole = "\n".join(message["content"] for message in messages)
        return self._count(whole, spoken if len(told) == len(messages) else tokenize(whole))

    def _fingerprinted(  # noqa: PLR0917 - all of it is known by now
        self,
        line: bytes,
        item: Conversation,
        name: str,
        tokens: int,
        told: Sequence[Message],
        words: Sequence[list[bytes]],
    ) -> Prepared:
        label = label_of(self._settings)
        raw = "\n".join(message["content"] for message in told)
        # Without a word (all punctuation), the text itself still tells conversations apart.
        turns = [b" ".join(run) for run in words]
        shingles = ngrams(list(chain.from_iterable(words)), _SHINGLE)
        return Prepared(
            line,
            tokens,
            number=_digest(f"{label}\x1f{name}"),
            text=xxh3_64_intdigest(b"\x1f".join(turns)) if any(turns) else _digest(raw),
            masked=_digest("\x1f".join(_LOWER_WORD.findall(raw))),
            prompt=xxh3_64_intdigest(turns[0]) if turns[0] else _digest(told[0]["content"]),
            group=_digest(f"{label}\x1f{item.group}") if item.group else 0,
            join=_digest(item.join_id) if item.join_id else 0,
            redacted=bool(_NAME.search(raw)),
            contaminated=False,
            minhash=minhash(shingles).__getstate__() if shingles else b"",
        )


def _other(item: Conversation) -> list[Message]:
    try:
        return fit(item.other) if item.other else []
    except UnfitError:
        return []


def _digest(text: str) -> int:
    return xxh3_64_intdigest(text.encode("utf-8", "replace"))


def same_but_for_names(redacted: str, other: str) -> bool:
    """Whether ``other`` is ``redacted`` with a name in each place of ``NAME_1`` and the like.

    Args:
        redacted: A text in which names were replaced.
        other: A text with the names, or with other numbers for them.
    """
    pieces = _NAME.split(" ".join(redacted.split()))
    pattern = r"[^\n]{1,40}?".join(map(re.escape, pieces))
    return re.fullmatch(pattern, " ".join(other.split()), re.IGNORECASE) is not None
