"""The end of a command that asked a model: a table or JSON, what failed, and the exit code."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from soc_gen.cli.console import out, print_json, table, tell
from soc_gen.errors import INTERRUPTED

if TYPE_CHECKING:
    from soc_gen.engine.execute import StageResult


def facts(report: StageResult) -> dict[str, object]:
    """Return a report as ``--json`` prints it."""
    from soc_gen.io.files import path_to_text

    meter = report.metrics
    return {
        "stage": report.stage,
        "out": path_to_text(report.out),
        "records": report.records,
        "failed": len(report.failures),
        "model": report.model,
        "replies": meter.replies,
        "replayed": meter.replayed,
        "tokens": asdict(meter.usage),
        "cost": round(meter.cost, 6),
        "seconds": round(meter.seconds, 1),
        "retries": dict(meter.retries),
        "rerolls": dict(meter.rerolls),
        "repairs": dict(meter.repairs),
        "stopped": report.stopped,
    }


COLUMNS = ("stage", "records", "lost", "replies", "tokens in", "cached", "out", "time")
"""Columns of the summary; ``lost`` counts failures and rejections."""


def stage_row(report: StageResult) -> tuple[str, ...]:
    """Return the row of the summary for a stage that asked a model."""
    meter, usage = report.metrics, report.metrics.usage
    share = f"{usage.cached / usage.prompt:.0%}" if usage.prompt else "-"
    return (
        report.stage,
        f"{report.records:,}",
        f"{len(report.failures):,} failed",
        f"{meter.replies:,}",
        f"{usage.prompt:,}",
        share,
        f"{usage.completion:,}",
        duration(meter.seconds) + (f", ${meter.cost:.4f}" if meter.cost else ""),
    )


def tell_trouble(report: StageResult) -> None:
    """Print what came from the journal, what failed, and why the stage ended early, if it did."""
    resumed, replayed = report.metrics.resumed, report.metrics.replayed
    kept = [f"{resumed:,} records"] * bool(resumed) + [f"{replayed:,} replies of others"] * bool(replayed)
    if kept:
        tell(f"{report.stage}: {' and '.join(kept)} were there from before, not paid again.")
    if report.failures:
        first = report.failures[0]
        failed = f"{len(report.failures)} not obtained; the next run of the same command tries again."
        tell(f"{report.stage}: {failed}")
        tell(f"  the first: {first.reason}: {first.detail}")
    if report.stopped:
        again = "With more of it, the same" if "budget" in report.stopped else "The same"
        tell(f"{report.stage}: stopped, {report.stopped}. {again} command goes on where it ended.")


def exit_code(reports: list[StageResult]) -> int:
    """Return 130 after Ctrl-C, 1 when a stage has nothing to show, else 0."""
    if any(report.stopped == "interrupted" for report in reports):
        return INTERRUPTED
    return int(any(report.failures and not report.records for report in reports))


def finish(reports: list[StageResult], next_step: str, *, as_json: bool) -> None:
    """Print the summary and exit with the right code."""
    if as_json:
        print_json([facts(report) for report in reports])
    else:
        table("What was done", COLUMNS, [stage_row(report) for report in reports])
        for report in reports:
            tell_trouble(report)
        out.print(f"Written: {', '.join(str(report.out) for report in reports)}")
        if reports[-1].records:
            out.print(next_step)
    if code := exit_code(reports):
        raise typer.Exit(code)


def duration(seconds: float) -> str:
    """Return ``seconds`` as ``1:02:03``, ``2:03`` or ``12 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
