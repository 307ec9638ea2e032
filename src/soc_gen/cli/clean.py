"""``soc clean``: from what was rolled out to what is worth training on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soc_gen.cli import options
from soc_gen.cli.bars import clean_progress
from soc_gen.cli.console import as_word, err, out, table

if TYPE_CHECKING:
    from soc_gen.stages.clean.run import CleanReport

_EXAMPLES = 2  # of each repair
_LONGEST_SHOWN = 160  # characters


def _kept(*names: str, **more: Any) -> Any:  # noqa: ANN401 - as typer has it
    return typer.Option(*names, rich_help_panel="What is kept", show_default=False, **more)


Chats = Annotated[
    list[str], typer.Argument(help="JSONL of chats, also .gz and .zst; files or globs.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", help="JSONL of clean chats.")]
Against = Annotated[
    list[str] | None,
    _kept(
        "--against", metavar="PATH|HUB_ID", help="Chats that must not be repeated; may come several times."
    ),
]
NearDuplicates = Annotated[
    str | None,
    _kept(
        "--near-duplicates",
        metavar="SIMILARITY|off",
        help="From which two chats are one; 0.8 when not given.",
    ),
]
Keep = Annotated[
    str | None,
    _kept(
        "--keep", metavar="longest|first", help="Which of near-duplicates stays; the longest when not given."
    ),
]
MinParts = Annotated[int | None, _kept("--min-parts", min=1, help="Fewest chat parts; 2 when not given.")]
Language = Annotated[
    str | None, _kept("--language", metavar="CODE", help="Keep chats in this language only.")
]
Shuffle = Annotated[bool, typer.Option("--shuffle", help="Write in an order drawn from --seed.")]
ShowExamples = Annotated[
    bool, typer.Option("--show-examples", help="Print messages before and after each repair.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes; the result is the same for any number.")]
Config = Annotated[
    str | None, typer.Option(help="A preset or a .toml file.", rich_help_panel="The run", show_default=False)
]


def clean(
    chats: Chats,
    to: Out = Path("data/clean.jsonl"),
    against: Against = None,
    near_duplicates: NearDuplicates = None,
    keep: Keep = None,
    min_parts: MinParts = None,
    language: Language = None,
    shuffle: Shuffle = False,
    show_examples: ShowExamples = False,
    workers: Workers = 1,
    seed: options.Seed = None,
    config: Config = None,
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
    from soc_gen.config import load_config
    from soc_gen.stages.clean.run import CleanJob, clean_files

    wanted: dict[str, Any] = {
        "against": tuple(against) if against else None,
        "near_duplicates": near_duplicates,
        "keep": keep,
        "min_parts": min_parts,
        "language": language,
        "shuffle": shuffle or None,
    }
    settings = load_config(config, {"random_seed": seed, "clean": wanted})
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
        import orjson

        from soc_gen.io.files import path_to_text

        files = {"out": path_to_text(report.out), "rejected_out": path_to_text(report.rejected_out)}
        facts = {**files, **report.as_dict()}
        out.print(orjson.dumps(facts).decode(), markup=False)
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
            out.print(f"{name}\n  - {_short(change.before)}\n  + {_short(change.after)}", markup=False)
    rejected = (
        f"; {report.rejected.total():,} rejected, with reasons: {report.rejected_out}"
        if report.rejected
        else ""
    )
    out.print(f"{report.out}{rejected}", markup=False)
    if report.kept:
        out.print(f"Next: soc push-to-hub {as_word(report.out)} USER/NAME", markup=False)
    else:
        err.print("nothing was kept: the rejected file says why, chat by chat", markup=False)


def _short(text: str) -> str:
    shown = text.replace("\n", "\\n")
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
