"""Draw the README's picture from a real run: ``python docs/picture.py data docs/quickstart.svg``."""

import io
import sys
from pathlib import Path

import orjson
from rich.console import Console

from soc_gen.cli import chat, console
from soc_gen.cli.run import most_diverse_chat
from soc_gen.cli.watch import COLUMNS, duration


def main(data: Path, picture: Path) -> None:
    """Draw one conversation and the summary of the run in ``data``."""
    screen = Console(record=True, force_terminal=True, width=96, file=io.StringIO())
    chat.out = console.out = screen
    shown = most_diverse_chat(data / "clean.jsonl")
    if shown:
        chat.show_chat(shown)
    rows = []
    for stage, name in (("experiences", "experiences"), ("rollout", "chats"), ("clean", "clean")):
        facts = orjson.loads((data / f"{name}.manifest.json").read_bytes())
        rows.append(row(stage, facts))
    console.table("What was done", COLUMNS, rows)
    screen.save_svg(str(picture), title="soc run")


def row(stage: str, facts: dict[str, dict[str, int]]) -> tuple[str, ...]:
    """Return the line of the summary that a manifest stands for."""
    counts, tokens = facts["counts"], facts.get("tokens")
    lost = f"{counts['rejected']} rejected" if stage == "clean" else f"{counts['failed']} failed"
    if not tokens:
        return (stage, str(counts["kept"]), lost, *["-"] * 5)
    share = f"{tokens['cached'] / max(1, tokens['prompt']):.0%}"
    seconds = duration(float(str(facts["seconds"])))
    numbers = (f"{counts['replies']:,}", f"{tokens['prompt']:,}", share, f"{tokens['completion']:,}")
    return (stage, str(counts["kept"]), lost, *numbers, seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
