"""``soc export``: chats as files that trainers take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from soc_gen.cli.bars import step_progress
from soc_gen.cli.console import err, print_json, table, tell
from soc_gen.cli.options import output_folder
from soc_gen.errors import UsageError

if TYPE_CHECKING:
    from soc_gen.export.writers import ExportPlan, ExportResult

_BAD_LINES_SHOWN = 5


def export(
    chats: str = typer.Argument(help="Clean chats: a file, or a Hub dataset USER/NAME.", show_default=False),
    *,
    form: Literal["messages", "sharegpt", "chatml-text", "parquet"] = typer.Option(
        "messages",
        "--format",
        help="Columns: messages, conversations, text (for pretraining, stage: pt), or messages in Parquet.",
    ),
    folder: Path = typer.Option(Path("data/export"), "--out", help="Folder to write to."),
    perspective: Literal["persona1", "persona2", "both"] = typer.Option(
        "both", help="Who becomes the assistant; both gives one row for each side."
    ),
    tags: Literal["keep", "strip", "verbalize"] = typer.Option(
        "keep", help="<image> and the others: as they are, only what is said, or in words."
    ),
    system: Literal["keep", "fold", "drop"] = typer.Option(
        "keep",
        help="Persona and situation: in a system message, in the first user turn (for templates that refuse "
        "a system role: Gemma, old Mistral), or left out.",
    ),
    start: Literal["user", "any"] = typer.Option(
        "user", help="Rows start with the user (what LLaMA-Factory needs), or with whoever wrote first."
    ),
    test_size: float = typer.Option(
        0.0, min=0.0, max=0.9, help="Share of the chats for test.jsonl, 0 to 0.9."
    ),
    split_by: Literal["conversation", "persona"] = typer.Option(
        "conversation", help="With persona, nobody is in both parts."
    ),
    seed: int = typer.Option(0, min=0, help="Seed of the split."),
    revision: str | None = typer.Option(None, help="Branch, tag or commit of a Hub dataset."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Write CHATS as rows in which one person is the assistant and the other the user.

    Persona and situation are in the system message; rows alternate strictly and end with the
    assistant. dataset_info.json (LLaMA-Factory) and axolotl.yaml are written beside them. Vision
    models' templates take <image> for a picture: use --tags verbalize or strip for them.

    For example:

      soc export data/clean.jsonl

      soc export data/clean.jsonl --test-size 0.1 --split-by persona --tags verbalize

      soc export marcodsn/SOC-2508 --format sharegpt --perspective persona2 --out data/sharegpt
    """
    from soc_gen.export.writers import ExportPlan, passes
    from soc_gen.export.writers import export as write_export
    from soc_gen.io.datasets import read_source
    from soc_gen.models import Chat

    plan = ExportPlan(form, perspective, tags, start, test_size, split_by, seed, system)
    output_folder("--out", folder)
    lines = _count_lines(Path(chats))
    if lines == 0:
        raise UsageError("is empty: there is nothing to do", where=chats)
    with step_progress("Exporting", None if lines is None else lines * passes(plan)) as on_progress:
        done = write_export(lambda: read_source(chats, Chat, revision), folder, plan, on_progress)
    _report(done, folder, plan, as_json=as_json)


def _count_lines(path: Path) -> int | None:
    if not path.is_file() or path.suffix == ".parquet":
        return None
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _report(done: ExportResult, folder: Path, plan: ExportPlan, *, as_json: bool) -> None:
    for bad in done.bad_lines[:_BAD_LINES_SHOWN]:
        err.print(f"left out: {bad.where}: {bad.why}")
    counts = {"chats": done.chats, "without_rows": done.without_rows, "left_out_by_split": done.excluded}
    counts["bad_lines"] = len(done.bad_lines)
    if as_json:
        print_json({"files": done.files, **counts})
        return
    table("rows", ("file", "rows"), [(folder / name, f"{rows:,}") for name, rows in done.files.items()])
    notable = [f"{name.replace('_', ' ')}: {count:,}" for name, count in counts.items() if count]
    err.print("; ".join(notable))
    if plan.form == "chatml-text":
        tell("Text is for pretraining: stage: pt in LLaMA-Factory; it trains on all words")
    err.print(f"For trainers: {folder / 'dataset_info.json'}, {folder / 'axolotl.yaml'}")
