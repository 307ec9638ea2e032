"""The journal: durable, resumable, refused where it does not belong."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soc_gen.engine.compatibility import ROW_BYTES, differences
from soc_gen.engine.journal import Journal
from soc_gen.errors import JournalError, OutputError
from soc_gen.llm.types import Usage
from soc_gen.models import Failure
from tests.support.journals import INPUTS, persona, reply, request


def rows(*names: str) -> bytes:
    return b"".join(name.encode().ljust(ROW_BYTES, b"\0") for name in names)


def keeping(
    path: Path,
    act: Callable[[Journal], Awaitable[None]],
    names: bytes = b"",
    inputs: dict[str, Any] | None = None,
) -> None:
    """Open the journal at ``path``, do ``act`` with it, close it."""

    async def main() -> None:
        with Journal(path, inputs or INPUTS, row_digests=names) as journal:
            await act(journal)

    asyncio.run(main())


def read(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chats.journal.jsonl"


def test_a_reply_that_was_kept_is_found_again(path: Path) -> None:
    """With its text, tokens and where it came from; totals count it."""

    async def act(journal: Journal) -> None:
        await journal.add_reply(request(), reply("ciao è 🦀"))

    keeping(path, act)
    with Journal(path, INPUTS) as journal:
        assert journal.find(request()) == reply("ciao è 🦀")
        assert journal.find(request(turn=1)) is None
        assert journal.find(request(attempt=1)) is None
        assert (journal.totals.replies, journal.totals.usage) == (1, Usage(10, 4, 2))


def test_a_reply_is_on_the_disk_when_adding_it_returns(path: Path) -> None:
    """A reader of the file finds it, whole."""

    async def act(journal: Journal) -> None:
        await journal.add_reply(request(), reply())
        assert orjson.loads(read(path).splitlines()[-1])["text"] == "hey"

    keeping(path, act)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Record the inode and the size of every file and folder at the moment it is synced to disk."""
    found: list[tuple[int, int]] = []
    real = os.fsync

    def recording(descriptor: int) -> None:
        state = os.fstat(descriptor)
        found.append((state.st_ino, state.st_size))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    return found


def test_every_kind_of_line_is_synced_before_adding_it_returns(
    path: Path, synced: list[tuple[int, int]]
) -> None:
    """With all its bytes: after a power cut nothing that was acknowledged is missing."""

    async def act(journal: Journal) -> None:
        failure = Failure(index=1, id="d", reason="bad_turn", detail="x")
        for adding in (
            journal.add_reply(request(), reply()),
            journal.add_done(0, "c", persona("Ana")),
            journal.add_failure(failure),
            journal.add_time(1.5, {"timeout": 1}),
        ):
            synced.clear()
            await adding
            on_disk = os.stat(path)  # noqa: PTH116 - Path.stat is refused in coroutines
            assert synced == [(on_disk.st_ino, on_disk.st_size)]

    keeping(path, act)


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced on Windows")
def test_a_new_journal_is_synced_and_so_is_the_name_of_its_file(
    path: Path, synced: list[tuple[int, int]]
) -> None:
    """A synced file whose folder is not synced may be gone after a power cut."""
    with Journal(path, INPUTS):
        header = (path.stat().st_ino, path.stat().st_size)
        assert synced[0] == header
        assert [inode for inode, _ in synced[1:]] == [path.parent.stat().st_ino]


def test_lines_that_arrive_together_share_a_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred at once take a few, and each one is there."""
    synced = 0
    real = os.fsync

    def counting(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        real(descriptor)

    async def act(journal: Journal) -> None:
        nonlocal synced
        synced = 0
        await asyncio.gather(*(journal.add_reply(request(f"c{n}"), reply(str(n))) for n in range(200)))
        assert 1 <= synced <= 3

    monkeypatch.setattr(os, "fsync", counting)
    keeping(path, act)
    with Journal(path, INPUTS) as journal:
        for n in range(200):
            assert journal.find(request(f"c{n}")) == reply(str(n))


def test_a_prompt_that_would_be_another_now_is_refused(path: Path) -> None:
    """Never an answer to a question that was not asked."""

    async def act(journal: Journal) -> None:
        await journal.add_reply(request(), reply())

    keeping(path, act)
    with Journal(path, INPUTS) as journal, pytest.raises(JournalError, match="asked differently"):
        journal.find(request(text="hi there"))


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"model": "other"}, "model was m, is other"),
        ({"random_seed": 2}, "random_seed was 1, is 2"),
        (
            {"rollout": {"max_turns": 8, "sampling": {"temperature": 0.9}}},
            "rollout.sampling.temperature was 0.8",
        ),
    ],
)
def test_other_inputs_are_refused_by_name(path: Path, change: dict[str, Any], shown: str) -> None:
    """Which differ, and what to do; --restart throws it away."""
    Journal(path, INPUTS).__exit__()
    with pytest.raises(JournalError) as caught:
        Journal(path, INPUTS | change)
    assert shown in str(caught.value)
    assert "--restart" in str(caught.value)
    assert "--out" in str(caught.value)
    Journal(path, INPUTS | change, restart=True).__exit__()
    Journal(path, INPUTS | change).__exit__()


@pytest.mark.parametrize(
    ("now", "places"), [("abcd", [0, 1]), ("axbc", [0, 2]), ("xab", [1, 2]), ("ab", [0, 1])]
)
def test_an_input_may_grow_at_its_end_or_between(path: Path, now: str, places: list[int]) -> None:
    """What was done is done at its new place, on this run and the next."""

    async def first(journal: Journal) -> None:
        await journal.add_done(0, "a", persona("Ana"))
        await journal.add_done(1, "b", persona("Ben"))

    keeping(path, first, rows(*"ab"))
    for _ in range(2):
        with Journal(path, INPUTS, row_digests=rows(*now)) as journal:
            assert list(journal.done_indexes()) == places
            assert [orjson.loads(journal.record(place))["name"] for place in places] == ["Ana", "Ben"]


def test_an_input_that_grows_twice_keeps_what_came_between(path: Path) -> None:
    async def at_zero(journal: Journal) -> None:
        await journal.add_done(0, "b", persona("Ben"))

    async def at_one(journal: Journal) -> None:
        await journal.add_done(1, "c", persona("Cy"))

    keeping(path, at_zero, rows("b"))
    keeping(path, at_one, rows("b", "c"))
    with Journal(path, INPUTS, row_digests=rows("a", "b", "x", "c")) as journal:
        assert list(journal.done_indexes()) == [1, 3]


@pytest.mark.parametrize("now", ["a", "ba", "xb", ""])
def test_an_input_that_lost_or_changed_a_finished_record_is_another(path: Path, now: str) -> None:
    async def both(journal: Journal) -> None:
        await journal.add_done(0, "a", persona("Ana"))
        await journal.add_done(1, "b", persona("Ben"))

    keeping(path, both, rows(*"ab"))
    with pytest.raises(JournalError, match="--restart"):
        Journal(path, INPUTS, row_digests=rows(*now))


@pytest.mark.parametrize(("now", "place"), [("xb", 1), ("b", 0), ("xxb", 2), ("bx", 0)])
def test_what_is_not_finished_may_be_mended_or_taken_out(path: Path, now: str, place: int) -> None:
    """The rest stays done, at its new place."""

    async def second(journal: Journal) -> None:
        await journal.add_done(1, "b", persona("Ben"))

    keeping(path, second, rows(*"ab"))
    for _ in range(2):
        with Journal(path, INPUTS, row_digests=rows(*now)) as journal:
            assert list(journal.done_indexes()) == [place]


def test_a_torn_last_line_is_asked_for_again(path: Path) -> None:
    """A killed writer's half line goes; all before it stays."""

    async def act(journal: Journal) -> None:
        await journal.add_reply(request(), reply("one"))
        await journal.add_reply(request(turn=1), reply("two"))

    keeping(path, act)
    whole = path.read_bytes()
    for cut in range(1, 60):
        path.write_bytes(whole[:-cut])
        with Journal(path, INPUTS) as journal:
            assert journal.find(request()) == reply("one")
            assert journal.find(request(turn=1)) is None


def test_a_journal_cut_anywhere_opens_with_what_is_left(path: Path) -> None:
    """Truncated, even in its header: nothing but the end is lost."""

    async def act(journal: Journal) -> None:
        for turn in range(3):
            await journal.add_reply(request(turn=turn), reply(str(turn)))

    keeping(path, act)
    whole = path.read_bytes()
    lines = whole.count(b"\n")
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        with Journal(path, INPUTS) as journal:
            found = [journal.find(request(turn=turn)) for turn in range(3)]
        kept = max(0, whole[:cut].count(b"\n") - 1)
        assert [entry is not None for entry in found] == [turn < kept for turn in range(lines - 1)]


@pytest.mark.parametrize(
    "damage", [b"\0\0\0\0", b"[]", b"{}", b'{"kind":"reply"}', b'{"kind":"done","index":"x"}']
)
def test_a_damaged_line_is_left_out_and_named(path: Path, damage: bytes) -> None:
    """File, line and how many; what is whole before and after it is read, and nothing is thrown away."""

    async def act(journal: Journal) -> None:
        await journal.add_reply(request(), reply())

    keeping(path, act)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + damage + b"\n" + lines[1])
    before = path.read_bytes()
    with Journal(path, INPUTS) as journal:
        assert journal.find(request()) == reply()
        assert journal.damage().startswith(f"{path}:2: 1 damaged line left out")
    assert path.read_bytes() == before


def test_a_reply_after_a_lost_one_is_void(path: Path) -> None:
    """Its request had the lost reply in it. It stays void for all later runs; what came before it is kept."""

    async def three(journal: Journal) -> None:
        for turn in range(3):
            await journal.add_reply(request(turn=turn), reply(f"old {turn}"))

    async def again(journal: Journal) -> None:
        assert journal.find(request(turn=0)) == reply("old 0")
        assert journal.find(request(turn=1)) is None
        await journal.add_reply(request(turn=1), reply("new 1"))
        assert journal.find(request(turn=2)) is None

    keeping(path, three)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2][:40] + b"\n", *lines[3:]]))
    keeping(path, again)
    with Journal(path, INPUTS) as journal:
        found = [journal.find(request(turn=turn)) for turn in range(3)]
    assert found == [reply("old 0"), reply("new 1"), None]


@pytest.mark.parametrize(("now", "done"), [("ab", [0, 1]), ("xab", [])])
def test_after_damage_a_place_counts_only_in_the_same_input(path: Path, now: str, done: list[int]) -> None:
    """The damaged line may have said that the input changed; records are made again from their replies."""

    async def act(journal: Journal) -> None:
        for index, key in enumerate("ab"):
            await journal.add_reply(request(key), reply(key))
            await journal.add_done(index, key, persona(key))

    keeping(path, act, rows(*"ab"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\0\n", *lines[1:]]))
    for _ in range(2):
        with Journal(path, INPUTS, row_digests=rows(*now)) as journal:
            assert list(journal.done_indexes()) == done
            assert [journal.find(request(key)) == reply(key) for key in "ab"] == [not done] * 2


@pytest.mark.parametrize("index", [2, 10**9])
def test_a_record_beyond_the_input_is_damage(path: Path, index: int) -> None:
    """Also far beyond: no memory is taken for it. The last one of the input is none."""
    keeping(path, lambda journal: journal.add_done(1, "b", persona("Ben")), rows(*"ab"))
    with path.open("ab") as file:
        record = persona("Cy").model_dump()
        file.write(orjson.dumps({"kind": "done", "index": index, "id": "c", "record": record}) + b"\n")
    with Journal(path, INPUTS, row_digests=rows(*"ab")) as journal:
        assert (list(journal.done_indexes()), journal.damaged) == ([1], [3])


def test_a_file_that_is_no_journal_is_left_alone(path: Path) -> None:
    path.write_text('{"name": "my precious data"}\n')
    with pytest.raises(JournalError):
        Journal(path, INPUTS)
    assert "precious" in path.read_text()


HOLDER = """
import sys, pathlib
from soc_gen.engine.journal import Journal
with Journal(pathlib.Path(sys.argv[1]), {"model": "m"}):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_with_the_pid_of_the_first(path: Path) -> None:
    """At once; and when the first was killed its lock is no obstacle."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "open\n"
    try:
        with pytest.raises(OutputError, match=f"process {holder.pid}"):
            Journal(path, {"model": "m"})
        with pytest.raises(OutputError):
            Journal(path, {"model": "m"}, restart=True)
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    assert (path.parent / f".{path.stem}.lock").exists()
    Journal(path, {"model": "m"}).__exit__()


FULL = """
import asyncio, pathlib, resource, signal, sys
from soc_gen.errors import OutputError
from soc_gen.engine.journal import Journal
from tests.support.journals import INPUTS
from tests.support.journals import reply
from tests.support.journals import request

async def main(path):
    with Journal(path, INPUTS) as journal:
        await journal.add_reply(request(), reply("kept"))
        size = path.stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        try:
            await journal.add_reply(request(turn=1), reply("x" * 5000))
        except OutputError as error:
            print(error)
        assert path.stat().st_size == size, "not cut back"
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await journal.add_reply(request(turn=2), reply("after"))

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are a thing of Unix")
def test_a_write_that_fails_is_cut_back_to_whole_lines(path: Path) -> None:
    """The file may grow by 100 bytes: the long reply is an error, what was there stays, room helps."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert str(path) in done.stdout
    with Journal(path, INPUTS) as journal:
        assert journal.find(request()) == reply("kept")
        assert journal.find(request(turn=1)) is None
        assert journal.find(request(turn=2)) == reply("after")


def test_a_full_disk_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def act(journal: Journal) -> None:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="the disk is full"):
            await journal.add_reply(request(), reply())
        monkeypatch.undo()

    keeping(path, act)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Here: a file stands where the folder should be."""
    (tmp_path / "data").write_text("")
    with pytest.raises(OutputError, match="same command again; in another place it begins anew"):
        Journal(tmp_path / "data" / "chats.journal.jsonl", INPUTS)


def test_a_failure_is_counted_and_pending(path: Path) -> None:
    async def act(journal: Journal) -> None:
        await journal.add_failure(Failure(index=3, id="c", reason="bad_turn", detail="x"))

    keeping(path, act)
    with Journal(path, INPUTS) as journal:
        assert journal.failed_attempts["c"] == 1
        assert journal.failed_indexes == [3]
        assert journal.pending == {3: Failure(index=3, id="c", reason="bad_turn", detail="x")}
        assert not journal.is_done(3)


def test_a_pending_failure_follows_the_input_until_it_is_done(path: Path) -> None:
    async def fails(journal: Journal) -> None:
        await journal.add_failure(Failure(index=1, id="b", reason="bad_turn", detail="x"))

    async def does(journal: Journal) -> None:
        assert {index: failure.index for index, failure in journal.pending.items()} == {2: 2}
        await journal.add_done(2, "b", persona("Ben"))
        assert journal.pending == {}

    keeping(path, fails, rows(*"ab"))
    keeping(path, does, rows(*"axb"))
    with Journal(path, INPUTS, row_digests=rows(*"axb")) as journal:
        assert journal.pending == {}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.text(max_size=20)), max_size=12))
def test_whatever_was_said_comes_back(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, int, str]]
) -> None:
    """Any text, in any order of conversations and turns; the last reply to a question counts."""
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"

    async def act(journal: Journal) -> None:
        for conversation, turn, text in said:
            await journal.add_reply(request(str(conversation), turn), reply(text))

    keeping(path, act)
    with Journal(path, INPUTS) as journal:
        for conversation, turn, text in {(c, t): (c, t, text) for c, t, text in said}.values():
            found = journal.find(request(str(conversation), turn))
            assert found is not None
            assert found.text == text


def test_what_is_not_finished_may_also_move(path: Path) -> None:
    """A record that was given up and put at the end of the input; what stood behind it stays done."""

    async def second(journal: Journal) -> None:
        await journal.add_failure(Failure(index=0, id="a", reason="x", detail=""))
        await journal.add_done(1, "b", persona("Ben"))

    keeping(path, second, rows(*"ab"))
    for _ in range(2):
        with Journal(path, INPUTS, row_digests=rows(*"ba")) as journal:
            assert list(journal.done_indexes()) == [0]
            assert list(journal.pending) == [1]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: os.truncate(path, 40)], ids=["gone", "cut"])
def test_a_journal_that_is_taken_away_stops_the_run(path: Path, harm: Callable[[Path], None]) -> None:
    """Nothing more is paid for that nobody could resume from."""

    async def act(journal: Journal) -> None:
        await journal.add_reply(request(), reply())
        harm(path)
        with pytest.raises(OutputError, match="during the run"):
            await journal.add_reply(request(turn=1), reply())

    keeping(path, act)


def test_of_many_differences_the_first_are_named_and_the_model_leads() -> None:
    """The error stays a line that is read."""
    old = {"model": "a", "rollout": dict.fromkeys("ghijkl", 0)}
    new = {"model": "b", "rollout": dict.fromkeys("ghijkl", 1)}
    assert differences(old, old) == ""
    assert differences(old, new) == (
        "model was a, is b; rollout.g was 0, is 1; rollout.h was 0, is 1; rollout.i was 0, is 1; and 3 more"
    )


def test_a_refused_journal_leaves_the_lock_free(path: Path) -> None:
    """The run it belongs to can open it while the error is still being shown."""
    Journal(path, INPUTS).__exit__()
    with pytest.raises(JournalError) as refused:
        Journal(path, INPUTS | {"model": "other"})
    Journal(path, INPUTS).__exit__()
    assert refused.value.where == str(path)


def test_a_header_that_cannot_be_written_leaves_the_lock_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="the disk is full") as failed:
            Journal(path, INPUTS)
    Journal(path, INPUTS).__exit__()
    assert failed.value.where == str(path)


def test_a_conversation_that_is_cancelled_takes_no_line_of_another_with_it(path: Path) -> None:
    """Both lines were under way together: both are written, and the other one is told so."""

    async def act(journal: Journal) -> None:
        cancelled = asyncio.create_task(journal.add_reply(request("a"), reply("one")))
        other = asyncio.create_task(journal.add_reply(request("b"), reply("two")))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait_for(other, 5)

    keeping(path, act)
    with Journal(path, INPUTS) as journal:
        assert journal.find(request("a")) == reply("one")
        assert journal.find(request("b")) == reply("two")
