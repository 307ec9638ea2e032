"""Killed, or out of room, at any call of the operating system: the next run ends as if nothing had been."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.support.command import soc
from tests.support.publishing import chat, write_chats

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and asks /proc")
CLEAN = ("clean", "chats.jsonl", "--out", "clean.jsonl")
EXPORT = ("export", "chats.jsonl", "--out", "rows")
SPLIT = (*EXPORT, "--test-size", "0.5")
REHEARSE = ("push-to-hub", "clean.jsonl", "mia/night-chats", "--dry-run")
RUNS = [
    pytest.param(CLEAN, [], id="clean"),
    pytest.param(CLEAN, [CLEAN], id="clean over an older output"),
    pytest.param((*EXPORT, "--format", "parquet"), [SPLIT], id="export over one of other files"),
    pytest.param((*REHEARSE, "--parquet"), [CLEAN, REHEARSE], id="dry run over an older one"),
]


@pytest.mark.parametrize(("words", "before"), RUNS)
def test_no_call_at_which_it_ends_leaves_a_trace(
    tmp_path: Path, words: tuple[str, ...], before: list[tuple[str, ...]]
) -> None:
    """The next run is accepted, gives the same files, and removes what was written aside."""
    write_chats(tmp_path / "chats.jsonl", [chat(number) for number in range(3)])
    for earlier in before:
        assert soc(*earlier, cwd=tmp_path).returncode == 0
    if words[0] != "push-to-hub":
        write_chats(tmp_path / "chats.jsonl", [chat(number) for number in range(1, 7)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.kill_points", "--json", tmp_path, *words],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=True,
        timeout=300,
    )
    points = list(map(orjson.loads, done.stdout.splitlines()))
    assert [point for point in points if not point["is_well"]] == []
    assert len(points) > 20
    assert {point["kind"] for point in points} == {"kill", "full"}
