"""``soc mix``: public data sets and SOC as one training set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from soc_gen.cli.console import err, print_json, table, tell
from soc_gen.cli.options import AsJson, Restart, output_folder
from soc_gen.errors import UsageError

if TYPE_CHECKING:
    from soc_gen.mix.config import Mix
    from soc_gen.mix.report import MixReport


Config = Annotated[str, typer.Option(metavar="PRESET|FILE", help="A preset, or a TOML file with [mix].")]
Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Total = Annotated[
    str | None, typer.Option(metavar="N|max", help="Conversations (or tokens), train and test together.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Say what would come out, and write nothing.")]
LicenseProfile = Annotated[
    Literal["research", "commercial", "publish"] | None,
    typer.Option(help="Drop the sources whose licence does not allow it, and say why."),
]
TestSize = Annotated[float | None, typer.Option(min=0.0, max=0.9, help="Share of test.")]
Seed = Annotated[int | None, typer.Option(min=0, help="All chance comes from it.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes; the same result for any number.")]
SocShare = Annotated[
    float | None, typer.Option(min=0.0, help="Share of SOC; the other shares scale by what is left.")
]
Soc = Annotated[
    str | None, typer.Option(metavar="FILE", help="Clean chats for --soc-share; else data/clean.jsonl.")
]
Preferences = Annotated[
    bool, typer.Option("--preferences", help="Also write preferences.jsonl out of the Arena's battles.")
]
FromRecipe = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Build a mix again by its recipe; paths: --config.")
]


def mix(
    config: Config = "mix-linguist",
    folder: Out = Path("data/mix"),
    *,
    total: Total = None,
    plan: Plan = False,
    license_profile: LicenseProfile = None,
    test_size: TestSize = None,
    seed: Seed = None,
    workers: Workers = 1,
    soc_share: SocShare = None,
    soc: Soc = None,
    preferences: Preferences = False,
    from_recipe: FromRecipe = None,
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    """Convert, filter and compare data sets, and draw one mix of them by share.

    Duplicates are found across all sources, what is alike stays in one split, and the card says under what
    licence each part came and how much of it is there. A run that was killed goes on source by source.

    For example:

      soc mix --plan

      soc mix --config my-mix.toml --total 50000 --out data/mix

      soc mix --soc-share 0.2 --soc data/clean.jsonl --license-profile commercial

      soc mix --from-recipe downloaded/recipe --out data/mix
    """
    from soc_gen.mix.config import load_mix, with_paths, with_soc
    from soc_gen.mix.recipe import read_recipe
    from soc_gen.mix.run import MixJob, make_mix

    output_folder("--out", folder)
    recipe = read_recipe(from_recipe) if from_recipe else None
    if recipe:
        settings: Mix = with_paths(recipe.mix, load_mix(config, {}) if config.endswith(".toml") else None)
    else:
        given = {"total": _total(total), "license_profile": license_profile, "test_size": test_size}
        settings = load_mix(config, given, seed)
    if soc is not None and soc_share is None:
        raise UsageError("--soc names the chats for --soc-share, which is not given")
    if soc_share is not None:
        settings = with_soc(settings, soc_share, soc)
    job = MixJob(settings, folder, workers, plan, restart, preferences, recipe, tell)
    _report(make_mix(job), folder, plan=plan, as_json=as_json)


def _total(given: str | None) -> int | str | None:
    if given is None or given == "max":
        return given
    if not given.isdecimal() or int(given) < 1:
        raise UsageError(f"--total should be a number from 1, or max, not {given!r}")
    return int(given)


def _report(report: MixReport, folder: Path, *, plan: bool, as_json: bool) -> None:
    if as_json:
        print_json(report.as_dict())
        return
    names = ("rows", "rejected", "duplicates", "contaminated", "not_drawn", "train", "test")
    rows = [
        (
            name,
            *(f"{getattr(source, column):,}" for column in names),
            f"{source.share:.1%}",
            f"{source.achieved_share:.1%}",
        )
        for name, source in report.sources.items()
    ]
    heads = ("source", *(name.replace("_", " ") for name in names), "wanted", "share")
    table("what would come out" if plan else "what came out", heads, rows)
    for name, source in report.sources.items():
        if source.dropped_by_license:
            err.print(f"{name} was dropped: {source.dropped_by_license}")
        elif source.note and not plan:
            err.print(f"{name}: {source.note}")
    for note in report.notes:
        err.print(note)
    if report.limited_by:
        err.print(f"At most {report.feasible:,} {report.unit}: {report.limited_by} runs out first")
    if plan:
        err.print("Nothing was written.")
        return
    if not report.publishable:
        err.print("This mix must not be published; its recipe may: soc push-to-hub --recipe-only")
    err.print(f"{folder / 'README.md'} tells of it; for trainers: axolotl.yaml, trl.yaml, dataset_info.json")
