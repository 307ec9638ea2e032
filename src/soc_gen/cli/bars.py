"""Progress bars, on stderr and on a terminal only; those of a stage that asks a model are in ``watch``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from soc_gen.cli.console import err


@contextmanager
def step_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on a terminal; yield what is told of every step."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda steps: bars.advance(task, steps)


@contextmanager
def clean_progress() -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar with the time left on a terminal; yield what ``CleanJob.progress`` is to be."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("clean"),
        BarColumn(),
        TextColumn("{task.fields[records]:,} chats"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("clean", total=None, records=0)
        yield lambda read, size, records: bar.update(task, completed=read, total=size, records=records)


@contextmanager
def download_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows how far a download is: a bar with size, speed and ETA on a terminal."""
    from rich import progress as bars

    bar = bars.Progress(
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )
    tasks: dict[str, bars.TaskID] = {}

    def show(name: str, done: int, total: int) -> None:
        if name not in tasks:
            bar.start()
            tasks[name] = bar.add_task(name, total=total)
        bar.update(tasks[name], completed=done)
        if done == total:
            bar.stop()  # what runs next has a display of its own

    try:
        yield show
    finally:
        bar.stop()
