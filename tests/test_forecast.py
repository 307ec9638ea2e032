"""``soc rollout --dry-run``: what a rollout would take, beside what it then takes."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from soc_gen.stages.rollout.forecast import JournalProgress, paid
from tests.support.loopback_endpoint import Behaviour, LoopbackEndpoint
from tests.support.runs import Project

PRICES = "[endpoint.prices]\ninput = 1.0\noutput = 2.0\ncached_input = 0.25\n"


@pytest.mark.parametrize(
    ("max_turns", "settings", "end_rate"),
    [
        (30, "", 0.05),
        (20, "min_turns = 17", 0.5),
        (100, "max_chat_tokens = 2500", 0.0),
        (12, 'min_turns = 6\nformat = "transcript"', 0.0),
    ],
    ids=["json", "late ends", "long talks", "transcript"],
)
def test_a_dry_run_asks_nothing_and_comes_close(
    tmp_path: Path, max_turns: int, settings: str, end_rate: float
) -> None:
    """Conversations as many, calls, tokens and cost within a third."""
    project = Project(tmp_path, 12)
    config = tmp_path / "soc.toml"
    config.write_text(f"{PRICES}[rollout]\n{settings}\n")
    with LoopbackEndpoint(Behaviour(end_rate=end_rate)) as endpoint:
        command = ("--config", str(config), "--max-turns", str(max_turns), "--json")
        forecast = orjson.loads(project.soc(endpoint.url, *command, "--dry-run").stdout)
        assert endpoint.requests == 0
        assert not project.out.exists()
        report = orjson.loads(project.soc(endpoint.url, *command).stdout)[0]
    taken = {"calls": report["replies"], "cost": report["cost"]} | {
        f"{kind}_tokens": count for kind, count in report["tokens"].items()
    }
    assert forecast["conversations"] == report["records"] == 12
    for name in ("calls", "prompt_tokens", "cached_tokens", "cost"):
        assert forecast[name] == pytest.approx(taken[name], rel=0.33), name


def test_a_dry_run_leaves_out_what_earlier_runs_have_paid_for(tmp_path: Path) -> None:
    """Finished conversations, and the turns of those that were broken off."""
    project = Project(tmp_path, 12)
    with LoopbackEndpoint() as endpoint:
        turns = ("--min-turns", "8")
        whole = orjson.loads(project.soc(endpoint.url, *turns, "--dry-run", "--json").stdout)
        project.soc(endpoint.url, *turns, "--max-total-tokens", "60000", "--concurrency", "3")
        spent, done = endpoint.requests, len(project.chats())
        assert 0 < done < 9
        rest = orjson.loads(project.soc(endpoint.url, *turns, "--dry-run", "--json").stdout)
        assert (rest["finished"], rest["conversations"]) == (done, 12 - done)
        assert rest["calls"] == whole["calls"] - spent == 12 * 8 - spent
        assert 0 < rest["cached_tokens"] < rest["prompt_tokens"] < whole["prompt_tokens"]
        again = orjson.loads(project.soc(endpoint.url, *turns, "--dry-run", "--json", "--restart").stdout)
        assert again == whole
        project.soc(endpoint.url, *turns)
        assert "Nothing is left" in project.soc(endpoint.url, *turns, "--dry-run").stdout
        assert endpoint.repeated == 0  # whether a reply must be asked for again is up to the prompts


def test_a_dry_run_does_not_count_on_another_runs_journal(tmp_path: Path) -> None:
    """The rollout would refuse it; so it says that, and counts from nothing."""
    project = Project(tmp_path, 3)
    with LoopbackEndpoint(Behaviour(end_rate=0.5)) as endpoint:
        project.soc(endpoint.url)
        done = project.soc(endpoint.url, "--model", "another", "--dry-run", "--json")
    forecast = orjson.loads(done.stdout)
    assert (forecast["finished"], forecast["conversations"]) == (0, 3)
    assert "model was loopback-model, is another" in done.stderr
    assert "--restart" in done.stderr


def test_a_dry_run_reads_the_journal_of_a_run_that_was_killed(tmp_path: Path) -> None:
    """Its last line may be torn, and a file that is no journal says nothing."""
    journal = tmp_path / "chats.journal.jsonl"
    assert paid(journal) == JournalProgress()
    journal.write_bytes(
        b'{"kind":"header","inputs":{"model":"m"}}\n{"kind":"reply","id":"a","turn":0}\n'
        b'{"kind":"reply","id":"b","turn":3}\n{"kind":"done","id":"a"}\n{"kind":"rep'
    )
    assert paid(journal) == JournalProgress({"model": "m"}, frozenset({"a"}), {"b": 4})
    journal.write_bytes(b'[1]\n{"kind":7}\n{"kind":"reply"}\n')
    assert paid(journal) == JournalProgress()
