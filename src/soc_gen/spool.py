"""Accepted chats, put aside on disk until it is known which of them stay and in which order.

Only where each one lies is held in memory: eight bytes a chat.
"""

from __future__ import annotations

import struct
import tempfile
from array import array
from pathlib import Path
from typing import IO, NamedTuple

_BUFFER = 1 << 18  # bytes
_HEADER = struct.Struct("<QQQQIII")


class Spooled(NamedTuple):
    """A chat as it was put aside."""

    keys: tuple[int, int, int, int]
    """Hashes of id, text and experience, and the number of words: its fingerprint without the sketch."""
    where: str
    """``file:line`` it was read from."""
    line: bytes
    """As it would be written."""
    as_read: bytes
    """As it was read."""


class Spool:
    """Numbered records in a temporary file; used as a context, it leaves nothing behind.

    Args:
        folder: Where the file is made, with room for all of the text.
    """

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=_BUFFER)  # noqa: SIM115 - closed by __exit__
        self._offsets = array("Q")
        self._end = 0
        self._place = 0  # in the file: a seek empties its buffer, so none is made that need not be

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._offsets)

    def add(self, record: Spooled) -> int:
        """Put ``record`` aside; return its number, from 0."""
        where = record.where.encode()
        as_read = b"" if record.as_read == record.line else record.as_read
        header = _HEADER.pack(*record.keys, len(where), len(record.line), len(as_read))
        self._go(self._end)
        written = self._file.write(b"".join((header, where, record.line, as_read)))
        self._offsets.append(self._end)
        self._place = self._end = self._end + written
        return len(self._offsets) - 1

    def read(self, number: int) -> Spooled:
        """Return the record of that number."""
        self._go(self._offsets[number])
        *keys, where, line, as_read = _HEADER.unpack(self._file.read(_HEADER.size))
        size = where + line + as_read
        data = self._file.read(size)
        self._place = self._offsets[number] + _HEADER.size + size
        text = data[where : where + line]
        one, two, three, four = keys
        place = data[:where].decode()
        return Spooled((one, two, three, four), place, text, data[where + line :] or text)

    def _go(self, place: int) -> None:
        if place != self._place:
            self._file.seek(place)
