"""The output: whole lines in input order, at every moment, made again from the journal when need be."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.engine.journal import Journal
from soc_gen.engine.ordered_output import OrderedOutput
from soc_gen.errors import JournalError, OutputError
from soc_gen.models import Failure
from tests.support.journals import INPUTS, persona


class Folder:
    """A journal and an output."""

    def __init__(self, path: Path) -> None:
        self.out = path / "chats.jsonl"
        self.journal_path = path / "chats.journal.jsonl"

    def run(
        self, finishing: list[int], *, failing: frozenset[int] = frozenset(), kill: bool = False
    ) -> list[list[int]]:
        """Finish those records in that order; return what the file held after each.

        Args:
            finishing: Positions in the input.
            failing: Those of them that are given up.
            kill: Leave without a clean end.
        """

        async def main() -> list[list[int]]:
            seen = []
            with Journal(self.journal_path, INPUTS) as journal:
                output = OrderedOutput(self.out, journal)
                for index in list(journal.done_indexes()):
                    output.settle(index)
                try:
                    for index in finishing:
                        if index in failing:
                            failure = Failure(index=index, id=str(index), reason="x", detail="")
                            await journal.add_failure(failure)
                        else:
                            await journal.add_done(index, str(index), persona(str(index)))
                        output.settle(index)
                        seen.append(self.held())
                    if not kill:
                        output.finish()
                finally:
                    if output._file is not None:
                        output._file.close()
            return seen

        return asyncio.run(main())

    def held(self) -> list[int]:
        """Return the records in the file; fails on a line that is not whole."""
        if not self.out.exists():
            return []
        data = self.out.read_bytes()
        assert data.endswith(b"\n") or not data
        return [int(orjson.loads(line)["name"]) for line in data.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_record_is_written_once_all_before_it_have_an_outcome(folder: Folder) -> None:
    assert folder.run([2, 0, 1, 3]) == [[], [0], [0, 1, 2], [0, 1, 2, 3]]


def test_a_failure_does_not_hold_up_the_others(folder: Folder) -> None:
    """It leaves a gap, which the next run fills, in its place."""
    assert folder.run([1, 0, 2], failing=frozenset({0})) == [[], [1], [1, 2]]
    folder.run([0])
    assert folder.held() == [0, 1, 2]


def test_stopped_with_gaps_the_file_has_all_that_is_done(folder: Folder) -> None:
    """In order, and again after the gaps were filled."""
    folder.run([3, 1])
    assert folder.held() == [1, 3]
    folder.run([2, 0, 4])
    assert folder.held() == [0, 1, 2, 3, 4]


@settings(max_examples=25, deadline=None)
@given(
    order=st.permutations(range(7)),
    cuts=st.lists(st.integers(0, 7), max_size=3),
    failing=st.frozensets(st.integers(0, 6), max_size=2),
    kills=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_in_order_at_every_moment_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    cuts: list[int],
    failing: frozenset[int],
    kills: list[bool],
) -> None:
    """Any order of finishing, failures that later succeed, runs that are killed or stopped anywhere."""
    folder = Folder(tmp_path_factory.mktemp("output"))
    bounds = [0, *sorted(cuts), 7]
    for run, (begin, end) in enumerate(itertools.pairwise(bounds)):
        for held in folder.run(order[begin:end], failing=failing, kill=kills[run]):
            assert held == sorted(held)
    folder.run(sorted(failing))
    assert folder.held() == list(range(7))


def test_a_line_that_is_written_in_part_is_taken_back(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a disk does that is nearly full: an error, whole lines, and the next run goes on."""
    folder.run([0])
    write, before = os.write, folder.out.read_bytes()
    inode = folder.out.stat().st_ino

    def part(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:7] if os.fstat(descriptor).st_ino == inode else data)

    monkeypatch.setattr(os, "write", part)
    with pytest.raises(OutputError, match="the disk is full"):
        folder.run([1])
    assert folder.out.read_bytes() == before
    monkeypatch.undo()
    folder.run([2])
    assert folder.held() == [0, 1, 2]


def test_the_file_is_there_from_the_start(folder: Folder) -> None:
    with Journal(folder.journal_path, INPUTS) as journal:
        OrderedOutput(folder.out, journal)
        assert folder.out.read_bytes() == b""


def test_a_torn_line_is_put_right(folder: Folder) -> None:
    """A power cut may leave half a line in the output; the journal knows the whole."""
    folder.run([0, 1])
    folder.out.write_bytes(folder.out.read_bytes()[:-5])
    folder.run([2])
    assert folder.held() == [0, 1, 2]


def test_a_file_that_is_gone_is_made_again(folder: Folder) -> None:
    folder.run([0, 1])
    folder.out.unlink()
    folder.run([])
    assert folder.held() == [0, 1]


def test_a_file_that_is_made_again_is_on_the_disk_before_it_replaces_the_old_one(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves the old file or the new one, whole; never an empty one under the old name."""
    folder.run([0, 1])
    folder.out.write_bytes(b"")
    synced: list[tuple[int, bytes]] = []
    real = os.fsync

    def recording(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, folder.out.read_bytes()))
        real(descriptor)

    with Journal(folder.journal_path, INPUTS) as journal:
        monkeypatch.setattr(os, "fsync", recording)
        OrderedOutput(folder.out, journal)
    assert folder.held() == [0, 1]
    # The file while the old one is still in place, then the folder with the new name in it.
    written = folder.out.read_bytes()
    assert synced == [(folder.out.stat().st_ino, b""), (folder.out.parent.stat().st_ino, written)]


def test_a_file_with_more_than_the_journal_knows_is_left_alone(folder: Folder) -> None:
    """Somebody else's chats, or a journal that was taken away."""
    folder.run([0, 1])
    before = folder.out.read_bytes()
    folder.journal_path.unlink()
    with pytest.raises(JournalError, match="--restart"):
        folder.run([0])
    assert folder.out.read_bytes() == before


def test_restart_throws_both_away(folder: Folder) -> None:
    folder.run([0, 1])
    with Journal(folder.journal_path, INPUTS, restart=True) as journal:
        OrderedOutput(folder.out, journal, restart=True)
        assert journal.done == 0
    assert folder.held() == []


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: os.truncate(path, 30)], ids=["gone", "cut"])
def test_a_file_that_was_harmed_meanwhile_is_whole_at_the_end(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async def main() -> None:
        with Journal(tmp_path / "chats.journal.jsonl", INPUTS) as journal:
            output = OrderedOutput(tmp_path / "chats.jsonl", journal)
            for index in range(3):
                await journal.add_done(index, str(index), persona(str(index)))
                output.settle(index)
                if index == 1:
                    harm(tmp_path / "chats.jsonl")
            output.finish()

    asyncio.run(main())
    assert Folder(tmp_path).held() == [0, 1, 2]
