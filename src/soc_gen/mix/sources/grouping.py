"""Rows of one dialogue brought together, on disk: a source may be larger than memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import groupby
from typing import Any

import orjson

from soc_gen.mix.records import Unit


def grouped(
    rows: Iterable[Unit], key: Callable[[Unit], str], order: Callable[[dict[str, Any]], int]
) -> Iterator[Unit]:
    """Yield one unit for each key, with its rows sorted, in the order in which the keys came first.

    Rows that cannot be read come first, each by itself.

    Args:
        rows: The rows.
        key: What the rows of one dialogue share.
        order: The place of a row in its dialogue; it raises ``ValueError`` where there is none.
    """
    with closing(sqlite3.connect("")) as database:  # a file of its own, gone when it is closed
        database.execute("CREATE TABLE row (dialogue INT, place INT, number INT, spot TEXT, data BLOB)")
        numbers: dict[str, int] = {}
        for number, unit in enumerate(rows):
            try:
                place = order(unit.data) if unit.data is not None else 0
            except (ValueError, TypeError):
                unit = Unit(unit.where, None, problem="its place in the dialogue is no number")  # noqa: PLW2901
            if unit.data is None:
                yield unit
                continue
            dialogue = numbers.setdefault(key(unit), len(numbers))
            entry = (dialogue, place, number, unit.where, orjson.dumps(unit.data, default=str))
            database.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?)", entry)
        numbers.clear()
        found = database.execute("SELECT dialogue, spot, data FROM row ORDER BY dialogue, place, number")
        for _, entries in groupby(found, key=lambda entry: entry[0]):
            together = list(entries)
            data = [orjson.loads(entry[2]) for entry in together]
            yield Unit(together[0][1], data, len(data))
