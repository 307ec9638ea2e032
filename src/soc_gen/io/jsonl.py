"""Reads and writes JSON Lines: errors with ``file:line``, complete lines only, atomic replacement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import jsonlines
import orjson
from pydantic import ValidationError

from soc_gen.io.files import atomic_write, open_input, path_to_text
from soc_gen.models import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not a valid record."""

    where: str
    """``file:line``."""
    why: str


def read_jsonl(path: Path, kind: type[R]) -> Iterator[R | BadLine]:
    """Yield one record, or one ``BadLine``, for each line of ``path`` that is not blank.

    Raises:
        UsageError: The file is missing, a folder or unreadable.
    """
    with open_input(path) as handle:
        reader = jsonlines.Reader(handle, loads=kind.model_validate_json)
        while True:
            try:
                yield cast("R", reader.read(skip_empty=True))
            except EOFError:
                return
            except jsonlines.InvalidLineError as error:
                yield BadLine(f"{path_to_text(path)}:{error.lineno}", _why(error))


def _why(error: jsonlines.InvalidLineError) -> str:
    cause = error.__cause__
    return explain(cause) if isinstance(cause, ValidationError) else "not valid UTF-8"


def explain(error: ValidationError) -> str:
    """Return pydantic's complaints as one line: ``age: Input should be …; name: Field required``."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'record'}: {item['msg']}" for item in error.errors()
    )


def is_json(text: str | bytes) -> bool:
    """Whether ``text`` is valid JSON."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def write_jsonl(path: Path, records: Iterable[Record]) -> None:
    """Replace ``path`` with ``records``, one a line."""
    with atomic_write(path) as handle:
        for record in records:
            handle.write(record.to_json() + b"\n")
