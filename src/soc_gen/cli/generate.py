"""``soc generate experiences``: who meets, and why they write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soc_gen.cli import options
from soc_gen.cli.console import as_word


def experiences(
    count: Annotated[int | None, typer.Option(min=1, help="How many.", show_default=False)] = None,
    personas: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|HUB_ID",
            help="JSONL, CSV or Parquet, or a Hub dataset; the shipped bank when not given.",
            show_default=False,
        ),
    ] = None,
    personas_revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of the Hub dataset.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="JSONL of experiences.")] = Path("data/experiences.jsonl"),
    base_url: options.BaseUrls = None,
    model: options.Model = None,
    api_key_env: options.ApiKeyEnv = None,
    embedded_model: options.EmbeddedModel = None,
    concurrency: options.Concurrency = None,
    seed: options.Seed = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    top_k: options.TopK = None,
    min_p: options.MinP = None,
    max_tokens: options.MaxTokens = None,
    max_cost: options.MaxCost = None,
    max_total_tokens: options.MaxTotalTokens = None,
    max_minutes: options.MaxMinutes = None,
    config: options.ConfigName = None,
    restart: options.Restart = False,
    as_json: options.AsJson = False,
) -> None:
    """Pair personas of similar age, give each pair a relationship, and have the model invent why they write.

    A larger --count later goes on where the smaller one ended.

    For example:

      soc generate experiences --count 20

      soc generate experiences --count 1000 --personas marcodsn/SPB-2508 --base-url http://localhost:8000/v1
    """
    wanted = {"count": count, "personas": personas, "personas_revision": personas_revision}
    settings = options.config_from(locals(), "experiences", experiences=wanted)
    from soc_gen.cli.summary import finish
    from soc_gen.cli.watch import run_stages
    from soc_gen.io.files import check_output
    from soc_gen.stages.experiences.personas import read_bank
    from soc_gen.stages.experiences.run import ExperiencesStage

    check_output(out, [settings.experiences.personas])
    bank = read_bank(settings.experiences)
    plan = (lambda: ExperiencesStage(bank, settings.experiences, settings.random_seed), out)
    reports = run_stages(settings, [plan], restart=restart)
    finish(reports, f"Next: soc rollout {as_word(out)}", as_json=as_json)
