"""Files that are replaced together, and what a run that died leaves of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soc_gen.errors import OutputError, UsageError
from soc_gen.io.file_set import FileSet, is_torn, of_unfinished_run, replaced_folder
from soc_gen.io.files import atomic_write
from soc_gen.io.manifest import find_manifests


def write(folder: Path, text: str) -> None:
    """Replace ``a`` and ``last`` in ``folder``."""
    with FileSet(last=folder / "last") as files:
        for name in ("a", "last"):
            files.open(folder / name).write(text.encode())
        files.commit()


def die_at(rename: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let that rename fail, the note's being number 0."""
    renames, real = iter(range(100)), Path.replace

    def replace(source: Path, target: Path) -> Path:
        if next(renames) == rename:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(Path, "replace", replace)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_both_are_there_or_none(tmp_path: Path) -> None:
    """Nothing else is left."""
    with FileSet(last=tmp_path / "last") as files:
        files.open(tmp_path / "a").write(b"x")
    assert names(tmp_path) == []
    write(tmp_path, "x")
    assert names(tmp_path) == ["a", "last"]


@pytest.mark.parametrize(("rename", "torn"), [(0, False), (1, False), (2, True)])
def test_a_run_that_died_in_between_is_known_by_its_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rename: int, torn: bool
) -> None:
    """Which files are its own, whether the last one is older than the others; the next run forgets it."""
    write(tmp_path, "old")
    die_at(rename, monkeypatch)
    with pytest.raises((OSError, OutputError), match=r"No space|disk is full"):
        write(tmp_path, "new")
    monkeypatch.undo()
    last = tmp_path / "last"
    assert last.read_text() == "old"
    assert is_torn(last) == torn
    assert of_unfinished_run(tmp_path / "a", last) == torn
    (tmp_path / "a").write_text("mine")
    assert not of_unfinished_run(tmp_path / "a", last)
    write(tmp_path, "new")
    assert not is_torn(last)
    assert names(tmp_path) == ["a", "last"]


def test_what_two_runs_have_left_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second died before it could replace the file of the first."""
    for text, rename in (("one", 2), ("two", 1)):
        die_at(rename, monkeypatch)
        with pytest.raises(OSError, match="No space"):
            write(tmp_path, text)
        monkeypatch.undo()
    assert (tmp_path / "a").read_text() == "one"
    assert of_unfinished_run(tmp_path / "a", tmp_path / "last")


def test_a_manifest_that_is_older_than_its_file_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card would tell of other chats than there are."""
    data, manifest = tmp_path / "c.jsonl", tmp_path / "c.manifest.json"

    def put(text: str) -> None:
        with FileSet(last=manifest) as files:
            files.open(data).write(text.encode())
            files.close(data)
            files.open(manifest).write(b'{"stage": "clean", "random_seed": %d}' % len(text))
            files.commit()

    put("old")
    die_at(2, monkeypatch)
    with pytest.raises(OSError, match="No space"):
        put("newer")
    monkeypatch.undo()
    with pytest.raises(UsageError, match="older than what it tells of"):
        find_manifests(data)
    put("newer")
    assert [found.random_seed for _, found in find_manifests(data)] == [5]


def a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_dead_processes_wrote_aside_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Not that of one that lives, nor of another file, nor what has no process in its name."""
    dead, alive = a_dead_process(), os.getppid()
    gone = [f".a.{dead}.tmp", f".a.{dead}.k3_x.tmp"]
    kept = [f".a.{alive}.tmp", f".ab.{dead}.tmp", ".a.b.tmp", f".a.{dead}.txt", f"a.{dead}.tmp", ".a.tmp"]
    for name in (*gone, *kept):
        (tmp_path / name).write_text("x")
    (tmp_path / f".a.{dead}.old.tmp").mkdir()
    with atomic_write(tmp_path / "a") as handle:
        handle.write(b"x")
    assert names(tmp_path) == sorted([*kept, "a"])


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """An error leaves the old one."""
    folder = tmp_path / "x"
    for text in ("old", "new"):
        with replaced_folder(folder) as aside:
            (aside / "deep").mkdir()
            (aside / "deep" / text).write_text(text)
        assert names(folder / "deep") == [text]
    with pytest.raises(ZeroDivisionError), replaced_folder(folder):
        raise ZeroDivisionError
    assert names(folder / "deep") == ["new"]
    assert names(tmp_path) == ["x"]


def test_a_folder_that_cannot_take_the_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second rename fails: the first one is taken back."""
    folder = tmp_path / "x"
    folder.mkdir()
    real = Path.rename

    def rename(source: Path, target: Path) -> Path:
        if target == folder and ".old" not in source.name:
            raise OSError(28, "No space left on device")
        return real(source, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="No space"), replaced_folder(folder) as aside:
        (aside / "new").write_text("")
    assert (names(tmp_path), names(folder)) == (["x"], [])
