"""Where records are read from: a local file, or a dataset on the Hub at a revision.

``read_source`` is the one door. It streams, it never stops at a bad record (a ``BadLine`` comes instead), and
personas may leave out what can be filled in: see ``_PersonaRow``.
"""

from __future__ import annotations

import csv
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from pydantic import ValidationError, model_validator

from soc_gen.errors import HubError, UsageError
from soc_gen.io.files import PACKED, open_input
from soc_gen.io.hub import fault_reason, hub_faults
from soc_gen.io.jsonl import BadLine, explain, read_jsonl
from soc_gen.models import Persona, Record, content_id

R = TypeVar("R", bound=Record)
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_FILE_SUFFIXES = {".jsonl", ".json", ".ndjson", ".csv", ".parquet"}


class _PersonaRow(Persona):
    """A persona as people keep them in a table: missing cells are filled, traits may be text.

    ``username`` becomes null, ``model`` the empty string, ``id`` a hash of the persona's content. ``traits``
    may be a JSON list or a text separated by semicolons.
    """

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, row: object) -> object:
        if not isinstance(row, Mapping):
            return row
        filled = dict(row)
        filled["username"] = row.get("username") or None
        filled["model"] = row.get("model") or ""
        filled["traits"] = _traits(row.get("traits"))
        filled["id"] = row.get("id") or _persona_id(filled)
        return filled


def _traits(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    if cell.lstrip().startswith("["):
        try:
            return cast("object", orjson.loads(cell))
        except orjson.JSONDecodeError:
            return cell
    return [trait.strip() for trait in cell.split(";") if trait.strip()]


def _persona_id(row: Mapping[str, Any]) -> str:
    names = ("name", "username", "age", "traits", "background", "chatting_style")
    return content_id("persona", *(row.get(name) for name in names))


def read_source(source: str, kind: type[R], revision: str | None = None) -> Iterator[R | BadLine]:
    """Yield one record of ``kind``, or one ``BadLine``, for each line or row of ``source``.

    Args:
        source: A JSONL, Parquet or (personas only) CSV file, or a Hub id such as ``marcodsn/SPB-2508``.
        kind: ``Persona``, ``Experience`` or ``Chat``.
        revision: Branch, tag or commit of a Hub dataset.

    Raises:
        UsageError: No such file, a file of another kind, or text that is neither a path nor a Hub id.
        HubError: No such dataset or revision, or the Hub is out of reach and nothing is cached.
    """
    path = Path(source)
    if path.suffix in PACKED:
        raise UsageError("is packed", where=source, hint="Unpack it first")
    if is_hub_id(source):
        rows: Iterable[tuple[str, Any]] = _hub_rows(source, revision)
    elif revision is not None:
        raise UsageError("a revision is only for a dataset on the Hub", where=source)
    elif path.suffix == ".parquet":
        rows = _parquet_rows(path)
    elif path.suffix == ".csv":
        rows = _csv_rows(path, kind)
    else:
        return _read_lines(path, kind)
    return (_record(where, row, kind) for where, row in rows)


def is_hub_id(source: str) -> bool:
    """Return whether ``source`` names a Hub dataset: ``user/name``, and no such file here."""
    path = Path(source)
    return bool(_HUB_ID.fullmatch(source)) and path.suffix not in _FILE_SUFFIXES and not path.exists()


def _row_kind(kind: type[R]) -> type[R]:
    return cast("type[R]", _PersonaRow) if kind is Persona else kind


def _as_declared_type(record: R, kind: type[R]) -> R:
    return record if type(record) is kind else cast("R", kind.model_construct(**dict(record)))


def _read_lines(path: Path, kind: type[R]) -> Iterator[R | BadLine]:
    lines = read_jsonl(path, _row_kind(kind))
    return (line if isinstance(line, BadLine) else _as_declared_type(line, kind) for line in lines)


def _record(where: str, row: object, kind: type[R]) -> R | BadLine:
    if isinstance(row, BadLine):
        return row
    try:
        return _as_declared_type(_row_kind(kind).model_validate(row), kind)
    except ValidationError as error:
        return BadLine(where, explain(error))


def _csv_rows(path: Path, kind: type[Record]) -> Iterator[tuple[str, Any]]:
    if kind is not Persona:
        raise UsageError("only personas can be read from CSV", where=str(path), hint="Use JSONL or Parquet")
    open_input(path).close()
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        try:
            for row in reader:
                where = f"{path}:{reader.line_num}"
                torn = None in row
                yield where, BadLine(where, "more cells than the header has names") if torn else row
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"not a readable CSV file ({error})", where=str(path)) from None


def _parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only for this kind of file
    import pyarrow.parquet as pq  # noqa: PLC0415

    open_input(path).close()
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}:{number}", row
    except pa.ArrowException as error:
        raise UsageError(f"not a readable Parquet file ({error})", where=str(path)) from None


def _hub_rows(dataset: str, revision: str | None) -> Iterator[tuple[str, Any]]:
    place = f"{dataset}@{revision}" if revision else dataset
    for split, rows in _load(dataset, revision, place).items():
        for number, row in enumerate(rows, 1):
            yield f"{place}[{split}]:{number}", row


def quiet_hub_clients() -> None:
    """Keep the Hub clients' retry lines off stderr, and their bars too where nobody looks at a terminal.

    What comes of the retries is said in one line when they have failed.
    """
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        import datasets  # noqa: PLC0415
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

        disable_progress_bars()
        datasets.disable_progress_bars()


def _load(dataset: str, revision: str | None, place: str) -> Mapping[str, Iterable[Any]]:
    import datasets  # noqa: PLC0415 - heavy, and only for the Hub
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # noqa: PLC0415 - made at run time

    quiet_hub_clients()
    try:
        return cast("Mapping[str, Iterable[Any]]", datasets.load_dataset(dataset, revision=revision))
    except datasets.exceptions.DatasetNotFoundError as error:
        hint = "There is no such local file either; for a private dataset set HF_TOKEN"
        raise HubError(fault_reason(error), where=place, hint=hint) from None
    except (ConnectionError, httpx.HTTPError) as error:  # the second is also what the Hub's refusals are
        hint = "It is not in the local cache; go online once, or give a local file"
        raise HubError(
            f"the Hub cannot be reached ({type(error).__name__})", where=place, hint=hint
        ) from None
    except (datasets.exceptions.DatasetsError, *hub_faults()) as error:
        raise HubError(f"cannot be loaded: {fault_reason(error)}", where=place) from None
