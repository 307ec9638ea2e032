"""Index of an open journal, in memory: the offset of each reply and record.

A damaged line is skipped and counted. Its content is unknown, so two things are uncertain after it.
*Positions*: the line may have recorded a change of the input. Positions in later lines are valid only if the
input has not changed since before the damage, or after a later line that describes the input. *The header*:
until a header is read, no line is known to belong to this run. Records without a valid position are made
again from their replies, which are stored by id and compared with the request: no reply is paid for twice.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soc_gen.engine.compatibility import RESTART_HINT, ROW_BYTES, check_header, map_rows
from soc_gen.engine.journal_lines import HEAD, decode_line
from soc_gen.errors import JournalError
from soc_gen.llm.types import Usage
from soc_gen.models import Failure

_MOST_OPEN = 1 << 16  # conversations at once, far more than in any run
Position = tuple[int, int]
"""Turn and attempt."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Number and tokens of the replies in a journal."""

    replies: int = 0
    usage: Usage = field(default_factory=Usage)

    def plus(self, usage: Usage) -> Totals:
        """Return the totals with one more reply."""
        return Totals(self.replies + 1, self.usage + usage)


class JournalIndex:
    """Content of a journal.

    Args:
        path: The journal's file.
        inputs: What this run depends on.
        row_digests: Digests of the input's records now.
    """

    def __init__(self, path: Path, inputs: dict[str, Any], row_digests: bytes) -> None:
        self.path = path
        self.totals = Totals()
        self.failed_attempts: Counter[str] = Counter()
        """How many runs have failed to finish each conversation, by id."""
        self.failed_indexes: list[int] = []
        """Positions of the failures of earlier runs, oldest first, not moved: see ``Stage.on_result``."""
        self.pending: dict[int, Failure] = {}
        """Failures that no later run has replaced by a record, by position."""
        self.notes: dict[str, Counter[str]] = {}
        """Counts made while the finished records were produced, by kind (``reroll``, ``repair``)."""
        self.retries: Counter[str] = Counter()
        """Requests that were repeated, in all runs, by kind of fault."""
        self.seconds = 0.0
        self.done = 0
        """Number of finished records."""
        self.damaged: list[int] = []
        """Line numbers of damaged lines."""
        self._inputs, self._row_digests_now = inputs, row_digests
        self._replies: dict[str, dict[Position, int]] = {}
        self._done = array("Q")  # index → offset + 1 of its record; 0: none
        self._row_digests = b""
        self._has_header = False
        self._sure_of_places = False
        self._unplaced: list[tuple[dict[str, Any], int]] = []

    def _read(self) -> None:
        """Read the file.

        Raises:
            JournalError: It belongs to another run, or is not a journal.
        """
        offset, size, is_journal = 0, self.path.stat().st_size, False
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                entry = decode_line(line)
                if entry is None or not self._is_possible(entry, size):
                    self.damaged.append(number)
                    self._sure_of_places = False
                else:
                    self._index(entry, offset)
                is_journal |= entry is not None or line.startswith(HEAD)
                offset += len(line)
        if not is_journal:
            raise JournalError("is not a journal", where=str(self.path), hint=RESTART_HINT)
        if not self._has_header:
            self.damaged = self.damaged or [1]
        elif self._row_digests == self._row_digests_now:
            for entry, offset in self._unplaced:
                self._place(entry, offset)
        self._unplaced = []

    def _is_possible(self, entry: dict[str, Any], size: int) -> bool:
        """Whether a journal of ``size`` bytes can have an entry with that position in the input."""
        if entry["kind"] not in {"done", "failed"}:
            return True
        rows = len(self._row_digests) // ROW_BYTES
        return bool(entry["index"] < (rows or size + _MOST_OPEN))

    def _index(self, entry: dict[str, Any], offset: int) -> None:
        match entry["kind"]:
            case "header":
                check_header(entry, self._inputs, self.path)
                self._has_header, self._row_digests = True, bytes.fromhex(entry["rows"])
                self._sure_of_places, self._unplaced = True, []
            case "rows":
                self._move_to(bytes.fromhex(entry["rows"]))
                self._sure_of_places, self._unplaced = self._has_header, []
            case "reply":
                replies = self._replies.setdefault(entry["id"], {})
                for turn, attempt in entry.get("voids", ()):
                    replies.pop((turn, attempt), None)
                replies[entry["turn"], entry["attempt"]] = offset
                self.totals = self.totals.plus(Usage(*entry["tokens"]))
            case "time":
                self.retries.update(entry["retries"])
                self.seconds += entry["seconds"]
            case "failed" | "done":
                if entry["kind"] == "failed":
                    self.failed_attempts[entry["id"]] += 1
                if self._sure_of_places:
                    self._place(entry, offset)
                else:
                    self._unplaced.append(({**entry, "record": None}, offset))

    def _place(self, entry: dict[str, Any], offset: int) -> None:
        """Assign a finished or failed conversation its position in the input."""
        if entry["kind"] == "done":
            self._mark_done(entry["index"], offset)
            self._count(entry.get("notes", {}))
            self._replies.pop(entry["id"], None)
        else:
            failure = Failure.model_validate({name: entry[name] for name in Failure.model_fields})
            self.failed_indexes.append(failure.index)
            self.pending[failure.index] = failure

    def _move_to(self, row_digests: bytes) -> bool:
        """Move finished records to their positions in a changed input; return whether it changed.

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
