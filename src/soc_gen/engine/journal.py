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
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from soc_gen.engine.compatibility import VERSION
from soc_gen.engine.journal_index import JournalIndex, Position, Totals
from soc_gen.engine.journal_lines import encode_line
from soc_gen.engine.lock import lock
from soc_gen.errors import JournalError, OutputError
from soc_gen.io.files import drop_torn_tail, make_folder, sync_folder, wrap_write_errors
from soc_gen.llm.types import Reply, Request, Usage
from soc_gen.models import Failure, Record

__all__ = ["Journal", "Totals"]


class Journal(JournalIndex):
    """An open journal. Use it in a ``with`` block: it is locked while it is open.

    Args:
        path: The journal's file.
        inputs: What the run depends on; names and values are shown when they differ.
        row_digests: Digests of the input's records, ``ROW_BYTES`` bytes each; b"" where ``inputs`` is enough.
            Between runs records may be added anywhere, and unfinished ones may be changed or removed:
            finished ones stay finished.
        restart: Delete an existing journal first.

    Raises:
        JournalError: It belongs to other inputs, or is not a journal.
        OutputError: The folder cannot be written, or another process has it open.
    """

    def __init__(
        self, path: Path, inputs: dict[str, Any], *, row_digests: bytes = b"", restart: bool = False
    ) -> None:
        super().__init__(path, inputs, row_digests)
        self.distrusted = 0
        """Replies that were put aside: they answer what is not asked after the damage before them."""
        self._used: dict[str, set[Position]] = {}  # replies that were found in this run
        self._late_header = b""
        self._waiting: list[tuple[bytes, asyncio.Future[int]]] = []
        self._committer: asyncio.Task[None] | None = None
        with wrap_write_errors(path), ExitStack() as opened:
            make_folder(path.parent)
            opened.enter_context(lock(path))
            self._open(opened, restart=restart)
            self._reader = opened.enter_context(path.open("rb"))
            self._opened = opened.pop_all()  # they stay open; on an error they are closed here

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and release the lock."""
        self._opened.close()

    def _open(self, opened: ExitStack, *, restart: bool) -> None:
        if restart:
            self.path.unlink(missing_ok=True)
        if self.path.exists():
            drop_torn_tail(self.path)
        is_new = not self.path.exists() or not self.path.stat().st_size
        if not is_new:
            self._read()
        news = b""
        rows = {"rows": self._row_digests_now.hex()}
        if not self._has_header:
            header = encode_line({"kind": "header", "version": VERSION, "inputs": self._inputs, **rows})
            # Where the old header is damaged, only the replies can tell whether they are of this run.
            news, self._late_header = (header, b"") if is_new else (b"", header)
            self._row_digests = self._row_digests_now
        elif self._move_to(self._row_digests_now):
            news = encode_line({"kind": "rows", **rows})
        self._file = opened.enter_context(self.path.open("ab", buffering=0))
        self._end = self._file.tell()
        self._write(news)
        sync_folder(self.path.parent)

    def damage(self) -> str:
        """Return one line of text about the lines that could not be read, or ""."""
        if not self.damaged:
            return ""
        count = f"{len(self.damaged):,} damaged line{'s' * (len(self.damaged) > 1)}"
        return f"{self.path}:{self.damaged[0]}: {count} left out; what was there is made or asked for again"

    def record(self, index: int) -> bytes:
        """Return the finished record at ``index`` as JSON."""
        return orjson.dumps(self._line_at(self._done[index] - 1)["record"])

    def find(self, request: Request) -> Reply | None:
        """Return the reply to ``request`` that an earlier run has paid for, or None.

        Raises:
            JournalError: The journal has a reply for this turn and attempt, but to a different request, and
                nothing is damaged that would explain it.
        """
        position = request.turn, request.attempt
        offset = self._replies.get(request.conversation, {}).get(position)
        if offset is None:
            return None
        entry = self._line_at(offset)
        if entry["request"] != request.fingerprint():
            # Without a checksum, the reply before may be the damaged one.
            if self._has_header and (self.damaged or ("crc" not in entry and request.turn)):
                self.distrusted += 1
                return None
            raise JournalError(
                f"turn {request.turn} of {request.conversation} would be asked differently now",
                where=str(self.path),
                hint="Run the version of soc_gen that began it, or start over with --restart",
            )
        self._used.setdefault(request.conversation, set()).add(position)
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
        """Write ``reply``; it is synced to disk when this returns.

        Older replies of the conversation that were not found before it are void: they came after one that
        is lost, so their requests were other ones than those that will be made now.
        """
        usage = reply.usage
        self.totals = self.totals.plus(usage)
        used = self._used.pop(request.conversation, set())
        voids = [place for place in self._replies.pop(request.conversation, {}) if place not in used]
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
            **({"voids": voids} if voids else {}),
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
        self._used.pop(key, None)

    async def add_failure(self, failure: Failure) -> None:
        """Write that a conversation failed in this run; the next run tries it again."""
        self.failed_attempts[failure.id] += 1
        self.pending[failure.index] = failure
        await self._append({"kind": "failed", **failure.model_dump()})

    async def add_time(self, seconds: float, retries: Mapping[str, int]) -> None:
        """Write the seconds and the repeated requests since the last call."""
        if self._late_header:  # nothing has been done yet
            return
        entry = {"kind": "time", "seconds": round(seconds, 3), "retries": retries}
        self._index(entry, self._end)
        await self._append(entry)

    async def _append(self, entry: dict[str, Any]) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        header, self._late_header = self._late_header, b""
        self._waiting.append((header + encode_line(entry), future))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit())
        # Shielded: cancelling one conversation must not lose the lines of others in the same batch.
        return await asyncio.shield(future) + len(header)

    async def _commit(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._commit_batch(batch)
        finally:
            self._committer = None

    async def _commit_batch(self, batch: list[tuple[bytes, asyncio.Future[int]]]) -> None:
        start = self._end
        try:
            await asyncio.to_thread(self._write, b"".join(line for line, _ in batch))
        except OutputError as error:
            for _, future in batch:
                future.set_exception(error)
            return
        for line, future in batch:
            future.set_result(start)
            start += len(line)

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
