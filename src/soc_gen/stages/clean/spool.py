"""Accepted chats, put aside on disk until it is known which of them stay and in which order.

Only where each one lies is held in memory: eight bytes a chat.
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
    """A chat as it was put aside."""

    keys: tuple[int, int, int, int]
    """Hashes of id, text and experience, and the number of words: its fingerprint without the minhash."""
    where: str
    """``file:line`` it was read from."""
    line: bytes
    """As it would be written."""
    as_read: bytes
    """As it was read."""


class Spool:
    """Numbered records in a temporary file; used as a context, it leaves nothing behind.

    Args:
        out: The output; the file is made beside it, where there must be room for all of the text.
    """

    def __init__(self, out: Path) -> None:
        aside = aside_path(out)
        # Unbuffered: a buffer would be filled anew for each record that is read out of order. Where files
        # need a name, one that a killed run leaves is removed by the next run.
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
        """Put ``record`` aside; return its number, from 0."""
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
        """Return the record of that number."""
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
