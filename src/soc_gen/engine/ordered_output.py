"""The output file of a run: at any time it has only complete lines, in input order.

Records finish out of order; a line is appended once all jobs before it have finished or failed. A record
that failed in an earlier run, or was not reached by it, belongs in the middle of the file. In that case a
new file is written beside the old one and replaces it when the run ends.

The journal has every record of the file, so the file can always be rebuilt from it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

from soc_gen.engine.journal import Journal
from soc_gen.errors import JournalError
from soc_gen.io.files import atomic_write, sync_file, wrap_write_errors


class OrderedOutput:
    """Appends the finished records of a journal to a file, in the order of the input.

    Args:
        path: The output.
        journal: Journal with the finished records.
        restart: Delete the file first.

    Raises:
        JournalError: The file has more records than the journal, which is whole; the file is not touched.
    """

    def __init__(self, path: Path, journal: Journal, *, restart: bool = False) -> None:
        self._path = path
        self._journal = journal
        self._file: IO[bytes] | None = None
        self._next = 0  # first index without a result in this run
        self._early: set[int] = set()  # later indexes with a result
        if restart:
            path.unlink(missing_ok=True)
        self.was_damaged = False
        """The file had as many records as the journal, but different ones; it was written again."""
        lines, torn = _count_lines(path)
        if lines > journal.done and not journal.damaged:
            raise JournalError(
                f"holds {lines} records, but its journal knows of {journal.done}",
                where=str(path),
                hint="Move it elsewhere to keep it, or throw it away with --restart",
            )
        if torn or lines != journal.done or not path.exists():
            self._rewrite()
        elif not self._is_as_journal():
            self.was_damaged = True
            self._rewrite()
        self._floor = journal.end  # records before the last line of the file cannot be appended

    def settle(self, index: int) -> None:
        """Record that job ``index`` has finished or failed in this run."""
        self._early.add(index)
        while self._next in self._early:
            self._early.remove(self._next)
            if self._next >= self._floor and self._journal.is_done(self._next):
                self._append(self._journal.record(self._next))
            self._next += 1

    def _append(self, line: bytes) -> None:
        with wrap_write_errors(self._path):
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            # One write call, so that readers see complete lines, also after a kill.
            written = os.write(self._file.fileno(), line + b"\n")
            if written <= len(line):  # a nearly full disk may write a part without an error
                os.ftruncate(self._file.fileno(), self._file.tell() - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def finish(self) -> None:
        """Write all remaining finished records and close the file."""
        if self._file is not None:
            with wrap_write_errors(self._path), self._file:
                sync_file(self._file)
            self._file = None
        # Counted in the file itself: another process may have moved or truncated it during the run.
        if _count_lines(self._path) != (self._journal.done, False):
            self._rewrite()

    def _is_as_journal(self) -> bool:
        with self._path.open("rb") as lines:
            records = map(self._journal.record, self._journal.done_indexes())
            return all(line[:-1] == record for line, record in zip(lines, records, strict=True))

    def _rewrite(self) -> None:
        with atomic_write(self._path) as handle:
            for index in self._journal.done_indexes():
                handle.write(self._journal.record(index) + b"\n")


def _count_lines(path: Path) -> tuple[int, bool]:
    """Return the number of complete lines in ``path``, and whether an incomplete one follows."""
    if not path.exists():
        return 0, False
    lines, torn = 0, False
    with path.open("rb") as handle:
        for line in handle:
            torn = not line.endswith(b"\n")
            lines += not torn
    return lines, torn
