"""Runs stages with a progress display and Ctrl-C handling."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from soc_gen.cli.bars import download_progress
from soc_gen.cli.console import err, tell
from soc_gen.cli.summary import duration
from soc_gen.errors import INTERRUPTED

if TYPE_CHECKING:
    from rich.table import Table

    from soc_gen.config import Config
    from soc_gen.engine.execute import Stage, StageResult
    from soc_gen.engine.metrics import RunMetrics
    from soc_gen.engine.stop import Stop
    from soc_gen.settings import Endpoint


_FIRST_LINE_SECONDS = 5.0
_LINE_SECONDS = 30.0
_FRAME_SECONDS = 0.25


@dataclass(frozen=True)
class StagePlan:
    """A stage to run."""

    name: str
    make: Callable[[], Stage[Any]]
    """Creates the stage when it starts, since it may read the output of the stage before it."""
    out: Path


def run_stages(config: Config, plans: Sequence[StagePlan], *, restart: bool) -> list[StageResult]:
    """Start embedded endpoints if needed, run ``plans`` in order, and stop after one that ended early."""
    from soc_gen.llm.embedded.serve import ensure_endpoint

    _collect_rarely()
    with ExitStack() as stack:
        progress = stack.enter_context(download_progress())
        wanted = [config.endpoint_of(plan.name) for plan in plans]
        # An endpoint shared by several stages is started once.
        started = [
            (endpoint, stack.enter_context(ensure_endpoint(endpoint, progress)))
            for number, endpoint in enumerate(wanted)
            if endpoint not in wanted[:number]
        ]
        endpoints = [next(ready for known, ready in started if known == endpoint) for endpoint in wanted]
        try:
            return asyncio.run(_run(config, list(zip(plans, endpoints, strict=True)), restart=restart))
        except asyncio.CancelledError:
            tell("Left without waiting for replies. The same command goes on where it ended.")
            raise typer.Exit(INTERRUPTED) from None


def _collect_rarely() -> None:
    """Run the garbage collector less often: with a thousand open conversations it took a fifth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _run(
    config: Config, plans: Sequence[tuple[StagePlan, Endpoint]], *, restart: bool
) -> list[StageResult]:
    from soc_gen.engine.context import RunContext
    from soc_gen.engine.execute import run_stage
    from soc_gen.engine.metrics import RunMetrics, cost
    from soc_gen.engine.stop import Stop

    stop, metrics = Stop(), RunMetrics()
    _stop_on_signals(stop, connected=lambda: metrics.total is not None)
    results: list[StageResult] = []
    tokens, dollars, seconds = 0, 0.0, 0.0
    for plan, endpoint in plans:
        configured = config.endpoint_of(plan.name)
        metrics = RunMetrics(
            prices=configured.prices, tokens_before=tokens, cost_before=dollars, seconds_before=seconds
        )
        context = RunContext(
            endpoint,
            embedded=not configured.base_urls,
            budget=config.budget,
            stop=stop,
            metrics=metrics,
            random_seed=config.random_seed,
            settings=config.model_dump(mode="json"),
            restart=restart,
        )
        async with _progress(plan.name, metrics):
            results.append(await run_stage(plan.make(), plan.out, context))
        spent = results[-1].spent
        tokens, dollars = tokens + spent.total, dollars + cost(configured.prices, spent)
        seconds += metrics.seconds
        if stop.is_set() or not results[-1].records:
            break
    return results


def _stop_on_signals(stop: Stop, connected: Callable[[], bool]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if task is not None and (stop.is_set() or not connected()):
            task.cancel()
        else:
            stop.set("interrupted")
            tell("Stopping: waiting for the replies in flight. Ctrl-C again leaves without them.")

    with suppress(NotImplementedError):  # Windows has no signal handlers on its loop
        loop.add_signal_handler(signal.SIGINT, interrupted)
        loop.add_signal_handler(signal.SIGTERM, interrupted)


@asynccontextmanager
async def _progress(name: str, meter: RunMetrics) -> AsyncIterator[None]:
    show = _show_live if err.is_terminal else _show_lines
    task = asyncio.create_task(show(name, meter))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _show_lines(name: str, meter: RunMetrics) -> None:
    await asyncio.sleep(_FIRST_LINE_SECONDS)
    while True:
        shown = meter.waiting_for or _costs(meter)
        tell(f"{name}: {_done(meter)}, {_pace(meter)}{_remaining(meter)} · {shown}")
        await asyncio.sleep(_LINE_SECONDS)


async def _show_live(name: str, meter: RunMetrics) -> None:
    from rich.live import Live

    with Live(_frame(name, meter), console=err, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(_FRAME_SECONDS)
            live.update(_frame(name, meter), refresh=True)


def _frame(name: str, meter: RunMetrics) -> Table:
    """Return the progress bar, and below it a line over the whole width with the figures of the run."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    finished = meter.resumed + meter.done + meter.failed
    bar = ProgressBar(total=meter.total or 1, completed=finished, width=24)
    grid.add_row(Text(name, style="bold"), bar, Text(f"{_done(meter)}{_remaining(meter)}"))
    below = Text(f"{_pace(meter)} · ", style="dim")
    below.append(meter.waiting_for or _costs(meter), style="yellow" if meter.waiting_for else "dim")
    whole = Table.grid()  # wraps long lines, which the console itself does not
    whole.add_row(grid)
    whole.add_row(below)
    return whole


def _done(meter: RunMetrics) -> str:
    failed = f", {meter.failed} failed" if meter.failed else ""
    return f"{meter.resumed + meter.done}/{meter.total or '?'} done{failed}"


def _pace(meter: RunMetrics) -> str:
    rate = meter.replies / meter.seconds if meter.seconds else 0.0
    turns = f"{rate:.1f} turns/s" if rate >= 1 else f"{60 * rate:.0f} turns/min"
    return f"{meter.open} open, {meter.in_flight} in flight, {turns}"


def _costs(meter: RunMetrics) -> str:
    usage = meter.usage
    share = usage.cached / usage.prompt if usage.prompt else 0.0
    parts = [f"{_short(usage.prompt)} tokens in ({share:.0%} cached), {_short(usage.completion)} out"]
    if meter.cost:
        expected = meter.expected_cost()
        parts.append(f"${meter.cost:.2f}" + (f" of about ${expected:.2f}" if expected else ""))
    kinds = {"repeated": meter.retries, "asked again": meter.rerolls, "failed": meter.failures}
    for what, counts in kinds.items():
        if counts:
            most = ", ".join(f"{kind} {count}" for kind, count in counts.most_common(3))
            parts.append(f"{what}: {most}")
    return " · ".join(parts)


def _remaining(meter: RunMetrics) -> str:
    seconds = meter.eta()
    return "" if seconds is None else f", {duration(seconds)} left"


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return f"{number:.0f}"
