"""The members of one large JSON object, one by one, so that the file need not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from soc_gen.errors import UsageError
from soc_gen.io.files import open_input
from soc_gen.mix.records import Unit

_STEP = 1 << 20  # characters
_LONGEST = 64 << 20  # characters of one member
_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


def members(path: Path) -> Iterator[Unit]:
    """Yield ``{"key", "value"}`` for each member of the object in ``path``.

    Raises:
        UsageError: The file is no JSON object.
    """
    open_input(path).close()
    try:
        with path.open(encoding="utf-8-sig") as handle:
            yield from _Members(path, handle).read()
    except UnicodeDecodeError:
        raise UsageError("is no text in UTF-8", where=str(path)) from None


class _Members:
    """What was read of a file and not yet used."""

    def __init__(self, path: Path, handle: TextIO) -> None:
        self._path, self._handle = path, handle
        self._text, self._at, self._done = "", 0, False

    def read(self) -> Iterator[Unit]:
        if self._peek() != "{":
            raise UsageError("is no JSON object with dialogues by name", where=str(self._path))
        self._at += 1
        number = 0
        while (mark := self._peek()) != "}":
            if number and mark == ",":
                self._at += 1
            key = self._value()
            if self._peek() != ":":
                raise self._broken()
            self._at += 1
            value = self._value()
            number += 1
            where = f"{self._path}:{key}"
            if isinstance(value, dict):
                yield Unit(where, {"key": str(key), "value": value})
            else:
                yield Unit(where, None, problem="no JSON object")

    def _peek(self) -> str:
        """Return the next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _value(self) -> object:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (json.JSONDecodeError, RecursionError):
                if not self._more():
                    raise self._broken() from None
                continue
            # A number at the very end of what was read may go on.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _more(self) -> bool:
        # Twice as much each time: a long member is not parsed from its beginning again and again.
        size = max(_STEP, len(self._text) - self._at)
        read = self._handle.read(size) if len(self._text) - self._at < _LONGEST else ""
        self._text, self._at = self._text[self._at :] + read, 0
        return bool(read)

    def _broken(self) -> UsageError:
        return UsageError("is broken JSON, or ends in the middle", where=str(self._path))
