"""``soc clean`` as it is typed: tables, JSON, exit codes, one-line errors."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from soc_gen.errors import OutputError
from soc_gen.io.files import atomic_write
from tests.support.people import chat, different, lines


def soc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from soc_gen.cli import main; main()", "clean", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(
        lines([different(1), different(1), chat(["Luna: hey"], ["ho"], chat_id="x", experience_id="x")])
    )
    return path


def test_the_summary_has_every_step_and_what_to_do_next(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "clean.jsonl"
    done = soc(str(source), "--out", str(out), "--show-examples")
    assert done.returncode == 0, done.stderr
    rows = dict(row.rsplit(maxsplit=1) for row in done.stdout.splitlines() if row.split()[-1:][0].isdigit())
    assert rows["read"] == "3"
    assert rows["repair: speaker_labels"] == "1"
    assert rows["rejected: duplicate_id"] == "1"
    assert rows["kept"] == "2"
    assert "  - Luna: hey\n  + hey\n" in done.stdout
    assert f"Next: soc push-to-hub {out} USER/NAME" in done.stdout
    assert out.read_bytes().count(b"\n") == 2


def test_nothing_does_not_replace_something(source: Path, tmp_path: Path) -> None:
    """The wrong file as input: one line, exit code 1, and the good output is as it was."""
    out, wrong = tmp_path / "clean.jsonl", tmp_path / "experiences.jsonl"
    assert soc(str(source), "--out", str(out)).returncode == 0
    before = out.read_bytes()
    wrong.write_text('{"persona1": {}}\n')
    done = soc(str(wrong), "--out", str(out))
    assert (done.returncode, out.read_bytes()) == (1, before)
    assert "nothing of 1 records would be kept (invalid_record: 1)" in done.stderr
    elsewhere = soc(str(wrong), "--out", str(tmp_path / "other.jsonl"))
    assert elsewhere.returncode == 1
    assert (tmp_path / "other.rejected.jsonl").read_bytes().count(b"\n") == 1


def test_a_file_of_somebody_else_is_not_replaced(source: Path, tmp_path: Path) -> None:
    """Only what a clean run wrote, which its manifest beside it tells."""
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("all of it")
    done = soc(str(source), "--out", str(thesis))
    assert (done.returncode, thesis.read_text()) == (2, "all of it")
    assert "no clean run wrote it" in done.stderr


def test_what_another_stage_wrote_is_not_replaced(source: Path, tmp_path: Path) -> None:
    """Chats that were paid for have a manifest too; and a file beside the output may be somebody's."""
    for name, text in (("run.jsonl", "{}"), ("run.manifest.json", '{"stage": "rollout"}')):
        (tmp_path / name).write_text(text)
    (tmp_path / "new.rejected.jsonl").write_text("mine")
    for out, named in (("run.jsonl", "run.jsonl"), ("new.jsonl", "new.rejected.jsonl")):
        done = soc(str(source), "--out", str(tmp_path / out))
        assert (done.returncode, f"{named}: is there, and no clean run wrote it" in done.stderr) == (2, True)
    assert (tmp_path / "run.jsonl").read_text() == "{}"
    assert (tmp_path / "new.rejected.jsonl").read_text() == "mine"


def test_the_manifest_has_the_digest_of_each_file(source: Path, tmp_path: Path) -> None:
    """So that a file that is not the one it tells of can be told."""
    out = tmp_path / "clean.jsonl"
    assert soc(str(source), "--out", str(out)).returncode == 0
    found = json.loads((tmp_path / "clean.manifest.json").read_text())["sha256"]
    for path in (out, tmp_path / "clean.rejected.jsonl"):
        assert found.pop(path.name) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == {}


def test_what_is_not_to_be_repeated_is_not_replaced(source: Path, tmp_path: Path) -> None:
    """``--against`` the file that would be written."""
    out = tmp_path / "clean.jsonl"
    assert soc(str(source), "--out", str(out)).returncode == 0
    before = out.read_bytes()
    done = soc(str(source), "--against", str(out), "--out", str(out))
    assert (done.returncode, out.read_bytes()) == (2, before)
    assert "is an input and would be replaced" in done.stderr


def test_a_packed_file_not_to_be_repeated_is_refused(source: Path, tmp_path: Path) -> None:
    done = soc(str(source), "--against", "old.jsonl.gz", "--out", str(tmp_path / "clean.jsonl"))
    assert done.returncode == 2
    assert "old.jsonl.gz: is packed" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="making links there wants a right of its own")
def test_what_a_link_leads_to_is_replaced_and_not_the_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    out = tmp_path / "clean.jsonl"
    out.symlink_to(tmp_path / "disk" / "clean.jsonl")
    assert soc(str(source), "--out", str(out)).returncode == 0
    assert out.is_symlink()
    assert (tmp_path / "disk" / "clean.jsonl").read_bytes() == out.read_bytes() != b""


def test_json_is_for_scripts(source: Path, tmp_path: Path) -> None:
    done = soc(
        str(source), "--out", str(tmp_path / "clean.jsonl"), "--json", "--near-duplicates", "off", "--shuffle"
    )
    facts = json.loads(done.stdout)
    assert (facts["in"], facts["kept"], facts["rejected"]) == (3, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jsonl"], "no such file"),
        (["."], "is a folder"),
        (
            ["x.jsonl", "--keep", "shortest"],
            "'--keep': 'shortest' is not one of 'longest', 'first'",
        ),
        (["x.jsonl", "--near-duplicates", "2"], "less than or equal to 1"),
        (["x.jsonl", "--out", "."], "is a folder"),
        (["x.jsonl", "--language", "english"], "clean.language"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments: list[str], words: str) -> None:
    done = soc(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_pipes_and_devices_are_neither_read_nor_replaced(source: Path, tmp_path: Path) -> None:
    """A file is read twice, so a pipe would hang; and as root a device would be replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for arguments in ([str(pipe)], [str(source), "--out", str(pipe)]):
        done = soc(*arguments)
        assert (done.returncode, pipe.is_fifo()) == (2, True)
        assert "is a pipe or a device" in done.stderr
    with pytest.raises(OutputError, match="is a pipe"), atomic_write(pipe):
        pass


@pytest.mark.parametrize(
    ("send", "which"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_an_interrupted_run_leaves_no_worker_trace_or_file(
    tmp_path: Path, send: Callable[[int, int], None], which: signal.Signals
) -> None:
    """Nothing is written, and the terminal, which interrupts the workers too, stays readable."""
    source = tmp_path / "chats.jsonl"
    source.write_bytes(lines([different(1)]) * 30_000)
    # A shell starts background jobs with SIGINT ignored, and children inherit that: reset it.
    reset = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = f"{reset}; from soc_gen.cli import main; main()"
    arguments = ["clean", str(source), "--out", str(tmp_path / "clean.jsonl"), "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        while run.poll() is None and len(psutil.Process(run.pid).children()) < 2:
            time.sleep(0.01)
        send(run.pid, which)
        _, said = run.communicate()
    assert run.returncode == 130
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["chats.jsonl"]


DYING = """
import os, signal, sys
from pathlib import Path
import psutil
from soc_gen.stages.clean.run import CleanJob, clean_files

def die(*_):
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

clean_files(CleanJob([sys.argv[1]], Path(sys.argv[2]), workers=2, progress=die))
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """By the kernel for want of memory, say: they would wait for ever."""
    source = tmp_path / "chats.jsonl"
    source.write_bytes(lines([different(1)]) * 600)
    command = [sys.executable, "-c", DYING, str(source), str(tmp_path / "clean.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout
        workers = [int(pid) for pid in run.stdout.readline().split()]
        there = [psutil.Process(pid) for pid in workers if psutil.pid_exists(pid)]
        _, alive = psutil.wait_procs(there, timeout=20)
        for process in alive:
            process.kill()
    assert len(workers) >= 2
    assert not alive
    assert not (tmp_path / "clean.jsonl").exists()


def test_an_output_that_cannot_be_written_is_one_line(source: Path) -> None:
    done = soc(str(source), "--out", "/proc/nowhere/clean.jsonl")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
