"""``soc rollout --dry-run``: what a rollout would take, beside what it then takes."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.engine.runs import Project
from tests.loopback_endpoint import Behaviour, LoopbackEndpoint

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
