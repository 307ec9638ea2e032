"""Progress bars, on stderr and on a terminal only; those of a stage that asks a model are in ``watch``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from soc_gen.cli.console import err


@contextmanager
def step_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left on a terminal; yield a function to call with the steps done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        task = bars.add_task(what, total=total)
        yield lambda steps: bars.advance(task, steps)


@contextmanager
def clean_progress() -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar with the time left on a terminal; yield the function for ``CleanJob.progress``."""
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
    """Yield a function that shows the progress of a download: size, speed and time left on a terminal."""
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
            bar.stop()  # the next step has its own display

    try:
        yield show
    finally:
        bar.stop()
