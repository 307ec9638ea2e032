"""Writes an export: the rows for training and testing, and dataset entries for LLaMA-Factory and axolotl."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from soc_gen.errors import UsageError
from soc_gen.export.rows import Format, Perspective, Row, Start, System, Tags, fields, rows
from soc_gen.export.split import Participants, Split, SplitBy, split
from soc_gen.io.file_set import FileSet, of_unfinished_run
from soc_gen.io.files import make_folder, remove_leftovers, wrap_write_errors
from soc_gen.io.jsonl import BadLine
from soc_gen.io.tables import parquet_writer
from soc_gen.models import Chat

Read = Callable[[], Iterable[Chat | BadLine]]
Write = Callable[[Row], None]
_ROWS = {"train.jsonl", "test.jsonl", "train.parquet", "test.parquet"}
_FIRST, _LAST = "dataset_info.json", "axolotl.yaml"
_NOTES = (_FIRST, _LAST)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Settings of an export."""

    form: Format = "messages"
    perspective: Perspective = "both"
    tags: Tags = "keep"
    start: Start = "user"
    test_size: float = 0.0
    """Share of the chats, 0 to 1."""
    split_by: SplitBy = "conversation"
    random_seed: int = 0
    system: System = "keep"


@dataclass(slots=True)
class ExportResult:
    """Result of an export."""

    files: dict[str, int] = field(default_factory=dict)
    """Number of rows by file name."""
    chats: int = 0
    without_rows: int = 0
    """Chats without an answer to learn from: only one side wrote."""
    excluded: int = 0
    """Chats excluded by a split by persona: they have a person of each part."""
    bad_lines: list[BadLine] = field(default_factory=list)


def export(read: Read, folder: Path, plan: ExportPlan, on_progress: Callable[[int], None]) -> ExportResult:
    """Write the rows of the chats from ``read``, and the files that describe them, to ``folder``.

    Args:
        read: Returns the chats; called twice when there is a split.
        folder: Created if missing; its files are replaced.
        plan: Format, sides, tags and split.
        on_progress: Called with 1 for every chat that is read, ``passes(plan)`` times in all.

    Raises:
        UsageError: There are no rows, the split is impossible, or ``folder`` has files of another origin.
        OutputError: ``folder`` cannot be written.
    """
    parts = _split(read, plan, on_progress)
    suffix = "parquet" if plan.form == "parquet" else "jsonl"
    names = [f"train.{suffix}", *([f"test.{suffix}"] if parts.test else [])]
    done = ExportResult(files=dict.fromkeys(names, 0))
    earlier = _earlier(folder)
    for name in (*names, *_NOTES):
        if name not in earlier and (folder / name).exists():
            raise UsageError(
                "is there, and of no earlier export", where=str(folder / name), hint="Choose another --out"
            )
    with wrap_write_errors(folder), FileSet(last=folder / _LAST) as files:
        make_folder(folder)
        for name in _ROWS.union(_NOTES):
            remove_leftovers(folder / name)
        with ExitStack() as stack:
            writers = {
                name: stack.enter_context(_writer(files.open(folder / name), plan.form)) for name in names
            }
            _write_rows(_items(read, on_progress), writers, plan, parts, done)
        if not any(done.files.values()):
            raise UsageError("no rows come of these chats", hint=_first(done.bad_lines))
        written = _write_notes(files, folder, names, plan)
        files.commit(obsolete=[folder / name for name in sorted(earlier.difference(names, written))])
    return done


def _items(read: Read, on_progress: Callable[[int], None]) -> Iterator[Chat | BadLine]:
    for item in read():
        on_progress(1)
        yield item


def _write_rows(
    items: Iterable[Chat | BadLine],
    writers: dict[str, Write],
    plan: ExportPlan,
    parts: Split,
    done: ExportResult,
) -> None:
    """Write and count the rows of all chats; those for testing go into the last file."""
    names = list(writers)
    for item in items:
        if isinstance(item, BadLine):
            done.bad_lines.append(item)
            continue
        name = names[-1 if item.chat_id in parts.test else 0]
        for row in _rows_of(item, plan, parts, done):
            writers[name](row)
            done.files[name] += 1


def _earlier(folder: Path) -> set[str]:
    """Return the existing files of earlier exports, also of one that was killed."""
    unfinished = {name for name in _ROWS.union(_NOTES) if of_unfinished_run(folder / name, folder / _LAST)}
    return unfinished | _told(folder)


def _told(folder: Path) -> set[str]:
    """Return the files of the earlier export in this folder, as listed in its ``axolotl.yaml``."""
    import yaml  # noqa: PLC0415

    try:
        notes = yaml.safe_load((folder / _LAST).read_text("utf-8"))
        entries = [*notes["datasets"], *notes.get("test_datasets", [])]
        return {str(entry["path"]) for entry in entries} & _ROWS | set(_NOTES)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return set()


def _first(bad_lines: list[BadLine]) -> str | None:
    return f"{bad_lines[0].where}: {bad_lines[0].why}" if bad_lines else None


def passes(plan: ExportPlan) -> int:
    """Return how many times the chats are read: 1, or 2 with a split."""
    return 2 if plan.test_size else 1


def _split(read: Read, plan: ExportPlan, on_progress: Callable[[int], None]) -> Split:
    if not plan.test_size:
        return Split(frozenset(), frozenset())
    casts = [
        Participants(item.chat_id, (item.experience.persona1.id, item.experience.persona2.id))
        for item in _items(read, on_progress)
        if isinstance(item, Chat)
    ]
    return split(casts, plan.test_size, plan.split_by, plan.random_seed)


def _rows_of(chat: Chat, plan: ExportPlan, parts: Split, done: ExportResult) -> list[Row]:
    """Return the rows of ``chat`` and count it in the result."""
    done.chats += 1
    if chat.chat_id in parts.excluded:
        done.excluded += 1
        return []
    made = rows(chat, plan.perspective, plan.tags, plan.start, plan.system)
    done.without_rows += not made
    return made


@contextmanager
def _writer(handle: IO[bytes], form: Format) -> Iterator[Write]:
    if form != "parquet":
        yield lambda row: _write_line(handle.write, fields(row, form))
        return
    import pyarrow as pa  # noqa: PLC0415 - heavy

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema(
        [("messages", pa.list_(message)), ("chat_id", pa.string()), ("perspective", pa.string())]
    )
    with parquet_writer(handle, schema) as write:
        yield lambda row: write(fields(row, "parquet"))


def _write_line(write: Callable[[bytes], object], columns: dict[str, object]) -> None:
    write(orjson.dumps(columns) + b"\n")


def _write_notes(files: FileSet, folder: Path, names: list[str], plan: ExportPlan) -> set[str]:
    """Write the dataset entries of trainers for the files ``names``; return the names of the entry files."""
    import yaml  # noqa: PLC0415

    for name in names:
        files.close(folder / name)
    written = {_LAST}
    if plan.start == "user":  # the only rows that LLaMA-Factory accepts
        notes = {f"soc_{Path(name).stem}": llama_factory_entry(name, plan.form) for name in names}
        files.open(folder / _FIRST).write(orjson.dumps(notes, option=orjson.OPT_INDENT_2) + b"\n")
        written.add(_FIRST)
    keys = ("datasets", "test_datasets")
    snippet = {key: [axolotl_entry(name, plan.form)] for key, name in zip(keys, names, strict=False)}
    files.open(folder / _LAST).write(yaml.safe_dump(snippet, sort_keys=False).encode())
    return written


def llama_factory_entry(name: str, form: Format) -> dict[str, Any]:
    """Return the entry of the file ``name`` for ``dataset_info.json``."""
    if form == "chatml-text":
        # LLaMA-Factory reads the stage from its own config; here it is a hint for writing that config.
        return {"file_name": name, "columns": {"prompt": "text"}, "stage": "pt"}
    if form == "sharegpt":
        column, tags = "conversations", ("from", "value", "human", "gpt", "system")
    else:
        column, tags = "messages", ("role", "content", "user", "assistant", "system")
    names = ("role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag")
    return {
        "file_name": name,
        "formatting": "sharegpt",
        "columns": {"messages": column},
        "tags": dict(zip(names, tags, strict=True)),
    }


def axolotl_entry(name: str, form: Format) -> dict[str, Any]:
    """Return an entry of axolotl's ``datasets`` for the file ``name``."""
    entry: dict[str, Any] = {"path": name, "ds_type": "parquet" if form == "parquet" else "json"}
    entry["split"] = "train"
    if form == "chatml-text":
        return {**entry, "type": "completion", "field": "text"}
    column, role, content = "messages", "role", "content"
    if form == "sharegpt":
        column, role, content = "conversations", "from", "value"
    mapping = {"role": role, "content": content}
    chat = {"type": "chat_template", "field_messages": column, "message_property_mappings": mapping}
    return {**entry, **chat, "roles_to_train": ["assistant"]}
