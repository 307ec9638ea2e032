"""``generate experiences`` cut off and run again: every job is shown the same examples as without that."""

from __future__ import annotations

import asyncio
from pathlib import Path

from soc_gen.engine.context import RunContext
from soc_gen.engine.execute import StageResult, run_stage
from soc_gen.engine.stop import Stop
from soc_gen.io.jsonl import read_jsonl
from soc_gen.io.resources import shipped
from soc_gen.models import Persona
from soc_gen.settings import Endpoint
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.run import ExperiencesStage
from tests.support.loopback_endpoint import Behaviour, Exchange, LoopbackEndpoint

COUNT, ROUND = 12, 4
CONFIG = ExperiencesConfig(count=COUNT, block_size=COUNT, round_size=ROUND, examples=8)


def generate(out: Path, endpoint: LoopbackEndpoint, stop: Stop | None = None) -> StageResult:
    """Run the stage with one slot, so that requests come in the order of the jobs."""
    rows = read_jsonl(shipped("seeds") / "personas.jsonl", Persona)
    stage = ExperiencesStage([row for row in rows if isinstance(row, Persona)], CONFIG)
    context = RunContext(Endpoint(base_urls=(endpoint.url,), concurrency=1), stop=stop or Stop())
    return asyncio.run(run_stage(stage, out, context))


def asked_by_others(endpoint: LoopbackEndpoint) -> set[str]:
    """Return the keys of the answered requests of all jobs but the first; equal prompts have equal keys."""
    first = endpoint.log[0].conversation
    return {one.key for one in endpoint.log if one.answered and one.conversation != first}


def refuse_first(exchange: Exchange) -> str | None:
    return "http_451" if exchange.number == 0 else None


def test_a_failure_that_the_next_run_makes_up_for_changes_no_other_prompt(tmp_path: Path) -> None:
    """The first job fails, the run is stopped in the second round, the next run obtains the job.

    Later rounds are asked as if the job had stayed failed: the first outcome is the one that counts.
    """
    with LoopbackEndpoint(Behaviour(plan=refuse_first)) as endpoint:
        whole = generate(tmp_path / "whole.jsonl", endpoint)
        expected = asked_by_others(endpoint)
    assert [failure.index for failure in whole.failures] == [0]
    assert len(expected) >= COUNT - 1

    stop = Stop()

    def plan(exchange: Exchange) -> str | None:
        if exchange.number == ROUND + 3:
            stop.set("interrupted")
        return refuse_first(exchange)

    out = tmp_path / "resumed.jsonl"
    with LoopbackEndpoint(Behaviour(plan=plan)) as endpoint:
        assert ROUND <= generate(out, endpoint, stop).records < 2 * ROUND
        endpoint.behave(plan=None)
        assert generate(out, endpoint).failures == ()
        assert asked_by_others(endpoint) == expected
        assert endpoint.repeated == 0
    assert out.read_bytes().splitlines()[1:] == (tmp_path / "whole.jsonl").read_bytes().splitlines()
