"""The console's door: data and tables go to stdout, progress and errors to stderr, nothing goes raw.

What is shown comes from models, servers, the Hub and file names. Whatever a command prints passes
``SafeConsole``, which shows control characters instead of sending them, and takes no markup.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from soc_gen.display import visible
from soc_gen.errors import OutputError

_WIDE = 80  # columns, from which a table has room for whole words
_SHORT = 12  # characters


class SafeConsole(Console):
    """A console that sends no control character but its own, and knows no ``[markup]`` and no ``:emoji:``.

    A stream that takes no more (its disk is full, its reader has gone) is left alone from then on: a run does
    not end because nobody can see how it goes. On stdout, which carries results, it is an error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has it
        """Make ``text`` visible before it is laid out, so that columns keep their width."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Make everything else visible: this is what all that is printed comes through."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Print, or leave the stream alone if it takes no more."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self._leave(error)

    def on_broken_pipe(self) -> None:
        """Stop writing: the reader has gone."""
        self._leave(BrokenPipeError())

    def _leave(self, error: OSError) -> None:
        self.quiet = True
        _to_nowhere(self.file)
        if self.stderr:
            return
        if isinstance(error, BrokenPipeError):  # ``soc … | head`` has what it wants
            raise SystemExit(1)
        raise OutputError(f"cannot be written ({error.strerror})", where="standard output") from None


out: Console = SafeConsole()
err: Console = SafeConsole(stderr=True)


def _to_nowhere(stream: IO[str]) -> None:
    """Have ``stream`` write to the null device: else Python fails again when it flushes it at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def settle(stream: IO[str] | None) -> None:
    """Flush a standard stream for the last time; what it does not take is lost."""
    if stream is None:  # it was closed before soc began
        return
    try:
        stream.flush()
    except OSError:
        _to_nowhere(stream)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table: ruled on a terminal, tab-separated lines in a pipe."""
    if not out.is_terminal:
        for row in (columns, *rows):
            _print_raw("\t".join(_cell(value) for value in row))
        return
    cells = [[_cell(value) for value in row] for row in rows]
    grid = Table(
        title=visible(title), title_justify="left", box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0)
    )  # fits 80 columns
    for position, column in enumerate(columns):
        whole = out.width >= _WIDE and all(_is_short(row[position]) for row in cells)
        grid.add_column(column, justify="right" if position else "left", overflow="fold", no_wrap=whole)
    for row in cells:
        grid.add_row(*row)
    out.print(grid, soft_wrap=False)


def _cell(value: object) -> str:
    """Return ``value`` on one line: a line break or a tab in it is no end of the row or the cell."""
    return visible(str(value)).replace("\n", r"\n").replace("\t", r"\t")


def _is_short(cell: str) -> bool:
    """Is ``cell`` a number or a name, which is not to be broken while there is text that can be?"""
    return len(cell) <= _SHORT and " " not in cell


def _print_raw(line: str) -> None:
    """Print a line with its tabs, which rich turns into spaces in text."""
    out.print(Segments([Segment(line), Segment.line()]))


def print_json(value: object) -> None:
    """Print ``value`` on stdout as JSON in ASCII, which every terminal and encoding carries as it is."""
    _print_raw(json.dumps(value, separators=(",", ":")))


def tell(line: str) -> None:
    """Print a line for people on stderr."""
    err.print(line)


class _ConsoleHandler(logging.Handler):
    """Shows what is logged on stderr: the library's notices, and warnings of other libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of ``record``."""
        tell(self.format(record))


_handler = _ConsoleHandler()


def show_logs() -> None:
    """Have notices, and warnings of other libraries and of Python, come through the console."""
    logging.getLogger("soc_gen").setLevel(logging.INFO)
    logging.getLogger().addHandler(_handler)  # a second time changes nothing
    logging.captureWarnings(capture=True)


def as_word(path: Path) -> str:
    """Return ``path`` as it is typed in a shell."""
    return shlex.quote(str(path))
