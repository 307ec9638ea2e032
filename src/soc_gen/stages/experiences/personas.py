"""The bank of personas, read and checked completely before anything is paid for.

A few bad rows of a large bank are logged and left out; many bad rows mean that the file is not a bank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from soc_gen.errors import UsageError
from soc_gen.io.datasets import read_source
from soc_gen.io.json_values import LONGEST_VALUE, is_spread, split_values
from soc_gen.io.jsonl import BadLine
from soc_gen.io.resources import shipped
from soc_gen.io.tables import CSV, csv_rows
from soc_gen.log import log
from soc_gen.models import Persona
from soc_gen.stages.experiences.config import ExperiencesConfig

_FEWEST = 2
_MOST_BAD = 0.25  # share of the rows that may be left out
_MOST_NAMED = 5


def read_bank(config: ExperiencesConfig) -> list[Persona]:
    """Return the personas that ``config`` names.

    Args:
        config: Has the path or dataset of the bank.

    Raises:
        UsageError: The bank cannot be read, or too many rows are bad.
    """
    source = str(shipped("seeds") / "personas.jsonl") if config.personas == "seeds" else config.personas
    return check_bank(read_source(source, Persona, config.personas_revision), source)


def check_bank(records: Iterable[Persona | BadLine], source: str) -> list[Persona]:
    """Return the usable personas of ``records``, in order.

    The rows that are left out are logged with the reason.

    Args:
        records: As read from ``source``, bad lines included.
        source: The file or dataset, for error messages.

    Raises:
        UsageError: More than a quarter of the rows are bad lines or have the id of another persona, or there
            are fewer than two personas.
    """
    bank = list(_without_doubles(records, source))
    lost = [record for record in bank if not isinstance(record, Persona)]
    bad = [record for record in lost if not isinstance(record, _Repeat)]
    personas = [record for record in bank if isinstance(record, Persona)]
    if len(bad) > _MOST_BAD * len(bank) or (lost and len(personas) < _FEWEST):
        first = (bad or lost)[0]
        what = f"{first.why} ({len(lost):,} of {len(bank):,} personas cannot be used)"
        raise UsageError(what, where=first.where, hint="Put them right or take them out")
    if len(personas) < _FEWEST:
        has = "one persona" if personas else "no persona"
        raise UsageError(f"has {has}; a conversation takes two", where=source)
    for line in lost[:_MOST_NAMED]:
        log.warning("left out: %s: %s", line.where, line.why)
    if lost:
        told = f"{len(lost):,} of {len(bank):,} personas of {source}"
        log.warning("%s cannot be used and are left out", told)
    return personas


class _Repeat(BadLine):
    """A row that equals an earlier one completely: no fault of the file."""


def _without_doubles(records: Iterable[Persona | BadLine], source: str) -> Iterator[Persona | BadLine]:
    """Yield ``records``, with a bad line in place of a persona whose id is not new."""
    seen: dict[str, tuple[int, Persona]] = {}
    lines: list[int] = []
    for number, record in enumerate(records):
        if isinstance(record, BadLine):
            yield record
            continue
        earlier, same = seen.setdefault(record.id, (number, record))
        if earlier == number:
            yield record
            continue
        lines = lines or _lines(source)
        here, there = (lines[n] if n < len(lines) else n + 1 for n in (number, earlier))
        kind = _Repeat if same == record else BadLine
        yield kind(f"{source}:{here}", f"same id as line {there}: {record.id}. Ids tell speakers apart")


def _lines(source: str) -> list[int]:
    """Return the line number of every record; a table row has the number of its last line.

    Empty for Parquet and for datasets on the Hub, whose rows have numbers and no lines.
    """
    path = Path(source)
    if not path.is_file() or path.suffix == ".parquet":
        return []
    if path.suffix in CSV:
        return [int(where.rpartition(":")[2]) for where, _ in csv_rows(path)]
    with path.open("rb") as handle:
        if is_spread(handle.peek()):
            return [value.line for value in split_values(handle, LONGEST_VALUE, source)]
        return [line for line, text in enumerate(handle, 1) if text.strip()]
