"""The journal: keeps every paid reply on disk, so that a second run resumes where the first one ended.

A journal is one append-only JSONL file: a header with what the run depends on, then one line for each
reply, each finished record and each failure. It is not a database because in a truncated or damaged file
everything before the damage can still be read, with any text editor.

Guarantee: when one of the ``add_`` methods returns, the line has been written and synced to disk, so it
survives SIGKILL and power loss. Lines that arrive during an ``fsync`` share the next one (group commit),
so the number of syncs does not grow with the number of turns. A killed writer leaves at most one
incomplete last line, which was never acknowledged: it is removed on opening, and that reply is asked for
again. After a write error (full disk) the file is truncated to the last complete line.

Memory: the file offsets of finished records (8 bytes each) and of replies of unfinished conversations.
"""

from __future__ import annotations

import asyncio
import os
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from soc_gen.engine.compatibility import RESTART_HINT, VERSION, check_header, map_rows
from soc_gen.engine.lock import lock
from soc_gen.errors import JournalError, OutputError
from soc_gen.io.files import drop_torn_tail, sync_folder, wrap_write_errors
from soc_gen.llm.types import Reply, Request, Usage
from soc_gen.models import Failure, Record


@dataclass(frozen=True, slots=True)
class Totals:
    """What the replies in a journal have cost."""

    replies: int = 0
    usage: Usage = field(default_factory=Usage)

    def plus(self, usage: Usage) -> Totals:
        """Return the totals with one more reply."""
        return Totals(self.replies + 1, self.usage + usage)


class Journal:
    """An open journal. Use it in a ``with`` block: it is locked while it is open.

    Args:
        path: The journal's file.
        inputs: What the run depends on; names and values are shown when they differ.
        row_digests: Digests of the input's records, ``ROW_BYTES`` bytes each; b"" where ``inputs`` is enough.
            Between runs records may be added anywhere, and unfinished ones may be changed or removed:
            finished ones stay finished.
        restart: Delete an existing journal first.

    Raises:
        JournalError: It belongs to other inputs, or a line before the last is damaged.
        OutputError: The folder cannot be written, or another process has it open.
    """

    def __init__(
        self, path: Path, inputs: dict[str, Any], *, row_digests: bytes = b"", restart: bool = False
    ) -> None:
        self.path = path
        self.totals = Totals()
        self.failed_attempts: Counter[str] = Counter()
        """How many runs have failed to finish each conversation, by id."""
        self.failed_indexes: list[int] = []
        """Positions of the failures of earlier runs, oldest first, not moved: see ``Stage.on_result``."""
        self.pending: dict[int, Failure] = {}
        """The failures that no later run has made up for, by position."""
        self.notes: dict[str, Counter[str]] = {}
        """Counts made while the finished records were produced, by kind (``reroll``, ``repair``)."""
        self.retries: Counter[str] = Counter()
        """Requests that were repeated, in all runs, by kind of fault."""
        self.seconds = 0.0
        self.done = 0
        """Finished records."""
        self._replies: dict[str, dict[tuple[int, int], int]] = {}
        self._done = array("Q")  # index → offset + 1 of its record; 0: none
        self._row_digests = b""
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._committer: asyncio.Task[None] | None = None
        with wrap_write_errors(path), ExitStack() as opened:
            path.parent.mkdir(parents=True, exist_ok=True)
            opened.enter_context(lock(path))
            self._open(opened, inputs, row_digests, restart=restart)
            self._reader = opened.enter_context(path.open("rb"))
            self._opened = opened.pop_all()  # they stay open; on an error they are closed here

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and release the lock."""
        self._opened.close()

    def _open(self, opened: ExitStack, inputs: dict[str, Any], row_digests: bytes, *, restart: bool) -> None:
        if restart:
            self.path.unlink(missing_ok=True)
        if self.path.exists():
            drop_torn_tail(self.path)
        news = [{"kind": "header", "version": VERSION, "inputs": inputs, "rows": row_digests.hex()}]
        if self.path.exists() and self.path.stat().st_size:
            self._read(inputs)
            news = [{"kind": "rows", "rows": row_digests.hex()}] if self._moved(row_digests) else []
        self._file = opened.enter_context(self.path.open("ab", buffering=0))
        self._end = self._file.tell()
        self._write(b"".join(orjson.dumps(entry) + b"\n" for entry in news))
        sync_folder(self.path.parent)

    def _read(self, inputs: dict[str, Any]) -> None:
        offset = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = orjson.loads(line)
                    if number == 1:
                        check_header(entry, inputs, self.path)
                        self._row_digests = bytes.fromhex(entry["rows"])
                    else:
                        self._index(entry, offset)
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise JournalError(
                        "damaged line in the journal",
                        where=f"{self.path}:{number}",
                        hint="Delete that line to have it asked for again, or start over with --restart",
                    ) from None
                offset += len(line)

    def _moved(self, row_digests: bytes) -> bool:
        """Move finished records to their positions in the input of now; return whether the input changed.

        Raises:
            JournalError: Finished records are missing, changed, or in another order.
        """
        if row_digests == self._row_digests:
            return False
        places = map_rows(self._row_digests, row_digests, self.is_done)
        if places is None:
            raise JournalError(
                "finished records of the input were taken out, changed or put in another order",
                where=str(self.path),
                hint=RESTART_HINT,
            )
        moved = {places[index]: self._done[index] for index in self.done_indexes()}
        done = array("Q", bytes(8 * (max(moved, default=-1) + 1)))
        for index, offset in moved.items():
            done[index] = offset
        self._done, self._row_digests = done, row_digests
        self.pending = {
            places[index]: failure.model_copy(update={"index": places[index]})
            for index, failure in self.pending.items()
            if index in places
        }
        return True

    def _index(self, entry: dict[str, Any], offset: int) -> None:
        match entry["kind"]:
            case "reply":
                replies = self._replies.setdefault(entry["id"], {})
                replies[entry["turn"], entry["attempt"]] = offset
                self.totals = self.totals.plus(Usage(*entry["tokens"]))
            case "done":
                self._mark_done(entry["index"], offset)
                self._count(entry.get("notes", {}))
                self._replies.pop(entry["id"], None)
            case "rows":
                self._moved(bytes.fromhex(entry["rows"]))
            case "time":
                self.retries.update(entry["retries"])
                self.seconds += entry["seconds"]
            case "failed":
                failure = Failure.model_validate({name: entry[name] for name in Failure.model_fields})
                self.failed_attempts[failure.id] += 1
                self.failed_indexes.append(failure.index)
                self.pending[failure.index] = failure

    def _mark_done(self, index: int, offset: int) -> None:
        if index >= len(self._done):
            self._done.extend([0] * (index + 1 - len(self._done)))
        self.done += self._done[index] == 0
        self._done[index] = offset + 1
        self.pending.pop(index, None)

    def _count(self, notes: Mapping[str, Mapping[str, int]]) -> None:
        for kind, counts in notes.items():
            self.notes.setdefault(kind, Counter()).update(counts)

    def is_done(self, index: int) -> bool:
        """Whether the record at ``index`` of the input is finished."""
        return index < len(self._done) and self._done[index] > 0

    def done_indexes(self) -> Iterator[int]:
        """Yield the positions of the finished records, ascending."""
        return (index for index, offset in enumerate(self._done) if offset)

    @property
    def end(self) -> int:
        """The position after the last finished record."""
        return len(self._done)

    def record(self, index: int) -> bytes:
        """Return the finished record at ``index`` as JSON."""
        return orjson.dumps(self._line_at(self._done[index] - 1)["record"])

    def find(self, request: Request) -> Reply | None:
        """Return the reply to ``request`` that an earlier run has paid for, or None.

        Raises:
            JournalError: The journal has a reply for this turn and attempt, but to a different request.
        """
        offset = self._replies.get(request.conversation, {}).get((request.turn, request.attempt))
        if offset is None:
            return None
        entry = self._line_at(offset)
        if entry["request"] != request.fingerprint():
            raise JournalError(
                f"turn {request.turn} of {request.conversation} would be asked differently now",
                where=str(self.path),
                hint="Run the version of soc_gen that began it, or start over with --restart",
            )
        return Reply(
            entry["text"],
            entry["finish_reason"],
            Usage(*entry["tokens"]),
            entry["seconds"],
            entry["endpoint"],
        )

    def _line_at(self, offset: int) -> dict[str, Any]:
        self._reader.seek(offset)
        entry: dict[str, Any] = orjson.loads(self._reader.readline())
        return entry

    async def add_reply(self, request: Request, reply: Reply) -> None:
        """Write ``reply``; it is synced to disk when this returns."""
        usage = reply.usage
        self.totals = self.totals.plus(usage)
        await self._append({
            "kind": "reply",
            "id": request.conversation,
            "turn": request.turn,
            "attempt": request.attempt,
            "speaker": request.speaker,
            "request": request.fingerprint(),
            "text": reply.text,
            "finish_reason": reply.finish_reason,
            "tokens": [usage.prompt, usage.cached, usage.completion],
            "seconds": round(reply.seconds, 3),
            "endpoint": reply.endpoint,
        })  # fmt: skip

    async def add_done(
        self, index: int, key: str, record: Record, notes: Mapping[str, Mapping[str, int]] | None = None
    ) -> None:
        """Write a finished record, and the counts made while it was produced."""
        entry = {"kind": "done", "index": index, "id": key, "record": record.model_dump(mode="json")}
        if notes:
            entry["notes"] = notes
            self._count(notes)
        self._mark_done(index, await self._append(entry))
        self._replies.pop(key, None)

    async def add_failure(self, failure: Failure) -> None:
        """Write that a conversation failed in this run; the next run tries it again."""
        self.failed_attempts[failure.id] += 1
        self.pending[failure.index] = failure
        await self._append({"kind": "failed", **failure.model_dump()})

    async def add_time(self, seconds: float, retries: Mapping[str, int]) -> None:
        """Write the seconds and the repeated requests since the last call."""
        entry = {"kind": "time", "seconds": round(seconds, 3), "retries": retries}
        self._index(entry, self._end)
        await self._append(entry)

    async def _append(self, entry: dict[str, Any]) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((orjson.dumps(entry) + b"\n", future))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit())
        # Shielded: cancelling one conversation must not lose the lines of others in the same batch.
        return await asyncio.shield(future)

    async def _commit(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                start = self._end
                try:
                    await asyncio.to_thread(self._write, b"".join(line for line, _ in batch))
                except OutputError as error:
                    for _, future in batch:
                        future.set_exception(error)
                    continue
                for line, future in batch:
                    future.set_result(start)
                    start += len(line)
        finally:
            self._committer = None

    async def flush(self) -> None:
        """Wait until all lines have been written."""
        while self._committer is not None:
            await asyncio.shield(self._committer)

    def _write(self, data: bytes) -> None:
        descriptor = self._file.fileno()
        self._check_place(descriptor)
        with wrap_write_errors(self.path):
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, self._end)
                os.lseek(descriptor, self._end, os.SEEK_SET)
                raise
        self._end += len(data)

    def _check_place(self, descriptor: int) -> None:
        """Check that the journal is still the file that was opened, so that a later run can resume from it.

        Raises:
            OutputError: It was removed, replaced or truncated by another process.
        """
        if not self.path.exists() or os.fstat(descriptor).st_size != self._end:
            raise OutputError(
                "was removed or changed by somebody else during the run",
                where=str(self.path),
                hint="Put it back, or start over with --restart; what was finished is in the output",
            )
