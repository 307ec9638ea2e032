"""Where the command line prints: data and tables on stdout, progress and errors on stderr."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

import typer
from rich import box
from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_WIDE = 80  # columns, from which a table has room for whole words
_SHORT = 12  # characters


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table: ruled on a terminal, tab-separated lines in a pipe."""
    if not out.is_terminal:
        for row in (columns, *rows):
            typer.echo("\t".join(str(cell) for cell in row))  # rich would turn the tabs into spaces
        return
    cells = [[str(cell) for cell in row] for row in rows]
    grid = Table(
        title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0)
    )  # fits 80 columns
    for position, column in enumerate(columns):
        whole = out.width >= _WIDE and all(_is_short(row[position]) for row in cells)
        grid.add_column(column, justify="right" if position else "left", overflow="fold", no_wrap=whole)
    for row in cells:
        grid.add_row(*row)
    out.print(grid, soft_wrap=False)


def _is_short(cell: str) -> bool:
    """Is ``cell`` a number or a name, which is not to be broken while there is text that can be?"""
    return len(cell) <= _SHORT and " " not in cell


def tell(line: str) -> None:
    """Print a line for people on stderr."""
    err.print(line, markup=False)


def as_word(path: Path) -> str:
    """Return ``path`` as it is typed in a shell."""
    return shlex.quote(str(path))
