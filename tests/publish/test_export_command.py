"""``soc export`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from soc_gen.cli.app import app
from soc_gen.errors import UsageError
from tests.support.publishing import chat, write_chats


def run(*arguments: str | Path) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["export", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    return write_chats(tmp_path / "clean.jsonl", [chat(number) for number in range(10)])


def test_it_prints_the_files_and_what_to_do_next(chats: Path, tmp_path: Path) -> None:
    """One line for each file in a pipe; the notes for trainers are named on stderr."""
    out, err = run(chats, "--out", tmp_path / "x", "--test-size", "0.2")
    folder = tmp_path / "x"
    expected = [["file", "rows"], [str(folder / "train.jsonl"), "16"], [str(folder / "test.jsonl"), "4"]]
    assert [line.split() for line in out.splitlines()] == expected
    assert "axolotl.yaml" in err


def test_bad_lines_are_told_with_their_place(chats: Path, tmp_path: Path) -> None:
    """And the rest is exported."""
    chats.write_text("{}\n" + chats.read_text())
    out, err = run(chats, "--out", tmp_path / "x", "--json")
    assert json.loads(out) == {
        "files": {"train.jsonl": 20}, "chats": 10, "without_rows": 0, "left_out_by_split": 0, "bad_lines": 1
    }  # fmt: skip
    assert f"left out: {chats}:1: chat_id: Field required" in err


def test_options_reach_the_rows(chats: Path, tmp_path: Path) -> None:
    """Format, side and tags."""
    words = ("--format", "sharegpt", "--perspective", "persona2", "--tags", "verbalize")
    run(chats, "--out", tmp_path / "x", *words)
    row = json.loads((tmp_path / "x" / "train.jsonl").read_text().splitlines()[0])
    assert [turn["from"] for turn in row["conversations"]] == ["system", "human", "gpt", "human", "gpt"]
    assert "[sends a picture: a kiln, in pieces] look" in row["conversations"][1]["value"]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no such file"), ("", "is empty: there is nothing to do")]
)
def test_a_missing_or_empty_file_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    """Exit code 2 by ``main``."""
    if content is not None:
        (tmp_path / "c.jsonl").write_text(content)
    with pytest.raises(UsageError, match=said):
        run(tmp_path / "c.jsonl", "--out", tmp_path / "x")


@pytest.mark.parametrize("name", ["train.jsonl", "axolotl.yaml", "dataset_info.json"])
def test_files_of_no_earlier_export_are_left_alone(chats: Path, tmp_path: Path, name: str) -> None:
    """The chats themselves, or anything else that happens to be called so."""
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / name).write_bytes(chats.read_bytes())
    with pytest.raises(UsageError, match="of no earlier export"):
        run(folder / name if name == "train.jsonl" else chats, "--out", folder)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == chats.read_bytes()


def test_an_export_replaces_an_earlier_one_and_nothing_else(chats: Path, tmp_path: Path) -> None:
    """Its test part goes when there is none any more; a test.jsonl of somebody else stays."""
    folder = tmp_path / "x"
    run(chats, "--out", folder, "--test-size", "0.2")
    run(chats, "--out", folder)
    assert not (folder / "test.jsonl").exists()
    (folder / "test.jsonl").write_text("mine")
    run(chats, "--out", folder)
    assert (folder / "test.jsonl").read_text() == "mine"
