"""Rows of tables: CSV in its dialects, and Parquet; each with the place it stands at."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from soc_gen.errors import UsageError
from soc_gen.io.files import open_input
from soc_gen.io.jsonl import BadLine

CSV = frozenset({".csv", ".tsv"})
"""Suffixes of tables as text."""
_SEPARATORS = ",;\t|"


def csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield ``file:line`` and the row, by its column names in lower case, or a ``BadLine``.

    Cells are separated by what separates most of the header's names: a comma, a semicolon (spreadsheets of
    many countries), a tab or a bar.

    Raises:
        UsageError: There is no such file, or it is no CSV.
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
    """Yield ``file:number`` and the row, from 1.

    Raises:
        UsageError: There is no such file, or it is no Parquet.
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
