"""The bank of personas, read and checked whole, so that a bad one stops a run before anything is paid."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from soc_gen.errors import UsageError
from soc_gen.io.datasets import read_source
from soc_gen.io.jsonl import BadLine
from soc_gen.io.resources import shipped
from soc_gen.models import Persona
from soc_gen.stages.experiences.config import ExperiencesConfig

_FEWEST = 2


def read_bank(config: ExperiencesConfig) -> list[Persona]:
    """Return the personas that ``config`` names.

    Raises:
        UsageError: They cannot be read, or some are not as they should be.
    """
    source = str(shipped("seeds") / "personas.jsonl") if config.personas == "seeds" else config.personas
    return check_bank(read_source(source, Persona, config.personas_revision), source)


def check_bank(records: Iterable[Persona | BadLine], source: str) -> list[Persona]:
    """Return the personas of ``records``, in order.

    Args:
        records: As read from ``source``, bad lines included.
        source: The file or dataset, for error messages.

    Raises:
        UsageError: A bad line, two personas with one id, or fewer than two personas.
    """
    bank = list(records)
    bad = [record for record in bank if isinstance(record, BadLine)]
    if bad:
        what = f"{bad[0].why} ({len(bad)} of {len(bank)} personas cannot be used)"
        raise UsageError(what, where=bad[0].where, hint="Put them right or take them out")
    personas = [record for record in bank if isinstance(record, Persona)]
    _refuse_doubles(personas, source)
    if len(personas) < _FEWEST:
        has = "one persona" if personas else "no persona"
        raise UsageError(f"has {has}; a conversation takes two", where=source)
    return personas


def _refuse_doubles(personas: list[Persona], source: str) -> None:
    seen: dict[str, int] = {}
    for number, persona in enumerate(personas):
        earlier = seen.setdefault(persona.id, number)
        if earlier != number:
            what = f"same id as line {_line(source, earlier)}: {persona.id}"
            where = f"{source}:{_line(source, number)}"
            raise UsageError(what, where=where, hint="Ids tell speakers apart: give each persona its own")


def _line(source: str, number: int) -> int:
    """Return the line of record ``number`` (from 0): blank lines hold none, rows of a table end on theirs."""
    path = Path(source)
    if not path.is_file() or path.suffix == ".parquet":
        return number + 1
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as table:
            rows = csv.DictReader(table)
            next(islice(rows, number, None))
            return rows.line_num
    with path.open("rb") as handle:
        full = (line for line, text in enumerate(handle, 1) if text.strip())
        return next(line for position, line in enumerate(full) if position == number)
