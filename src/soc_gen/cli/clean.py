"""``soc clean``: repairs and filters chats for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soc_gen.cli import options
from soc_gen.cli.bars import clean_progress
from soc_gen.cli.console import as_word, err, out, print_json, table
from soc_gen.cli.settings_options import SEED, RunConfig, SettingOption, takes

if TYPE_CHECKING:
    from soc_gen.stages.clean.run import CleanReport

_EXAMPLES = 2  # number of examples of each repair
_LONGEST_SHOWN = 160  # characters
_KEPT = "What is kept"


Chats = Annotated[
    list[str],
    typer.Argument(
        help="JSONL of chats, also .gz and .zst, JSON or Parquet; files or globs.", show_default=False
    ),
]
Out = Annotated[Path, typer.Option("--out", help="JSONL of clean chats.")]
ShowExamples = Annotated[
    bool, typer.Option("--show-examples", help="Print messages before and after each repair.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes; the result is the same for any number.")]


@takes(
    SettingOption("--against", "clean.against", _KEPT, metavar="PATH|HUB_ID"),
    SettingOption("--near-duplicates", "clean.near_duplicates", _KEPT, metavar="SIMILARITY|off"),
    SettingOption("--keep", "clean.keep", _KEPT),
    SettingOption("--min-parts", "clean.min_parts", _KEPT),
    SettingOption("--require-end", "clean.require_end", _KEPT),
    SettingOption("--language", "clean.language", _KEPT, metavar="CODE"),
    SettingOption("--shuffle", "clean.shuffle", "Options"),
    SEED,
)
def clean(
    settings: RunConfig,
    chats: Chats,
    to: Out = Path("data/clean.jsonl"),
    show_examples: ShowExamples = False,
    workers: Workers = 1,
    limit: options.Limit = None,
    as_json: options.AsJson = False,
) -> None:
    """Repair what can be repaired, reject the rest with a reason, drop what repeats.

    What is read is either kept or, whole and with the reason, in *.rejected.jsonl beside the output: in the
    order of the decisions, so a chat that a longer copy replaced comes where the copy was read.

    For example:

      soc clean data/chats.jsonl

      soc clean 'runs/*/chats.jsonl.gz' --out data/clean.jsonl --workers 8 --show-examples

      soc clean data/batch2.jsonl --against data/clean.jsonl --out data/clean2.jsonl
    """
    from soc_gen.stages.clean.run import CleanJob, clean_files

    with clean_progress() as progress:
        job = CleanJob(
            inputs=chats,
            out=to,
            config=settings.clean,
            random_seed=settings.random_seed,
            workers=workers,
            limit=limit,
            examples=_EXAMPLES if show_examples else 0,
            progress=progress,
        )
        report = clean_files(job)
    _summarise(report, as_json=as_json)
    if not report.kept:
        raise typer.Exit(1)


def _summarise(report: CleanReport, *, as_json: bool) -> None:
    if as_json:
        from soc_gen.io.files import path_to_text

        files = {"out": path_to_text(report.out), "rejected_out": path_to_text(report.rejected_out)}
        facts = {**files, **report.as_dict()}
        print_json(facts)
        return
    rows = [("read", f"{report.read:,}")]
    if report.against:
        rows.append(("compared with", f"{report.against:,}"))
    if report.against_unread:
        rows.append(("  records there that are no chats", f"{report.against_unread:,}"))
    rows += [(f"repair: {name}", f"{count:,}") for name, count in sorted(report.repairs.items())]
    rows += [(f"rejected: {reason}", f"{count:,}") for reason, count in report.rejected.most_common()]
    rows += [("kept", f"{report.kept:,}"), ("  of them repaired", f"{report.repaired:,}")]
    table("Chats", ("step", "chats"), rows)
    for name, changes in sorted(report.examples.items()):
        for change in changes:
            out.print(f"{name}\n  - {_short(change.before)}\n  + {_short(change.after)}")
    rejected = (
        f"; {report.rejected.total():,} rejected, with reasons: {report.rejected_out}"
        if report.rejected
        else ""
    )
    out.print(f"{report.out}{rejected}")
    if report.kept:
        out.print(f"Next: soc push-to-hub {as_word(report.out)} USER/NAME")
    else:
        err.print("nothing was kept: the rejected file says why, chat by chat")


def _short(text: str) -> str:
    shown = text.replace("\n", "\\n")
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
