"""Files opened, checked and replaced: whole or not at all, with errors of one line."""

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
"""Suffixes of files that are unpacked when they are read; outputs are written plain."""

_LONGEST_NAME = 220  # bytes, of 255: what is written beside it adds to the name
BUFFER = 1 << 18
"""Bytes; a chat is several thousand, and the usual buffer holds one or two."""


def path_to_text(path: Path | str) -> str:
    """Return the name of a file as text that can be written, also when it is not valid UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def open_input(path: Path) -> IO[bytes]:
    """Open ``path`` for reading, or raise a ``UsageError`` that says why not."""
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
    """Cut an unfinished last line (its writer was killed) off ``path``."""
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
    """Whether ``error`` is that of a disk with no room left, or none for this user."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def write_error_message(error: OSError) -> str:
    """Return what became of something that could not be written."""
    return "the disk is full" if is_full(error) else f"cannot be written ({error.strerror or error})"


@contextmanager
def wrap_write_errors(path: Path) -> Iterator[None]:
    """Turn the ``OSError`` of writing to ``path`` into an ``OutputError`` that says what to do."""
    try:
        yield
    except OSError as error:
        full = is_full(error)
        again = "and run the same command again"
        hint = f"Make room {again}" if full else f"Mend that {again}; in another place it begins anew"
        raise OutputError(write_error_message(error), where=str(path), hint=hint) from error


def is_pipe_or_device(path: Path) -> bool:
    """Whether ``path`` is a pipe or a device: reading may never end, and root would replace it by a file."""
    # Path.exists raises for a name that is too long; what is wrong with it, opening it says.
    return exists(path) and not (path.is_file() or path.is_dir())  # noqa: PTH110


def check_output(out: Path, inputs: Iterable[Path | str] = ()) -> None:
    """Refuse an output before anything is read or paid for.

    Raises:
        UsageError: ``out`` is a folder, a pipe, a device, one of ``inputs``, or named as if it were packed;
            or it is a name that no file can have.
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
    except (FileNotFoundError, NotADirectoryError):  # the latter is told when it is written
        return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a NUL
        return str(error)
    return ""


def sync_folder(folder: Path) -> None:
    """Make the names of new files in ``folder`` survive power loss, where folders can be synced."""
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make ``folder``, and those above it that are missing, so that they survive power loss."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def aside_path(path: Path, part: str = "") -> Path:
    """Return where this process writes what is to take the place of ``path``: beside it, hidden."""
    return path.with_name(f".{path.name}.{os.getpid()}{part}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove what processes that no longer exist had written aside for ``path`` (see ``aside_path``)."""
    prefix, folder = f".{path.name}.", path.parent
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(prefix)]
    for name in names:
        pid, _, rest = name.removeprefix(prefix).partition(".")
        if f".{rest}".endswith(".tmp") and pid.isdecimal() and not _is_running(int(pid)):
            # One that cannot be removed, such as another user's, is in nobody's way.
            with suppress(OSError):
                remove(folder / name)


def _is_running(pid: int) -> bool:
    """Whether there is a process ``pid``; where that cannot be asked without harm, there may be."""
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
    """Remove a file, or a folder with all that is in it; nothing may be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Write a file aside and put it in the place of ``path`` when the block ends without an error.

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
    """Return the file that is replaced for ``path``: what a link leads to, not the link.

    Raises:
        OutputError: It is a pipe or a device.
    """
    if is_pipe_or_device(path):
        raise OutputError("is a pipe or a device, no file", where=str(path), hint="Choose another --out")
    return Path(realpath(path))


def sync_file(handle: IO[bytes]) -> None:
    """Make what was written to ``handle`` survive power loss."""
    handle.flush()
    os.fsync(handle.fileno())
