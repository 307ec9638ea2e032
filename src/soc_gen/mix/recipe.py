"""A mix without its texts: ids, hashes and config, enough to build it again from the sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from soc_gen.errors import UsageError
from soc_gen.io.json_values import LONGEST_VALUE
from soc_gen.io.lines import LineReader
from soc_gen.io.manifest import read_object
from soc_gen.mix.config import Mix, label_of, parse_mix
from soc_gen.mix.selection import Chosen
from soc_gen.mix.spool import Spool
from soc_gen.mix.write import MANIFEST

RECIPE = "recipe.jsonl"


class Recipe(NamedTuple):
    """What a mix is to be again."""

    mix: Mix
    rows: Path


def row_digest(row: dict[str, Any]) -> str:
    """Return the sha256 of the messages of a row."""
    return hashlib.sha256(orjson.dumps(row["messages"])).hexdigest()


def recipe_lines(folder: Path) -> Iterator[bytes]:
    """Yield the lines of the recipe of the mix in ``folder``.

    Raises:
        UsageError: There is no mix.
    """
    found = [path for split in ("train", "test") for path in sorted(folder.glob(f"{split}.[jp]*"))]
    if not found:
        raise UsageError("holds no train.jsonl or train.parquet", where=str(folder))
    for line in LineReader(found, LONGEST_VALUE):
        row = orjson.loads(line.data)
        keys = ("id", "source", "source_id", "cluster_id", "split")
        yield orjson.dumps({key: row[key] for key in keys} | {"sha256": row_digest(row)}) + b"\n"


def read_recipe(place: Path) -> Recipe:
    """Return the recipe in a folder, or the one whose file is given; its manifest lies beside it.

    Raises:
        UsageError: It is not there, or its manifest has no config.
    """
    rows = place if place.is_file() else place / RECIPE
    if not rows.is_file():
        raise UsageError(
            "no such recipe", where=str(rows), hint=f"Give a folder with {RECIPE} and {MANIFEST}"
        )
    manifest = rows.with_name(MANIFEST)
    config = read_object(manifest).get("config")
    if not isinstance(config, dict):
        raise UsageError("has no config", where=str(manifest))
    return Recipe(parse_mix(config, str(manifest), {}, None), rows)


def chosen_by(recipe: Recipe, mix: Mix, spools: Sequence[Spool]) -> tuple[list[Chosen], list[str]]:
    """Return the rows that the recipe names, in its order, and notes on those that are not as they were."""
    sources = {label_of(source): place for place, source in enumerate(mix.sources)}
    places = {
        (source, record["source_id"]): place
        for source, spool in enumerate(spools)
        for place, record in reversed(list(enumerate(_ids(spool))))
    }
    chosen: list[Chosen] = []
    seen: dict[tuple[int, str], int] = {}
    missing = changed = 0
    for line in LineReader([recipe.rows], LONGEST_VALUE):
        told = orjson.loads(line.data)
        key = (sources.get(told["source"], -1), told["source_id"])
        place = places.get(key)
        if place is None:
            missing += 1
            continue
        changed += row_digest(spools[key[0]].record(place)) != told["sha256"]
        copy = seen.get(key, 0)
        seen[key] = copy + 1
        chosen.append(Chosen(key[0], place, told["split"], int(told["cluster_id"], 16), copy))
    notes = [f"{missing:,} rows of the recipe are not in the sources"] if missing else []
    return chosen, notes + ([f"{changed:,} rows have another text than the recipe's"] if changed else [])


def _ids(spool: Spool) -> Iterator[dict[str, Any]]:
    for record in spool.records(range(len(spool.facts))):
        yield {"source_id": record["source_id"]}
