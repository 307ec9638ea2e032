"""Files are replaced whole, and what was written survives power loss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soc_gen.io.files import atomic_write


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which syncs and renames are made, in their order."""
    made: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        made.append(f"sync {target.stat().st_size} bytes" if target.is_file() else f"sync {target.name}/")
        real_sync(descriptor)

    def replace(source: Path, target: Path) -> Path:
        made.append(f"rename to {target.name}")
        return real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    return made


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to tell what is synced")
def test_a_replaced_file_is_on_the_disk_before_its_name_is(tmp_path: Path, steps: list[str]) -> None:
    """All bytes are synced, then the rename, then the folder that holds the new name."""
    folder = tmp_path / "data"
    with atomic_write(folder / "x.jsonl") as handle:
        handle.write(b"{}\n")
        assert steps == []
    assert steps == ["sync 3 bytes", "rename to x.jsonl", "sync data/"]


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    """Neither a part of the new one nor a file beside it."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as handle:
        handle.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
