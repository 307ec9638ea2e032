"""Stores accepted chats on disk until it is known which of them stay and in which order.

Only the offset of each chat is held in memory: eight bytes a chat.
"""

from __future__ import annotations

import struct
import tempfile
from array import array
from pathlib import Path
from typing import IO, NamedTuple

from soc_gen.io.files import aside_path

_BUFFER = 1 << 15  # bytes
_HEADER = struct.Struct("<QQQQIII")


class Spooled(NamedTuple):
    """A stored chat."""

    keys: tuple[int, int, int, int]
    """Hashes of id, text and experience, and the number of words: its fingerprint without the minhash."""
    where: str
    """``file:line`` it was read from."""
    line: bytes
    """The line to write."""
    as_read: bytes
    """The line as it was read."""


class Spool:
    """Numbered records in a temporary file, which is removed when the ``with`` block ends.

    Args:
        out: The output; the temporary file is made beside it and needs as much space as all kept chats.
    """

    def __init__(self, out: Path) -> None:
        aside = aside_path(out)
        # Unbuffered: a buffer would be filled again for each record that is read out of order. Where files
        # need a name, the next run removes one that a killed run left.
        self._file: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 - closed by __exit__
            dir=aside.parent, prefix=f"{aside.stem}.", suffix=aside.suffix, buffering=0
        )
        self._ends = array("Q", [0])  # where each record ends in the file, after a 0
        self._waiting: list[bytes] = []  # the last records, not yet in the file

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._ends) - 1

    def add(self, record: Spooled) -> int:
        """Store ``record``; return its number, from 0."""
        where = record.where.encode()
        as_read = b"" if record.as_read == record.line else record.as_read
        header = _HEADER.pack(*record.keys, len(where), len(record.line), len(as_read))
        packed = b"".join((header, where, record.line, as_read))
        self._waiting.append(packed)
        self._ends.append(self._ends[-1] + len(packed))
        if self._ends[-1] - self._ends[-1 - len(self._waiting)] > _BUFFER:
            self._write()
        return len(self) - 1

    def read(self, number: int) -> Spooled:
        """Return the record with that number."""
        waited = number - (len(self) - len(self._waiting))
        packed = self._waiting[waited] if waited >= 0 else self._packed(number)
        *keys, where, line, _ = _HEADER.unpack_from(packed)
        start, middle = _HEADER.size + where, _HEADER.size + where + line
        text = packed[start:middle]
        id_key, text_key, experience_key, words_key = keys
        place = packed[_HEADER.size : start].decode()
        return Spooled((id_key, text_key, experience_key, words_key), place, text, packed[middle:] or text)

    def _packed(self, number: int) -> bytes:
        self._file.seek(self._ends[number])
        return self._file.read(self._ends[number + 1] - self._ends[number])

    def _write(self) -> None:
        left = b"".join(self._waiting)
        self._file.seek(self._ends[-1] - len(left))
        while left:
            left = left[self._file.write(left) :]
        self._waiting = []
