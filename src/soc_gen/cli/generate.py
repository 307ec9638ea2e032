"""``soc generate experiences``: who meets, and why they write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soc_gen.cli import options
from soc_gen.cli.console import as_word, tell
from soc_gen.cli.settings_options import ASKING, RunConfig, SettingOption, takes


@takes(
    SettingOption("--count", "experiences.count", "Options"),
    SettingOption("--personas", "experiences.personas", "Options", metavar="PATH|HUB_ID"),
    SettingOption("--personas-revision", "experiences.personas_revision", "Options"),
    *ASKING,
    stages=("experiences",),
)
def experiences(
    settings: RunConfig,
    out: Annotated[Path, typer.Option(help="JSONL of experiences.")] = Path("data/experiences.jsonl"),
    restart: options.Restart = False,
    as_json: options.AsJson = False,
) -> None:
    """Pair personas of similar age, give each pair a relationship, and have the model invent why they write.

    A larger --count later goes on where the smaller one ended.

    For example:

      soc generate experiences --count 20

      soc generate experiences --count 1000 --personas marcodsn/SPB-2508 --base-url http://localhost:8000/v1
    """
    from soc_gen.cli.summary import finish
    from soc_gen.cli.watch import StagePlan, run_stages
    from soc_gen.io.files import check_output
    from soc_gen.stages.experiences.personas import read_bank
    from soc_gen.stages.experiences.run import ExperiencesStage

    check_output(out, [settings.experiences.personas])
    bank = read_bank(settings.experiences, tell)
    plan = StagePlan(
        "experiences", lambda: ExperiencesStage(bank, settings.experiences, settings.random_seed), out
    )
    reports = run_stages(settings, [plan], restart=restart)
    finish(reports, f"Next: soc rollout {as_word(out)}", as_json=as_json)
