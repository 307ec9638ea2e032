"""Kill a command, or fill its disk, at one call of the operating system after the other.

Each run is a fork of this process, which has the package loaded, in a copy of a folder. The calls that
change a disk are counted; at call N the run ends as by SIGKILL, or the call fails as on a full disk. Then
the same command runs undisturbed, and the folder has to be what it is without any disturbance.

    python -m tests.support.kill_points FOLDER WORDS…      prints a table
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import orjson

KINDS = ("kill", "full")
_CALLS = (
    "rename",
    "replace",
    "fsync",
    "unlink",
    "remove",
    "rmdir",
    "link",
    "symlink",
    "mkdir",
    "truncate",
    "ftruncate",
    "write",
)
_KILLED = 137


@dataclass(frozen=True)
class Point:
    """What came of a run that was disturbed at one call, and of the same command after it."""

    kind: str
    number: int
    call: str
    first: int
    """Exit code of the disturbed run."""
    second: int
    """Exit code of the run after it."""
    differing: tuple[str, ...]
    """Files that are not as without any disturbance."""
    said: str
    """The last line of both runs on stderr."""

    @property
    def is_well(self) -> bool:
        """Whether the run ended with no trace of Python, and nothing is left of it after the next."""
        told = self.first in {0, 1, _KILLED}
        return told and self.second == 0 and not self.differing


def kill_points(folder: Path, words: Sequence[str], kinds: Sequence[str] = KINDS) -> Iterator[Point]:
    """Yield what comes of each call that ``soc`` with ``words`` makes in a copy of ``folder``."""
    with tempfile.TemporaryDirectory(prefix="kill-points-") as place:
        undisturbed = Path(shutil.copytree(folder, Path(place, "undisturbed")))
        assert _fork(undisturbed, words, lambda: None)[0] == 0
        wanted = contents(undisturbed)
        for kind in kinds:
            number, call = 1, "?"
            while call:
                copy = Path(shutil.copytree(folder, Path(place, "copy")))
                first, said = _fork(copy, words, partial(_disturb, number, kind, copy))
                note = copy / "call"
                call = note.read_text() if note.exists() else ""
                note.unlink(missing_ok=True)
                if call:
                    second, more = _fork(copy, words, lambda: None)
                    found = contents(copy)
                    differing = {name for name in found | wanted if found.get(name) != wanted.get(name)}
                    yield Point(
                        kind, number, call, first, second, tuple(sorted(differing)), f"{said} | {more}"
                    )
                shutil.rmtree(copy)
                number += 1


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in ``folder``; of folders, their names."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else b"" for name, path in sorted(found.items())}


def _fork(folder: Path, words: Sequence[str], prepare: Callable[[], None]) -> tuple[int, str]:
    """Run ``soc`` in ``folder``; return its exit code and its last line on stderr."""
    with tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.chdir(folder)
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 0)
            os.dup2(nowhere, 1)
            os.dup2(err.fileno(), 2)
            os._exit(_run(words, prepare))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        err.seek(0)
        return code, (err.read().decode(errors="replace").strip().splitlines() or [""])[-1]


def _run(words: Sequence[str], prepare: Callable[[], None]) -> int:
    """Run ``soc`` in this process, which must not return from it; return its exit code."""
    sys.argv = ["soc", *words]
    code = 0
    try:
        prepare()
        _main()()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001 - a trace is a result too
        traceback.print_exc()
        code = 70
    sys.stderr.flush()
    return code


def _main() -> Callable[[], None]:
    (entry, *_) = entry_points(group="console_scripts", name="soc")
    main: Callable[[], None] = entry.load()
    return main


def _disturb(number: int, kind: str, folder: Path) -> None:
    """Count the calls from now on; at the ``number``-th leave a note of it and be killed, or fail."""
    calls = 0

    def counted(name: str, target: object) -> None:
        nonlocal calls
        calls += 1
        if calls != number:
            return
        note = real_open(folder / "call", os.O_CREAT | os.O_WRONLY)
        real_write(note, f"{name} {_name(target)}".encode())
        os.close(note)
        if kind == "kill":
            os._exit(_KILLED)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def wrapped(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if not (name == "write" and arguments[0] in {1, 2}):
                counted(name, arguments[-1] if name in {"rename", "replace"} else arguments[0])
            return real(*arguments, **named)

        return call

    real_open, real_write, real_file = os.open, os.write, io.open

    def open_descriptor(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            counted("open", path)
        return real_open(path, flags, *arguments, **named)

    def open_file(path: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if set(mode) & set("wax+") and not isinstance(path, int):
            counted("open", path)
        return real_file(path, mode, *arguments, **named)

    for name in _CALLS:
        setattr(os, name, wrapped(name))
    os.open = open_descriptor
    io.open = builtins.open = open_file  # type: ignore[assignment]


def _name(target: object) -> str:
    if isinstance(target, int):
        with suppress(OSError):
            target = Path(f"/proc/self/fd/{target}").readlink()
    return Path(os.fsdecode(target)).name if isinstance(target, str | bytes | os.PathLike) else str(target)


def warm_up() -> None:
    """Load what the commands need, so that a fork need not."""
    import datasets  # noqa: F401
    import huggingface_hub  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import soc_gen.api.files
    import soc_gen.cli.app
    import soc_gen.publish.hub
    import soc_gen.stages.clean.run  # noqa: F401


def main() -> None:
    """Print a table, or JSON lines with ``--json``."""
    arguments = sys.argv[1:]
    as_json = "--json" in arguments[:1]
    folder, *words = arguments[as_json:]
    warm_up()
    points = list(kill_points(Path(folder).absolute(), words))
    for point in points:
        if as_json:
            sys.stdout.write(orjson.dumps({**asdict(point), "is_well": point.is_well}).decode() + "\n")
        else:
            verdict = "well" if point.is_well else f"BAD {point.second} {point.differing} {point.said[-150:]}"
            sys.stdout.write(f"{point.kind} {point.number:3} {point.call:50} {point.first:4} {verdict}\n")
    if not as_json:
        well = sum(point.is_well for point in points)
        sys.stdout.write(f"{well} of {len(points)} are well\n")


if __name__ == "__main__":
    main()
