"""``soc check``: what an endpoint can do and how fast, before a run depends on it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from soc_gen.cli import options
from soc_gen.cli.bars import download_progress
from soc_gen.cli.console import out, print_json, table
from soc_gen.cli.settings_options import MODEL, RunConfig, takes

if TYPE_CHECKING:
    from soc_gen.engine.probe import Finding, Trial
    from soc_gen.settings import Endpoint


@takes(*MODEL)
def check(
    settings: RunConfig,
    as_json: options.AsJson = False,
) -> None:
    """Have the endpoint write an experience and the first turns of a chat; say what it can do and how fast.

    It is asked as a run with the same config would ask: format, sampling, extra_body and all.

    For example:

      soc check

      soc check --base-url http://localhost:8000/v1 --config qwen3-vllm

      soc check --base-url URL --model Qwen/Qwen3-235B-A22B-Instruct-2507 --api-key-env MY_KEY
    """
    from soc_gen.engine.probe import probe
    from soc_gen.llm.embedded.serve import ensure_endpoint

    findings: list[Finding] = []
    for configured, trials in _trials(settings):
        with download_progress() as progress, ensure_endpoint(configured, progress) as endpoint:
            findings += asyncio.run(probe(endpoint, trials))
    _show(findings, as_json=as_json)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _trials(settings: RunConfig) -> list[tuple[Endpoint, list[Trial]]]:
    """Return the trials of each endpoint: the stages may share one, or have one each."""
    from soc_gen.io.jsonl import read_jsonl
    from soc_gen.io.resources import shipped
    from soc_gen.models import Experience
    from soc_gen.stages.experiences.trial import experience_trial
    from soc_gen.stages.rollout.trial import rollout_trial

    path = shipped("seeds") / "experiences.jsonl"
    seeds = [record for record in read_jsonl(path, Experience) if isinstance(record, Experience)]
    first, second = settings.endpoint_of("experiences"), settings.endpoint_of("rollout")
    experience, chat = (
        experience_trial(settings.experiences, seeds),
        rollout_trial(settings.rollout, seeds[0]),
    )
    return [(first, [experience, chat])] if first == second else [(first, [experience]), (second, [chat])]


def _show(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    rows = [(finding.question, "yes" if finding.good else "NO", finding.answer) for finding in findings]
    table("What this endpoint can do", ("question", "", "answer"), rows)
    for finding in findings:
        if not finding.good:
            out.print(f"{finding.question}: NO. {finding.hint}.")
        elif finding.hint:
            out.print(f"{finding.question}: yes, but: {finding.hint}.")
