"""Reads rows of tables, CSV in several dialects and Parquet, each with its position; writes Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from soc_gen.errors import UsageError
from soc_gen.io.files import open_input
from soc_gen.io.jsonl import BadLine

if TYPE_CHECKING:
    import pyarrow as pa

CSV = frozenset({".csv", ".tsv"})
"""Suffixes of text tables."""
_ROWS_AT_ONCE = 1000  # of a group in Parquet
_SEPARATORS = ",;\t|"


def csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield ``file:line`` and the row, by its column names in lower case, or a ``BadLine``.

    The separator is the one that occurs most often in the header: a comma, a semicolon (spreadsheets in many
    countries), a tab or a bar.

    Raises:
        UsageError: There is no such file, or it is not CSV.
    """
    open_input(path).close()
    with path.open(encoding="utf-8-sig", newline="") as handle:
        try:
            head = handle.readline()
            handle.seek(0)
            reader = csv.DictReader(handle, delimiter=max(_SEPARATORS, key=head.count))
            reader.fieldnames = [name.strip().casefold() for name in reader.fieldnames or ()]
            for row in reader:
                where = f"{path}:{reader.line_num}"
                torn = None in row
                yield where, BadLine(where, "more cells than the header has names") if torn else row
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"not a readable CSV file ({error})", where=str(path)) from None


def parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield ``file:row``, counted from 1, and the row.

    Raises:
        UsageError: There is no such file, or it is not Parquet.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for this kind of file
    import pyarrow.parquet as pq  # noqa: PLC0415

    open_input(path).close()
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=256)
            rows = chain.from_iterable(batch.to_pylist() for batch in batches)
            yield from ((f"{path}:{number}", row) for number, row in enumerate(rows, 1))
    except pa.ArrowException as error:
        raise UsageError(f"not a readable Parquet file ({error})", where=str(path)) from None


@contextmanager
def parquet_writer(
    target: Path | IO[bytes], schema: pa.Schema
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Give a function that writes one row to a Parquet file; the rows are written in groups.

    Args:
        target: Path or open file.
        schema: Columns of the file.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415

    waiting: list[Mapping[str, Any]] = []
    with pq.ParquetWriter(target, schema) as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(waiting, schema))
            waiting.clear()

        def write(row: Mapping[str, Any]) -> None:
            waiting.append(row)
            if len(waiting) == _ROWS_AT_ONCE:
                flush()

        yield write
        flush()
