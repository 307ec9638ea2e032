"""Replaces several files, or a folder, together; an interrupted replacement can be detected.

All files are written under temporary names and synced. Then a hidden note beside the last file records the
digest of every file; the files are renamed, one after the other, and the note is removed. The new files are
valid from the rename of the last file on.

A run killed before that leaves the note. It tells the next run which files the killed run wrote: only those
may be replaced although no manifest describes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from os.path import realpath
from pathlib import Path
from typing import IO

import orjson

from soc_gen.io.files import (
    BUFFER,
    aside_path,
    atomic_write,
    file_sha256,
    make_folder,
    remove,
    remove_leftovers,
    replaceable,
    sync_file,
    sync_folder,
)


class FileSet:
    """Files of one folder that are replaced together. Use it in a ``with`` block, and ``commit`` in it.

    Uncommitted files are removed when the block ends. Disk errors are raised as ``OSError``.

    Args:
        last: The file whose rename makes the others valid; opened after them.
    """

    def __init__(self, last: Path) -> None:
        self._last = last
        self._open: dict[Path, IO[bytes]] = {}
        self._digests: dict[Path, str] = {}
        """Digests of the written files, in the order of the renames."""

    def __enter__(self) -> FileSet:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._open.values():
            with suppress(OSError):  # a full disk, again
                handle.close()
        for path in (*self._digests, *self._open):
            aside_path(replaceable(path)).unlink(missing_ok=True)

    def open(self, path: Path) -> IO[bytes]:
        """Return a temporary file that will replace ``path``.

        Raises:
            OutputError: ``path`` is a pipe or a device.
        """
        target = replaceable(path)
        make_folder(target.parent)
        remove_leftovers(target)
        self._open[path] = aside_path(target).open("wb", buffering=BUFFER)
        return self._open[path]

    def close(self, path: Path) -> str:
        """Sync the temporary file of ``path``; return its sha256."""
        with self._open[path] as handle:
            sync_file(handle)
        self._digests[path] = file_sha256(aside_path(replaceable(path)))
        del self._open[path]
        return self._digests[path]

    def commit(self, obsolete: Iterable[Path] = ()) -> None:
        """Rename all files to their final names, in the order in which they were closed.

        Args:
            obsolete: Files to remove before the last file is renamed.
        """
        for path in list(self._open):
            self.close(path)
        *others, last = self._digests
        if last != self._last:
            msg = f"{self._last} has to be closed last"
            raise ValueError(msg)
        note = _note_path(last)
        _write_note(note, self._digests)
        for path in others:
            _put_in_place(path)
        for path in obsolete:
            path.unlink(missing_ok=True)
        for folder in {replaceable(path).parent for path in others} | {Path(realpath(last.parent))}:
            sync_folder(folder)
        _put_in_place(last)
        sync_folder(replaceable(last).parent)
        note.unlink()
        sync_folder(note.parent)


def _put_in_place(path: Path) -> None:
    target = replaceable(path)
    aside_path(target).replace(target)


def _note_path(last: Path) -> Path:
    return last.with_name(f".{last.name}.pending")


def _write_note(note: Path, digests: dict[Path, str]) -> None:
    """Write the digests of all files, and keep those of killed runs, whose files may exist."""
    known = _read_note(note)
    for path, digest in digests.items():
        known[path.name] = [*(old for old in known.get(path.name, []) if old != digest), digest]
    with atomic_write(note) as handle:
        handle.write(orjson.dumps(known) + b"\n")


def _read_note(note: Path) -> dict[str, list[str]]:
    """Return the digests of each file, the newest last; empty when there is no note."""
    try:
        digests = orjson.loads(note.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}
    return digests if isinstance(digests, dict) else {}


def of_unfinished_run(path: Path, last: Path) -> bool:
    """Whether ``path`` was written by a run that was killed before it renamed ``last``."""
    digests = _read_note(_note_path(last)).get(path.name, [])
    return bool(digests) and _digest(path) in digests


def is_torn(last: Path) -> bool:
    """Whether a run was killed after it replaced other files and before it replaced ``last``."""
    known = _read_note(_note_path(last))
    new = {name for name, digests in known.items() if _digest(last.with_name(name)) == digests[-1]}
    return bool(new) and last.name not in new


def _digest(path: Path) -> str:
    return file_sha256(path) if path.is_file() else ""


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces ``path`` when the block ends without an error."""
    path = Path(realpath(path))
    new, old = aside_path(path), aside_path(path, ".old")
    remove_leftovers(path)
    remove(new)
    remove(old)
    try:
        new.mkdir()
        yield new
        _sync_all(new)
        if path.exists():
            path.rename(old)
        new.rename(path)
        sync_folder(path.parent)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        remove(new)
        remove(old)


def _sync_all(folder: Path) -> None:
    """Sync all files in ``folder`` to disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("r+b") as handle:
                sync_file(handle)
    sync_folder(folder)
