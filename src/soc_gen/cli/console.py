"""All output of the command line: data and tables on stdout, progress and errors on stderr.

Text comes from models, servers, the Hub and file names, so everything goes through ``SafeConsole``, which
shows control characters instead of sending them and does not interpret markup.
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
    """A console that escapes control characters and does not interpret ``[markup]`` or ``:emoji:``.

    When stderr cannot be written (full disk, closed pipe), nothing more goes to it, and the run continues.
    On stdout, which has the results, it is an error.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as rich has it
        """Escape control characters in ``text`` before the layout, so that columns keep their width."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape control characters in all other output, which passes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as rich has it
        """Print, or do nothing if the stream has failed."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            self._leave(error)

    def on_broken_pipe(self) -> None:
        """Stop writing: the reader has closed the pipe."""
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
    """Redirect ``stream`` to the null device: otherwise Python fails again when it flushes it at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def settle(stream: IO[str] | None) -> None:
    """Flush a standard stream for the last time; ignore output that cannot be written."""
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
    """Return ``value`` as text on one line, without line breaks and tabs that would end the row or cell."""
    return visible(str(value)).replace("\n", r"\n").replace("\t", r"\t")


def _is_short(cell: str) -> bool:
    """Whether ``cell`` is a number or a name, which is wrapped only after longer text."""
    return len(cell) <= _SHORT and " " not in cell


def _print_raw(line: str) -> None:
    """Print a line with its tabs, which rich turns into spaces in text."""
    out.print(Segments([Segment(line), Segment.line()]))


def print_json(value: object) -> None:
    """Print ``value`` on stdout as ASCII JSON, which every terminal and encoding can show."""
    _print_raw(json.dumps(value, separators=(",", ":")))


def tell(line: str) -> None:
    """Print a line for the user on stderr."""
    err.print(line)


class _ConsoleHandler(logging.Handler):
    """Log handler that prints on stderr: messages of soc_gen, and warnings of other libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message of ``record``."""
        tell(self.format(record))


_handler = _ConsoleHandler()


def show_logs() -> None:
    """Send log messages, and warnings of other libraries and of Python, to the console."""
    logging.getLogger("soc_gen").setLevel(logging.INFO)
    logging.getLogger().addHandler(_handler)  # calling it again has no effect
    logging.captureWarnings(capture=True)


def as_word(path: Path) -> str:
    """Return ``path`` quoted for a shell."""
    return shlex.quote(str(path))
