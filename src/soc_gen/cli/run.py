"""``soc run``: all three stages in order, from one config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soc_gen.cli import options
from soc_gen.cli.bars import clean_progress
from soc_gen.cli.console import as_word, out, print_json, table
from soc_gen.cli.settings_options import ASKING, RunConfig, SettingOption, takes
from soc_gen.errors import INTERRUPTED

if TYPE_CHECKING:
    from soc_gen.cli.watch import StagePlan
    from soc_gen.config import Config
    from soc_gen.engine.execute import StageResult
    from soc_gen.models import Chat
    from soc_gen.stages.clean.run import CleanReport


@takes(
    SettingOption("--count", "experiences.count", "Options"),
    *ASKING,
    stages=("experiences", "rollout"),
)
def run(
    settings: RunConfig,
    out_dir: Annotated[Path, typer.Option(help="Folder for all that is written.")] = Path("data"),
    restart: options.Restart = False,
    as_json: options.AsJson = False,
) -> None:
    """Make experiences, play them, clean the chats: the whole of it, with one command.

    Without an endpoint it uses the embedded model: no key, no GPU. Stopped or killed, the same command goes
    on where it ended; a larger --count goes on where a smaller one ended.

    For example:

      soc run

      soc run --config qwen3-235b --base-url https://host/v1 --count 1000 --max-total-tokens 50000000

      soc run --config my.toml --out-dir runs/one
    """
    from soc_gen.cli.summary import exit_code
    from soc_gen.cli.watch import run_stages

    options.output_folder("--out-dir", out_dir)
    reports = run_stages(settings, _asking_stages(out_dir, settings), restart=restart)
    cleaned = None
    if exit_code(reports) != INTERRUPTED and len(reports) > 1 and reports[-1].records:
        cleaned = _clean(out_dir, settings)
    _show(reports, cleaned, as_json=as_json)
    if code := exit_code(reports):
        raise typer.Exit(code)


def _asking_stages(folder: Path, config: Config) -> list[StagePlan]:
    from soc_gen.cli.watch import StagePlan
    from soc_gen.stages.experiences.personas import read_bank
    from soc_gen.stages.experiences.run import ExperiencesStage
    from soc_gen.stages.rollout.run import RolloutStage

    bank, seed = read_bank(config.experiences), config.random_seed
    experiences, chats = folder / "experiences.jsonl", folder / "chats.jsonl"
    return [
        StagePlan("experiences", lambda: ExperiencesStage(bank, config.experiences, seed), experiences),
        StagePlan("rollout", lambda: RolloutStage(experiences, config.rollout, seed), chats),
    ]


def _clean(folder: Path, config: Config) -> CleanReport:
    from soc_gen.stages.clean.run import CleanJob, clean_files

    chats, clean = folder / "chats.jsonl", folder / "clean.jsonl"
    with clean_progress() as progress:
        return clean_files(CleanJob([chats], clean, config.clean, config.random_seed, progress=progress))


def _show(reports: list[StageResult], cleaned: CleanReport | None, *, as_json: bool) -> None:
    from soc_gen.cli.chat import show_chat
    from soc_gen.cli.summary import COLUMNS, facts, stage_row, tell_trouble

    if as_json:
        from soc_gen.io.files import path_to_text

        done = [facts(report) for report in reports]
        if cleaned:
            done.append({"stage": "clean", "out": path_to_text(cleaned.out), **cleaned.as_dict()})
        print_json(done)
        return
    chat = most_diverse_chat(cleaned.out) if cleaned else None
    if chat:
        show_chat(chat)
    rows = [stage_row(report) for report in reports]
    if cleaned:
        lost = sum(cleaned.rejected.values())
        rows.append(("clean", f"{cleaned.kept:,}", f"{lost:,} rejected", *["-"] * 5))
    table("What was done", COLUMNS, rows)
    for report in reports:
        tell_trouble(report)
    written = [report.out for report in reports] + ([cleaned.out] if cleaned else [])
    out.print(f"Written: {', '.join(map(str, written))}")
    if cleaned and cleaned.kept:
        out.print(f"{_headline(cleaned.out)}; soc evaluate says more")
        file = as_word(cleaned.out)
        out.print(f"Next: soc push-to-hub {file} USER/NAME, or soc export {file}")


def _headline(path: Path) -> str:
    """Return how like people's the chats of ``path`` are, in one line."""
    from soc_gen.io.jsonl import read_jsonl
    from soc_gen.metrics.evaluation import Evaluator
    from soc_gen.metrics.people import messaging
    from soc_gen.models import Chat

    evaluator = Evaluator(messaging())
    for record in read_jsonl(path, Chat):
        if isinstance(record, Chat):
            evaluator.add(record)
    return evaluator.result().headline()


def most_diverse_chat(path: Path) -> Chat | None:
    """Return the chat with the most diverse words, to be shown as a sample.

    Measured by Guiraud's index (different words / square root of all words), which depends little on length.
    """
    from soc_gen.io.jsonl import read_jsonl
    from soc_gen.models import Chat
    from soc_gen.text.repetition import words

    def richness(chat: Chat) -> float:
        spoken = [word for part in chat.chat_parts for message in part.messages for word in words(message)]
        return len(set(spoken)) / len(spoken) ** 0.5 if spoken else 0.0

    chats = (record for record in read_jsonl(path, Chat) if isinstance(record, Chat))
    return max(chats, key=richness, default=None)
