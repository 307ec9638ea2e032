"""Where the command line prints: data and tables on stdout, progress and errors on stderr."""

from __future__ import annotations

from collections.abc import Iterable

import typer
from rich import box
from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table: ruled on a terminal, tab-separated lines in a pipe."""
    if not out.is_terminal:
        for row in (columns, *rows):
            typer.echo("\t".join(str(cell) for cell in row))  # rich would turn the tabs into spaces
        return
    grid = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)  # fits 80 columns
    for position, column in enumerate(columns):
        grid.add_column(column, justify="right" if position else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    out.print(grid, soft_wrap=False)
