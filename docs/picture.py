"""Draw the picture of a run for the README: ``python docs/picture.py data docs/quickstart.svg``."""

import io
import sys
from pathlib import Path

from rich.console import Console

from soc_gen.cli import console
from soc_gen.cli.run import most_diverse_chat
from soc_gen.cli.summary import COLUMNS, duration
from soc_gen.display import to_rich
from soc_gen.io.manifest import Manifest, read_manifest
from soc_gen.text.names import short_names


def main(data: Path, picture: Path) -> None:
    """Draw one conversation and the summary of the run whose files are in the folder ``data``.

    Raises:
        UsageError: A file of the run is missing or cannot be read.
    """
    screen = Console(record=True, force_terminal=True, width=96, file=io.StringIO())
    console.out = screen
    chat = most_diverse_chat(data / "clean.jsonl")
    if chat:
        transcript = chat.transcript(short_names(*chat.experience.people))
        for line in to_rich(transcript, width=screen.width, terminal=True):
            screen.print(line)
    manifests = {
        stage: read_manifest(data / f"{name}.manifest.json")
        for stage, name in (("experiences", "experiences"), ("rollout", "chats"), ("clean", "clean"))
    }
    console.table("What was done", COLUMNS, [row(stage, facts) for stage, facts in manifests.items()])
    screen.save_svg(str(picture), title="soc run")


def row(stage: str, manifest: Manifest) -> tuple[str, ...]:
    """Return the line of the summary table for one stage."""
    counts, tokens = manifest.counts, manifest.tokens
    lost = f"{counts['rejected']} rejected" if stage == "clean" else f"{counts['failed']} failed"
    if not tokens:
        return (stage, str(counts["kept"]), lost, *["-"] * 5)
    share = f"{tokens['cached'] / max(1, tokens['prompt']):.0%}"
    numbers = (f"{counts['replies']:,}", f"{tokens['prompt']:,}", share, f"{tokens['completion']:,}")
    return (stage, str(counts["kept"]), lost, *numbers, duration(manifest.seconds or 0.0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
