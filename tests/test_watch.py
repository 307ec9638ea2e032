"""What is shown while a run is under way: on a terminal, and where nobody looks at one."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from soc_gen.cli import console, summary, watch
from soc_gen.engine.metrics import RunMetrics
from soc_gen.llm.types import Usage
from soc_gen.settings import Prices
from tests.support.loopback_endpoint import Behaviour, LoopbackEndpoint
from tests.support.runs import Project, env


def under_way() -> RunMetrics:
    meter = RunMetrics(
        prices=Prices(input=1.0, output=1.0), total=100, resumed=20, done=30, open=20, in_flight=18
    )
    meter.count(Usage(1_500_000, 900_000, 500_000))
    meter.retries = Counter(http_429=7, timeout=2)
    meter.rerolls = Counter(repeat=3)
    meter.failures = Counter(bad_turn=1, context_length=1)
    meter.ended = meter.started + 42.0
    return meter


def lines(meter: RunMetrics, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is said where stderr is no terminal, with no time between two lines."""
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        raise asyncio.CancelledError

    monkeypatch.setattr(watch, "_FIRST_LINE_SECONDS", 0.0)
    monkeypatch.setattr(watch, "tell", tell)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch._show_lines("rollout", meter))
    return said


def test_a_line_says_how_far_it_is_what_it_costs_and_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Done, open, in flight, pace, time left, tokens, money so far and expected, faults by kind."""
    assert lines(under_way(), monkeypatch) == [
        "rollout: 50/100 done, 2 failed, 20 open, 18 in flight, 1 turns/min, 38 s left · "
        "1.5M tokens in (60% cached), 500.0k out · $2.00 of about $3.81 · "
        "repeated: http_429 7, timeout 2 · asked again: repeat 3 · failed: bad_turn 1, context_length 1"
    ]


def test_the_display_loses_no_word_on_80_columns() -> None:
    """Bar and time left on the first line; what is below is wrapped between words."""
    screen = io.StringIO()
    Console(file=screen, width=80, soft_wrap=True).print(watch._frame("experiences", under_way()))
    shown = screen.getvalue().splitlines()
    assert shown[0].rstrip().endswith("50/100 done, 2 failed, 38 s left")
    assert "20 open, 18 in flight, 1 turns/min" in shown[1]
    assert " ".join(" ".join(shown[1:]).split()).endswith("failed: bad_turn 1, context_length 1")
    assert len(shown) <= 4


def test_the_summary_breaks_no_number_and_no_name_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run of some size; what may be broken is the text, between words."""
    screen = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, soft_wrap=True)
    monkeypatch.setattr(console, "out", screen)
    numbers = ("157,900", "25,302,493", "100%", "505,114", "1:09:08")
    rows = [("experiences", "10,000", "12 rejected", *numbers)]
    console.table("What was done", summary.COLUMNS, rows)
    assert isinstance(screen.file, io.StringIO)
    said = screen.file.getvalue()
    assert set(said.split()) >= {"experiences", "10,000", *numbers, "rejected"}
    assert max(map(len, said.splitlines())) <= 80


def test_a_run_that_waits_says_so_in_a_pipe_too(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = under_way()
    meter.waiting_for = "no endpoint answers (connection); waiting, for 590 s more at most"
    assert meter.waiting_for in lines(meter, monkeypatch)[0]


def test_what_is_open_counts_as_half_done() -> None:
    """The first of a thousand that are open does not make it a thousand times as long."""
    meter = RunMetrics(total=2000, open=999, done=1)
    meter.ended = meter.started + 100.0
    assert meter.eta() == pytest.approx(300, rel=0.01)
    assert RunMetrics(total=2000, open=1000).eta() is None


@pytest.mark.skipif(os.name == "nt", reason="pseudo-terminals are a thing of Unix")
def test_on_a_terminal_there_is_a_bar_that_goes_away(tmp_path: Path) -> None:
    """On stderr, so that stdout stays what a script reads."""
    project = Project(tmp_path)
    ours, theirs = os.openpty()
    with LoopbackEndpoint(Behaviour(latency=0.2)) as endpoint:
        done = subprocess.Popen(
            project.command(endpoint.url, "--concurrency", "6"),
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=env(TERM="xterm", COLUMNS="200"),
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # what Linux has for the end of it
                break
        out, _ = done.communicate(timeout=60)
    os.close(ours)
    assert done.returncode == 0, seen
    assert b"6 in flight" in seen
    assert b"turns/" in seen
    assert b"turns/" not in out
