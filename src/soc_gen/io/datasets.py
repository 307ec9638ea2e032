"""Reads records from a local file, or from a dataset on the Hub at a revision.

``read_source`` does both. It streams, yields a ``BadLine`` in place of a bad record, and fills in missing
fields of personas: see ``_PersonaRow``.
"""

from __future__ import annotations

import ast
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from pydantic import ValidationError, model_validator

from soc_gen.errors import HubError, UsageError
from soc_gen.io.files import PACKED, open_input, path_to_text
from soc_gen.io.hub import fault_reason, hub_faults
from soc_gen.io.json_values import LONGEST_VALUE, is_spread, refuse_foreign, split_values
from soc_gen.io.jsonl import BadLine, explain, read_jsonl
from soc_gen.io.tables import CSV, csv_rows, parquet_rows
from soc_gen.models import Persona, Record, content_id

R = TypeVar("R", bound=Record)
_TRAIT_SEPARATORS = (";", "|", "\n", ",")
_BRACKETED = re.compile(r"\s*(?:\[.*\]|\(.*\)|\{.*\})\s*", re.DOTALL)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_QUOTED_ITEMS = re.compile(rf"(?:\s*(?:{_QUOTED.pattern})\s*,?)*\s*", re.DOTALL)
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_FILE_SUFFIXES = {".jsonl", ".json", ".ndjson", ".parquet", *CSV}


class _PersonaRow(Persona):
    """A persona from a table: missing cells are filled, traits may be text.

    ``username`` becomes null, ``traits`` an empty list, ``model`` the empty string, ``id`` a hash of the
    persona's content. ``traits`` may be a list in JSON or Python, or a text separated by semicolons or
    commas; an ``age`` of 33.5 is 33, and an ``id`` may be a number.
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
        if "age" in row:
            filled["age"] = _whole_years(row["age"])
        given = row.get("id")
        filled["id"] = str(given) if given not in (None, "") else _persona_id(filled)
        return filled


def _traits(cell: object) -> object:
    """Return the list in the text ``cell``; any other value unchanged."""
    if cell is None:
        return []
    if not isinstance(cell, str):
        return cell
    if _BRACKETED.fullmatch(cell):
        return _listed(cell.strip()[1:-1])
    if cell.lstrip().startswith("["):
        return cell
    separator = next((mark for mark in _TRAIT_SEPARATORS if mark in cell), ",")
    return [trait.strip() for trait in cell.split(separator) if trait.strip()]


def _listed(inside: str) -> list[str]:
    """Return the items of a list printed by JSON, Python or numpy, or written without quotation marks."""
    quoted = _QUOTED_ITEMS.fullmatch(inside)
    items = _QUOTED.findall(inside) if quoted else inside.split(",")
    return [text for item in items if (text := _unquoted(item.strip()) if quoted else item.strip())]


def _unquoted(item: str) -> str:
    for read in (orjson.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return str(read(item))
    return item[1:-1]


def _whole_years(age: object) -> object:
    """Return ``age`` without decimals, which spreadsheets add; any other value unchanged."""
    try:
        return int(float(age)) if isinstance(age, str | float) else age
    except (ValueError, OverflowError):
        return age


def _persona_id(row: Mapping[str, Any]) -> str:
    names = ("name", "username", "age", "traits", "background", "chatting_style")
    return content_id("persona", *(row.get(name) for name in names))


def read_source(source: str, kind: type[R], revision: str | None = None) -> Iterator[R | BadLine]:
    """Yield one record of ``kind``, or one ``BadLine``, for each line or row of ``source``.

    Args:
        source: A JSONL, JSON, Parquet or (personas only) CSV or TSV file, or a Hub id such as
            ``marcodsn/SPB-2508``.
        kind: ``Persona``, ``Experience`` or ``Chat``.
        revision: Branch, tag or commit of a Hub dataset.

    Raises:
        UsageError: No such file, a file of another format, or text that is neither a path nor a Hub id.
        HubError: No such dataset or revision, or the Hub cannot be reached and nothing is cached.
    """
    path = Path(source)
    if path.suffix in PACKED:
        raise UsageError("is packed", where=source, hint="Unpack it first")
    if is_hub_id(source):
        rows: Iterable[tuple[str, Any]] = _hub_rows(source, revision)
    elif revision is not None:
        raise UsageError("a revision is only for a dataset on the Hub", where=source)
    elif path.suffix == ".parquet":
        rows = parquet_rows(path)
    elif path.suffix in CSV:
        rows = _table_rows(path, kind)
    else:
        return _read_text(path, kind)
    return (_record(where, row, kind) for where, row in rows)


def is_hub_id(source: str) -> bool:
    """Return whether ``source`` names a Hub dataset: ``user/name``, and no such file here."""
    path = Path(source)
    return bool(_HUB_ID.fullmatch(source)) and path.suffix not in _FILE_SUFFIXES and not path.exists()


def check_repo_name(name: str) -> None:
    """Refuse a name that the Hub does not allow for a dataset.

    Raises:
        UsageError: ``name`` does not have the form ``user/name``.
    """
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - heavy
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # noqa: PLC0415

    why = "there is no user in it" if name.count("/") != 1 else ""
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        why = str(error).partition(f": {name!r}")[0]
    if why:
        raise UsageError(f"not a dataset name: {name!r} ({why.rstrip('.')})", hint="Write it as USER/NAME")


def _row_kind(kind: type[R]) -> type[R]:
    return cast("type[R]", _PersonaRow) if kind is Persona else kind


def _as_declared_type(record: R, kind: type[R]) -> R:
    return record if type(record) is kind else cast("R", kind.model_construct(**dict(record)))


def _read_text(path: Path, kind: type[R]) -> Iterator[R | BadLine]:
    with open_input(path) as handle:
        head = cast("BufferedReader", handle).peek()
        refuse_foreign(head, str(path))
        if not is_spread(head):
            for line in read_jsonl(path, _row_kind(kind)):
                yield line if isinstance(line, BadLine) else _as_declared_type(line, kind)
            return
        name = path_to_text(path)
        for value in split_values(handle, LONGEST_VALUE, name):
            yield _parsed(f"{name}:{value.line}", value.data, kind)


def _parsed(where: str, data: bytes, kind: type[R]) -> R | BadLine:
    try:
        return _as_declared_type(_row_kind(kind).model_validate_json(data), kind)
    except ValidationError as error:
        return BadLine(where, explain(error))


def _table_rows(path: Path, kind: type[Record]) -> Iterator[tuple[str, Any]]:
    if kind is not Persona:
        raise UsageError("only personas can be read from CSV", where=str(path), hint="Use JSONL or Parquet")
    return csv_rows(path)


def _record(where: str, row: object, kind: type[R]) -> R | BadLine:
    if isinstance(row, BadLine):
        return row
    try:
        return _as_declared_type(_row_kind(kind).model_validate(row), kind)
    except ValidationError as error:
        return BadLine(where, explain(error))


def _hub_rows(dataset: str, revision: str | None) -> Iterator[tuple[str, Any]]:
    check_repo_name(dataset)
    place = f"{dataset}@{revision}" if revision else dataset
    for split, rows in _load(dataset, revision, place).items():
        for number, row in enumerate(rows, 1):
            yield f"{place}[{split}]:{number}", row


def quiet_hub_clients() -> None:
    """Hide the Hub clients' retry messages, and their progress bars when stderr is not a terminal.

    When the retries have failed, one line reports it.
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
