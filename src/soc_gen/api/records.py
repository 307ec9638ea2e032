"""Records in and out: reading, writing, and the sequences that the other functions return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar, overload

from soc_gen.engine.execute import StageResult
from soc_gen.errors import UsageError
from soc_gen.io.datasets import read_source
from soc_gen.io.jsonl import BadLine
from soc_gen.io.jsonl import write_jsonl as write_records
from soc_gen.io.resources import shipped
from soc_gen.models import Chat, Experience, Failure, Persona, Record, Rejection

R = TypeVar("R", bound=Record)
Source = str | Path
"""A JSONL, Parquet or (personas) CSV file, or the id of a dataset on the Hub."""


class Records(Sequence[R], Generic[R]):
    """Records in order: index them, iterate over them, take their ``len``."""

    def __init__(self, records: Iterable[R]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...
    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        """Return the record at ``index``, or a tuple for a slice."""
        return self._records[index]

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._records)


class Produced(Records[R]):
    """The records that a stage made, in the order of its input, and how the run went.

    Attributes:
        result: The figures of the run: model, tokens, replies, seconds, why it stopped.
    """

    def __init__(self, records: Iterable[R], result: StageResult) -> None:
        super().__init__(records)
        self.result = result

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The records that could not be made; a call with the same ``out`` tries again."""
        return self.result.failures

    def __repr__(self) -> str:
        """Return the counts."""
        return f"<{self.result.stage}: {len(self)} records, {len(self.failures)} failures>"


class CleanedChats(Records[Chat]):
    """The chats that were kept, repaired, and the rejections of the others.

    Attributes:
        rejections: One for each chat that was not kept, in order, with the reason and the chat as it was.
    """

    def __init__(self, outcomes: Iterable[Chat | Rejection]) -> None:
        all_outcomes = list(outcomes)
        super().__init__(outcome for outcome in all_outcomes if isinstance(outcome, Chat))
        self.rejections = tuple(outcome for outcome in all_outcomes if isinstance(outcome, Rejection))

    def __repr__(self) -> str:
        """Return the two counts."""
        return f"<{len(self)} chats kept, {len(self.rejections)} rejected>"


def read_personas(
    source: Source | None = None, *, revision: str | None = None, bad_lines: list[BadLine] | None = None
) -> list[Persona]:
    """Return the personas of ``source``; those that come with the package when it is not given.

    Args:
        source: A JSONL, CSV or Parquet file, or a Hub dataset such as ``marcodsn/SPB-2508``.
        revision: Branch, tag or commit of a Hub dataset.
        bad_lines: Receives the lines that are not personas; without it the first one is an error.

    Raises:
        UsageError: The source cannot be read, or has a bad line.
        HubError: There is no such dataset, or the Hub cannot be reached.

    Example:
        >>> people = read_personas()
        >>> people[0].name
    """
    return _read(source or shipped("seeds") / "personas.jsonl", Persona, revision, bad_lines)


def read_experiences(
    source: Source | None = None, *, revision: str | None = None, bad_lines: list[BadLine] | None = None
) -> list[Experience]:
    """Return the experiences of ``source``; those that come with the package when it is not given.

    Arguments and errors are those of ``read_personas``.
    """
    return _read(source or shipped("seeds") / "experiences.jsonl", Experience, revision, bad_lines)


def read_chats(
    source: Source, *, revision: str | None = None, bad_lines: list[BadLine] | None = None
) -> list[Chat]:
    """Return the chats of ``source``; arguments and errors as for ``read_personas``.

    Example:
        >>> chats = read_chats("data/clean.jsonl")
        >>> chats[0].chat_parts[0].messages
    """
    return _read(source, Chat, revision, bad_lines)


def _read(source: Source, kind: type[R], revision: str | None, bad_lines: list[BadLine] | None) -> list[R]:
    records: list[R] = []
    for record in read_source(str(source), kind, revision):
        if not isinstance(record, BadLine):
            records.append(record)
        elif bad_lines is None:
            hint = "Mend it, or pass bad_lines=[] to have bad lines collected there"
            raise UsageError(record.why, where=record.where, hint=hint)
        else:
            bad_lines.append(record)
    return records


def write_jsonl(path: str | Path, records: Iterable[Record]) -> None:
    """Write ``records`` to ``path``, one a line; the file is replaced only when all are written.

    Raises:
        OutputError: It cannot be written.
    """
    write_records(Path(path), records)
