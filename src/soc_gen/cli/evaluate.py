"""``soc evaluate``: how like people's some chats are, and a gate for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soc_gen.cli import options
from soc_gen.cli.console import out, print_json, table, tell

if TYPE_CHECKING:
    from soc_gen.metrics.evaluation import Evaluation
    from soc_gen.metrics.gate import Broken
    from soc_gen.metrics.people import People

_FEW_BLOCKS = 10
_IDS_SHOWN = 3


def evaluate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Chats, clean or as they were rolled out: files, globs or Hub datasets USER/NAME.",
            show_default=False,
        ),
    ],
    people: Annotated[
        str,
        typer.Option(
            metavar="messaging|FILE", help="The measure: messengers and SMS, as shipped, or your own chats."
        ),
    ] = "messaging",
    gate: Annotated[
        str | None,
        typer.Option(metavar="quality|FILE", help="Bounds (TOML); exit code 1 when one is broken."),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scorecard as a page.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure how like people's talk FILE is, figure by figure, and say what to do about it.

    Two numbers stand above all: how many figures are within people's range, and the mean distance from their
    middle (0 between the medians of people's corpora, 1 at an end of their range).

    For example:

      soc evaluate data/clean.jsonl

      soc evaluate data/clean.jsonl --gate quality --html scorecard.html

      soc evaluate data/clean.jsonl --people my-chats.jsonl --json
    """
    from soc_gen.cli.chat_files import read_chats
    from soc_gen.metrics.evaluation import BOUNDABLE, Evaluator
    from soc_gen.metrics.gate import broken, read_gate

    bounds = read_gate(gate, BOUNDABLE) if gate is not None else None
    evaluator = Evaluator(_people(people))
    for chat in read_chats(files):
        evaluator.add(chat)
    found = evaluator.result()
    failed = None if bounds is None else broken(bounds, found.values())
    _tell_limits(found)
    if html is not None:
        _write_page(html, found, failed)
    if as_json:
        print_json(_facts(found, failed))
    else:
        _show(found, failed)
    if failed:
        raise typer.Exit(1)


def _people(name: str) -> People:
    """Return the shipped ranges, or those of the chats in a file."""
    from soc_gen.metrics.people import messaging, people_of

    if name == "messaging":
        return messaging()
    from soc_gen.cli.chat_files import read_chats
    from soc_gen.metrics.figures import block_figures, blocks
    from soc_gen.metrics.talk import talk_of

    measured = [block_figures(block) for block in blocks(map(talk_of, read_chats([name])))]
    if len(measured) < _FEW_BLOCKS:
        tell(f"{name}: {len(measured)} blocks of 300 messages only, so people's ranges are narrow")
    return people_of(measured)


def _tell_limits(found: Evaluation) -> None:
    """Say which figures do not apply, and whether there is too little to measure."""
    from soc_gen.metrics.figures import BLOCK

    score = found.score
    if score.messages < BLOCK:
        tell(f"{score.chats:,} chats of {score.messages:,} messages: figures of under {BLOCK} say little")
    by_need: dict[str, list[str]] = {}
    for name, need in score.missing.items():
        by_need.setdefault(need, []).append(name)
    for need, names in by_need.items():
        tell(f"does not apply, for want of {need}: {', '.join(names)}")


def _facts(found: Evaluation, failed: list[Broken] | None) -> dict[str, Any]:
    score = found.score
    return {
        "chats": score.chats,
        "figures": {
            name: {
                "value": reading.value,
                "low": reading.low,
                "high": reading.high,
                "inside": reading.inside,
                "side": reading.side,
                "advice": reading.advice,
                "chats": reading.chats,
            }
            for name, reading in score.readings.items()
        },
        "inside": score.inside,
        "of": len(score.readings),
        "distance": round(score.distance, 4),
        "told_from_people": found.told_from_people,
        "gate": None
        if failed is None
        else {"passed": not failed, "broken": [one.as_dict() for one in failed]},
    }


def _show(found: Evaluation, failed: list[Broken] | None) -> None:
    score = found.score
    rows = [
        (name, f"{reading.value:g}", f"{reading.low:g} to {reading.high:g}", reading.side or "inside")
        for name, reading in score.readings.items()
    ]
    table(f"{score.chats:,} chats beside people's", ("figure", "value", "people", "is"), rows)
    for name, reading in score.readings.items():
        if not reading.inside:
            furthest = f" Furthest out: {', '.join(reading.chats[:_IDS_SHOWN])}." if reading.chats else ""
            out.print(f"{name}: {reading.advice}{furthest}")
    for title, columns, cells in found.tables():
        table(title, columns, cells)
    out.print(found.headline())
    if failed:
        rows = [
            (
                one.bound.name,
                "not measured" if one.value is None else f"{one.value:g}",
                one.bound.kind.replace("_", " "),
                f"{one.bound.bound:g}",
            )
            for one in failed
        ]
        table("The gate is broken", ("figure", "value", "must be", "bound"), rows)
    elif failed is not None:
        out.print("The gate holds.")


def _write_page(path: Path, found: Evaluation, failed: list[Broken] | None) -> None:
    from soc_gen.io.files import atomic_write
    from soc_gen.metrics.page import page

    with atomic_write(path) as handle:
        handle.write(page(found, failed).encode("utf-8", "replace"))
