"""Opens, checks and replaces files: completely or not at all, with errors of one line."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from os.path import exists, realpath
from pathlib import Path
from typing import IO

from soc_gen.errors import OutputError, UsageError

PACKED = frozenset({".gz", ".zst", ".zstd"})
"""Suffixes of files that are decompressed when read; outputs are not compressed."""

_LONGEST_NAME = 220  # bytes, of 255: names of files beside it are longer
BUFFER = 1 << 18
"""Buffer size in bytes; a chat has several thousand, and the default buffer holds only one or two."""


def path_to_text(path: Path | str) -> str:
    """Return the name of a file as valid UTF-8 text, with replacements where it is not."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def open_input(path: Path) -> IO[bytes]:
    """Open ``path`` for reading, or raise a ``UsageError`` with the reason."""
    try:
        if path.is_dir():
            raise UsageError("is a folder, not a JSONL file", where=str(path))
        return path.open("rb", buffering=BUFFER)
    except FileNotFoundError:
        raise UsageError("no such file", where=str(path)) from None
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except ValueError as error:  # a NUL in the name
        raise UsageError(f"cannot be read ({error})", where=str(path)) from None


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hex.

    Raises:
        UsageError: It cannot be read.
    """
    digest = hashlib.sha256()
    with open_input(path) as handle:
        while chunk := handle.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def drop_torn_tail(path: Path) -> None:
    """Remove an incomplete last line, left by a killed writer, from ``path``."""
    with path.open("r+b") as handle:
        position = handle.seek(0, os.SEEK_END)
        while position > 0:
            step = min(position, 65536)
            position -= step
            handle.seek(position)
            newline = handle.read(step).rfind(b"\n")
            if newline >= 0:
                position += newline + 1
                break
        handle.truncate(position)


def is_full(error: OSError) -> bool:
    """Whether ``error`` means a full disk or an exceeded quota."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def write_error_message(error: OSError) -> str:
    """Return a message about a file that could not be written."""
    return "the disk is full" if is_full(error) else f"cannot be written ({error.strerror or error})"


@contextmanager
def wrap_write_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of writing to ``path`` into an ``OutputError`` with advice."""
    try:
        yield
    except OSError as error:
        full = is_full(error)
        again = "and run the same command again"
        hint = f"Make room {again}" if full else f"Mend that {again}; in another place it begins anew"
        raise OutputError(write_error_message(error), where=str(path), hint=hint) from error


def is_pipe_or_device(path: Path) -> bool:
    """Whether ``path`` is a pipe or a device: reading may never end, and root could replace it by a file."""
    # Path.exists raises for a name that is too long; opening it reports the reason.
    return exists(path) and not (path.is_file() or path.is_dir())  # noqa: PTH110


def check_output(out: Path, inputs: Iterable[Path | str] = ()) -> None:
    """Refuse a bad output path before anything is read or paid for.

    Raises:
        UsageError: ``out`` is a folder, a pipe, a device, one of ``inputs``, has the suffix of a compressed
            file, or is not a valid file name.
    """
    if problem := _name_problem(out):
        what = f"cannot be written ({problem})"
    elif out.is_dir():
        what = "is a folder, no file"
    elif is_pipe_or_device(out):
        what = "is a pipe or a device, no file"
    elif realpath(out) in map(realpath, inputs):  # Path.resolve raises for a loop of links
        what = "is an input and would be replaced"
    elif out.suffix in PACKED:
        what = "would be plain text under the name of a packed file"
    else:
        return
    raise UsageError(what, where=str(out), hint="Choose another --out")


def _name_problem(path: Path) -> str:
    """Return why no file can have this name, or ""."""
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        return f"its name has more than {_LONGEST_NAME} bytes"
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists hides some errors and raises others
    except (FileNotFoundError, NotADirectoryError):  # an existing folder is reported when it is written
        return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a NUL
        return str(error)
    return ""


def sync_folder(folder: Path) -> None:
    """Sync the names of new files in ``folder`` to disk, where folders can be synced."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its missing parents, and sync them to disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def aside_path(path: Path, part: str = "") -> Path:
    """Return the hidden temporary path beside ``path`` to which this process writes."""
    return path.with_name(f".{path.name}.{os.getpid()}{part}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove temporary files of ``path`` left by processes that no longer exist (see ``aside_path``)."""
    prefix, folder = f".{path.name}.", path.parent
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(prefix)]
    for name in names:
        pid, _, rest = name.removeprefix(prefix).partition(".")
        if f".{rest}".endswith(".tmp") and pid.isdecimal() and not _is_running(int(pid)):
            # One that cannot be removed, such as another user's, does no harm.
            with suppress(OSError):
                remove(folder / name)


def _is_running(pid: int) -> bool:
    """Whether there is a process ``pid``; True where this cannot be checked safely."""
    if os.name == "nt" or pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Write a temporary file that replaces ``path`` when the block ends without an error.

    Raises:
        OutputError: It cannot be written, or ``path`` is a pipe or a device.
    """
    path = replaceable(path)
    aside = aside_path(path)
    with wrap_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        try:
            with aside.open("wb", buffering=BUFFER) as handle:
                yield handle
                sync_file(handle)
            aside.replace(path)
            sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)


def replaceable(path: Path) -> Path:
    """Return the file to replace for ``path``: the target of a link, not the link.

    Raises:
        OutputError: It is a pipe or a device.
    """
    if is_pipe_or_device(path):
        raise OutputError("is a pipe or a device, no file", where=str(path), hint="Choose another --out")
    return Path(realpath(path))


def sync_file(handle: IO[bytes]) -> None:
    """Sync the data written to ``handle`` to disk."""
    handle.flush()
    os.fsync(handle.fileno())
