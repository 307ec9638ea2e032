"""Reads lines from many files: globs, ``.gz``, ``.zst``, Parquet, JSON arrays, and overlong lines.

Other formats are converted to one line for each row or value. Progress is measured in bytes of the files on
disk.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import glob, has_magic
from os.path import lexists, realpath
from pathlib import Path
from typing import IO, BinaryIO, Literal, NamedTuple, cast

import orjson

from soc_gen.errors import MissingExtraError, UsageError
from soc_gen.io.files import is_pipe_or_device, open_input, path_to_text
from soc_gen.io.json_values import BOM, PARQUET, is_spread, refuse_foreign, split_values
from soc_gen.io.jsonl import is_json
from soc_gen.io.tables import CSV, parquet_rows

_BREAK = re.compile(rb"\s*\n\s*")
_EXCERPT = 2000  # bytes of an overlong line that are kept
_STEP = 1 << 20


class Line(NamedTuple):
    """One line of an input, without its line break."""

    where: str
    """``file:line``; for Parquet ``file:row``."""
    data: bytes
    """The line; only its beginning when it is too long."""
    problem: Literal["line_too_long", "torn_line"] | None = None
    """``torn_line``: the file ends without a line break, so its writer may not have finished."""
    length: int = 0
    """Size of the line in bytes."""


def expand_globs(patterns: Sequence[str | Path]) -> list[Path]:
    """Return the files that ``patterns`` name, each once, in the order given (a glob's files sorted).

    Raises:
        UsageError: A pattern matches nothing.
    """
    paths_by_target: dict[str, Path] = {}
    for pattern in map(str, patterns):
        paths = [Path(pattern)]
        if has_magic(pattern) and not lexists(pattern):
            # Path.glob takes no absolute pattern.
            paths = sorted(Path(name) for name in glob(pattern, recursive=True))  # noqa: PTH207
            if not paths:
                raise UsageError("no file matches", where=pattern)
        for path in paths:
            paths_by_target.setdefault(realpath(path), path)
    return list(paths_by_target.values())


class LineReader:
    """Reads the lines of files one after the other.

    Args:
        paths: The files.
        longest: Largest size in bytes of a line that is read completely.

    Raises:
        UsageError: A file is missing, a folder, unreadable, not a valid gzip or zstd file, or of a format
            without JSON.
    """

    def __init__(self, paths: Sequence[Path], longest: int) -> None:
        self._paths = paths
        self._longest = longest
        self._before = 0
        self._raw: IO[bytes] | None = None
        for path in paths:
            if is_pipe_or_device(path):
                raise UsageError("is a pipe or a device; give a file, which is read twice", where=str(path))
            open_input(path).close()
        self.size = sum(path.stat().st_size for path in paths)
        """Size of all files in bytes."""
        self.records = dict.fromkeys(paths, 0)
        """Number of lines read from each file, without blank ones."""

    @property
    def position(self) -> int:
        """Bytes read so far."""
        raw = self._raw
        return self._before + (raw.tell() if raw is not None and not raw.closed else 0)

    def __iter__(self) -> Iterator[Line]:
        """Yield every line that is not blank."""
        for path in self._paths:
            with open_input(path) as raw:
                self._raw = raw
                for line in self._lines(path, raw):
                    self.records[path] += 1
                    yield line
                self._before += raw.tell()
                self._raw = None

    def _lines(self, path: Path, raw: IO[bytes]) -> Iterator[Line]:
        name = path_to_text(path)
        with _opened(path, raw) as handle:
            head = cast("io.BufferedReader", handle).peek(_STEP)
            if head.startswith(PARQUET):
                yield from _rows(path)
                return
            refuse_foreign(head, name)
            if path.suffix in CSV:
                raise UsageError("only personas can be read from CSV", where=name, hint="Give JSON Lines")
            yield from self._values(name, handle) if is_spread(head) else self._plain_lines(name, handle)

    def _values(self, name: str, handle: IO[bytes]) -> Iterator[Line]:
        for value in split_values(handle, self._longest, name):
            problem: Literal["torn_line"] | None = None if value.whole else "torn_line"
            yield Line(f"{name}:{value.line}", _on_one_line(value.data), problem, len(value.data))

    def _plain_lines(self, name: str, handle: IO[bytes]) -> Iterator[Line]:
        number = 0
        while data := handle.readline(self._longest + 2):
            number += 1
            if number == 1:
                data = data.removeprefix(BOM)
            where = f"{name}:{number}"
            if not data.endswith(b"\n") and len(data) > self._longest:
                length = len(data) + _skip_line(handle)
                yield Line(where, data[:_EXCERPT], "line_too_long", length)
            elif not data.isspace():
                problem: Literal["torn_line"] | None = None if data.endswith(b"\n") else "torn_line"
                yield Line(where, data.rstrip(b"\r\n"), problem, len(data))


def _rows(path: Path) -> Iterator[Line]:
    for where, row in parquet_rows(path):
        data = orjson.dumps(row, default=str)
        yield Line(where, data, length=len(data))


def _on_one_line(data: bytes) -> bytes:
    """Return JSON without the line breaks between its tokens; other text unchanged."""
    return _BREAK.sub(b"", data) if b"\n" in data and is_json(data) else data


@contextmanager
def _opened(path: Path, raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Decompress ``raw`` by the file's suffix; turn errors while reading into errors of one line."""
    try:
        if path.suffix == ".gz":
            with gzip.open(raw, "rb") as plain:
                yield cast("IO[bytes]", plain)
        elif path.suffix in {".zst", ".zstd"}:
            with _zstd(path, raw) as plain:
                yield plain
        else:
            yield raw
    except EOFError:
        raise UsageError("ends in the middle; is it still being written?", where=str(path)) from None
    except (OSError, zlib.error) as error:
        raise UsageError(f"cannot be read ({error})", where=str(path)) from None


@contextmanager
def _zstd(path: Path, raw: IO[bytes]) -> Iterator[IO[bytes]]:
    try:
        import zstandard  # noqa: PLC0415 - an extra, wanted only where a file asks for it
    except ImportError:
        raise MissingExtraError("zstandard", "zstd") from None
    try:
        # A file cut off between two blocks ends without an error, but in the middle of a line.
        yield io.BufferedReader(cast("io.RawIOBase", zstandard.open(cast("BinaryIO", raw), "rb")))
    except zstandard.ZstdError as error:
        raise UsageError(f"cannot be read ({error})", where=str(path)) from None


def _skip_line(handle: IO[bytes]) -> int:
    """Skip to the end of the line; return the number of bytes skipped."""
    skipped = 0
    while data := handle.readline(_STEP):
        skipped += len(data)
        if data.endswith(b"\n"):
            break
    return skipped
