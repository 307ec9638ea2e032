"""``soc rollout``: from experiences to conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soc_gen.cli import options
from soc_gen.cli.console import as_word
from soc_gen.cli.settings_options import ASKING, RunConfig, SettingOption, takes


@takes(
    SettingOption("--max-turns", "rollout.max_turns", "Options"),
    SettingOption("--min-turns", "rollout.min_turns", "Options"),
    *ASKING,
    stages=("rollout",),
)
def rollout(
    settings: RunConfig,
    experiences: Annotated[Path, typer.Argument(help="JSONL of experiences.", show_default=False)],
    out: Annotated[Path, typer.Option(help="JSONL of chats.")] = Path("data/chats.jsonl"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and ask nothing.", show_default=False)
    ] = False,
    limit: options.Limit = None,
    restart: options.Restart = False,
    as_json: options.AsJson = False,
) -> None:
    """Play experiences turn by turn until they are conversations.

    Killed or stopped, the same command goes on where it ended: nothing that was paid for is asked again.

    For example:

      soc rollout data/experiences.jsonl

      soc rollout data/experiences.jsonl --base-url http://localhost:8000/v1 --concurrency 64

      soc rollout data/experiences.jsonl --config qwen3-235b --base-url URL --max-total-tokens 5000000
    """
    from soc_gen.io.files import check_output
    from soc_gen.stages.rollout.run import RolloutStage, check_experiences

    check_output(out, [experiences])
    check_experiences(experiences)
    if dry_run:
        from soc_gen.cli.forecast import show_forecast

        show_forecast(experiences, settings, limit, None if restart else out, as_json=as_json)
        return
    from soc_gen.cli.summary import finish
    from soc_gen.cli.watch import StagePlan, run_stages

    plan = StagePlan(
        "rollout", lambda: RolloutStage(experiences, settings.rollout, settings.random_seed, limit), out
    )
    reports = run_stages(settings, [plan], restart=restart)
    finish(reports, f"Next: soc clean {as_word(out)}", as_json=as_json)
