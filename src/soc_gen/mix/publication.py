"""A mix as it goes to the Hub: whole where every licence allows that, else its recipe."""

from __future__ import annotations

import shutil
from os.path import lexists
from pathlib import Path
from typing import Any

import orjson

from soc_gen.errors import UsageError
from soc_gen.io.datasets import is_hub_id
from soc_gen.io.files import wrap_write_errors
from soc_gen.io.manifest import read_object
from soc_gen.io.scrub import scrub
from soc_gen.mix.recipe import RECIPE, recipe_lines
from soc_gen.mix.write import MANIFEST

_CARD = "README.md"
_NOTES = (_CARD, "dataset_info.json", "axolotl.yaml", "trl.yaml")
_DATA = ("train.jsonl", "test.jsonl", "train.parquet", "test.parquet")


def find_mix(place: Path) -> Path | None:
    """Return the folder of the mix that ``place`` is, or is the data of; None when it is no mix."""
    folder = place if place.is_dir() else place.parent
    known = place.is_dir() or place.name in _DATA
    return folder if known and (folder / MANIFEST).is_file() else None


def check_publishable(folder: Path, *, recipe_only: bool) -> None:
    """Refuse to pass on what a licence forbids.

    Raises:
        UsageError: It names the sources and why.
    """
    told = read_object(folder / MANIFEST)
    if recipe_only or told.get("publishable") is True:
        return
    why = told.get("not_publishable_because")
    reasons = (
        "; ".join(map(str, why)) if isinstance(why, list) and why else "its manifest does not say it may"
    )
    hint = "Use --recipe-only, or make the mix with --license-profile publish"
    raise UsageError(f"this mix must not be published: {reasons}", where=str(folder), hint=hint)


def check_rehearsal(folder: Path) -> None:
    """Refuse to replace what no dry run of a mix has made.

    Raises:
        UsageError: ``folder`` is a file, or has no manifest of a mix.
    """
    if lexists(folder) and not (folder / MANIFEST).is_file():
        raise UsageError("is there, and no dry run made it", where=str(folder), hint="Move it elsewhere")


def stage_mix(mix: Path, folder: Path, *, recipe_only: bool) -> dict[str, int]:
    """Write what is to be pushed to ``folder``; return the size of each file.

    Raises:
        UsageError: A file of the mix is missing or unreadable.
        OutputError: No room.
    """
    with wrap_write_errors(folder):
        (folder / MANIFEST).write_bytes(_public_manifest(mix / MANIFEST))
        if recipe_only:
            with (folder / RECIPE).open("wb") as handle:
                handle.writelines(recipe_lines(mix))
            (folder / _CARD).write_text(_recipe_card((mix / _CARD).read_text("utf-8")), "utf-8")
        else:
            for path in filter(Path.is_file, (mix / name for name in (*_NOTES, *_DATA))):
                shutil.copyfile(path, folder / path.name)
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def _public_manifest(path: Path) -> bytes:
    """Return the manifest without the places where files lay on this machine."""
    told = read_object(path)
    sources: list[dict[str, Any]] = told.get("config", {}).get("mix", {}).get("sources", [])
    for source in sources:
        if not is_hub_id(str(source.get("path", ""))):
            source.pop("path", None)
    told.get("config", {}).get("mix", {}).pop("decontaminate", None)
    return orjson.dumps(scrub(told), option=orjson.OPT_INDENT_2) + b"\n"


def _recipe_card(card: str) -> str:
    """Return the card of a mix as that of its recipe: there are no rows to load."""
    _, _, body = card.removeprefix("---\n").partition("---\n")
    return (
        "---\nlicense: other\nviewer: false\ntags: [recipe]\n---\n\n"
        "This is the recipe of a mix: ids and hashes of its rows, and its config. It has none of the texts. "
        "Fetch the sources, each under its licence, and run `soc mix --from-recipe FOLDER`.\n" + body
    )
