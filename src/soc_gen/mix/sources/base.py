"""What a source is, the settings all sources share, and how their rows are read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field, model_validator

from soc_gen.errors import UsageError
from soc_gen.io.json_values import LONGEST_VALUE
from soc_gen.io.jsonl import BadLine
from soc_gen.io.lines import LineReader
from soc_gen.io.tables import CSV, csv_rows
from soc_gen.mix.records import Conversation, Rejected, Unit
from soc_gen.settings import Settings

Made = Iterable[Conversation | Rejected]
ROW_FILES = ("**/*.parquet", "**/*.jsonl", "**/*.jsonl.gz", "**/*.jsonl.zst", "**/*.json")


class SourceSettings(Settings):
    """What every source understands."""

    name: str
    label: str = ""
    """What it is called in the outputs; the name when empty."""
    path: str = ""
    """Folder or file; the Hub id of the table where it is left out."""
    share: float = Field(0.0, ge=0, le=1)
    license: str = ""
    """Takes the place of the licence in the table."""
    min_turns: int = Field(2, ge=2)
    """Fewest turns, both sides counted."""
    max_turns: int | None = Field(None, ge=2)
    min_tokens: int = Field(0, ge=0)
    max_tokens: int | None = Field(None, ge=1)
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes that are kept; all when empty."""
    drop_flagged: bool = True
    """Drop what the source itself holds to be harmful."""
    drop_refusals: bool = True
    """Drop conversations in which the assistant refuses."""
    drop_pii: bool = True
    """Drop e-mail addresses, telephone and card numbers, and the like."""
    max_per_prompt: int = Field(20, ge=1)
    """Conversations that begin with the same first user turn, over all sources."""

    @model_validator(mode="after")
    def _in_order(self) -> SourceSettings:
        if self.max_turns is not None and self.max_turns < self.min_turns:
            msg = "max_turns is less than min_turns"
            raise ValueError(msg)
        if self.max_tokens is not None and self.max_tokens < self.min_tokens:
            msg = "max_tokens is less than min_tokens"
            raise ValueError(msg)
        return self


@dataclass(frozen=True)
class Source:
    """One entry of the table of sources."""

    name: str
    license: str
    convert: Callable[[Unit, Any], Made]
    """Turns one unit into conversations; gets the source's settings."""
    hub_id: str = ""
    access: str = "open"
    columns: tuple[str, ...] = ()
    """Columns that must be there."""
    settings: type[SourceSettings] = SourceSettings
    files: tuple[str, ...] = ROW_FILES
    """Globs below a folder; the first that matches anything is taken."""
    read: Callable[[Sequence[Path], Any], Iterator[Unit]] | None = None
    """Reads files into units; one unit for each row where it is None."""
    assistant_only: bool = False
    """Filters look at the assistant's turns alone."""
    default_lang: str = ""


def units(source: Source, paths: Sequence[Path], settings: SourceSettings) -> Iterator[Unit]:
    """Yield what the conversations of ``source`` are made of.

    Raises:
        UsageError: A file is of a wrong form, or a column is missing.
    """
    if source.read is not None:
        return source.read(paths, settings)
    return rows(paths, source.columns)


def rows(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[Unit]:
    """Yield one unit for each row of ``paths``; a row that is no object has a ``problem``.

    Raises:
        UsageError: A file is of a wrong form, or its first row lacks one of ``columns``.
    """
    for path in paths:
        checked = False
        for unit in _rows(path):
            if unit.data is not None and not checked:
                check_columns(unit.data, columns, unit.where)
                checked = True
            yield unit


def _rows(path: Path) -> Iterator[Unit]:
    if path.suffix in CSV:
        for where, row in csv_rows(path):
            yield Unit(where, None, problem=row.why) if isinstance(row, BadLine) else Unit(where, row)
        return
    for line in LineReader([path], LONGEST_VALUE):
        yield (
            parsed(line.where, line.data)
            if line.problem != "line_too_long"
            else Unit(line.where, None, problem="the line is too long")
        )


def parsed(where: str, data: bytes) -> Unit:
    """Return the row that ``data`` is, or a unit that says what is wrong with it."""
    try:
        row = orjson.loads(data)
    except orjson.JSONDecodeError:
        return Unit(where, None, problem="no JSON")
    return Unit(where, row) if isinstance(row, dict) else Unit(where, None, problem="no JSON object")


def check_columns(row: dict[str, Any], columns: Iterable[str], where: str) -> None:
    """Refuse a row that lacks one of ``columns``.

    Raises:
        UsageError: It names the column and the nearest that is there.
    """
    for column in columns:
        if column not in row:
            near = difflib.get_close_matches(column, map(str, row), n=1, cutoff=0.4)
            hint = f"The nearest is {near[0]!r}" if near else f"There are: {', '.join(map(str, row))[:200]}"
            raise UsageError(f"has no column {column!r}", where=where, hint=hint)


def text_of(row: dict[str, Any], key: str) -> str:
    """Return the text in a column; "" where there is none."""
    value = row.get(key)
    return value if isinstance(value, str) else "" if value is None else str(value)
