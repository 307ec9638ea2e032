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
    from soc_gen.engine.probe import Finding


@takes(*MODEL)
def check(
    settings: RunConfig,
    as_json: options.AsJson = False,
) -> None:
    """Ask the endpoint one structured question and one plain one; say what it can do and how fast.

    For example:

      soc check

      soc check --base-url http://localhost:8000/v1

      soc check --base-url URL --model Qwen/Qwen3-235B-A22B-Instruct-2507 --api-key-env MY_KEY
    """
    from soc_gen.engine.probe import probe
    from soc_gen.llm.embedded.serve import ensure_endpoint

    with download_progress() as progress, ensure_endpoint(settings.endpoint, progress) as endpoint:
        findings = asyncio.run(probe(endpoint))
    _show(findings, as_json=as_json)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def _show(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    rows = [(finding.question, "yes" if finding.good else "NO", finding.answer) for finding in findings]
    table("What this endpoint can do", ("question", "", "answer"), rows)
    for finding in findings:
        if not finding.good:
            out.print(f"{finding.question}: NO. {finding.hint}.")
