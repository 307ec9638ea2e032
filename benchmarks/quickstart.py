"""Play experiences with the quickstart preset and its embedded model: the figures of the talk, and the talk.

python benchmarks/quickstart.py EXPERIENCES [LIMIT] [--seed N] [--out CHATS]
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from soc_gen.config import Config, load_config
from soc_gen.engine.context import RunContext
from soc_gen.engine.execute import run_stage
from soc_gen.engine.metrics import RunMetrics
from soc_gen.io.jsonl import read_jsonl
from soc_gen.llm.embedded.serve import ensure_endpoint
from soc_gen.models import Chat
from soc_gen.stages.rollout.run import RolloutStage
from soc_gen.text import tags
from soc_gen.text.assistant_speak import is_assistant_speak
from soc_gen.text.names import short_names
from soc_gen.text.repetition import is_near_duplicate

_FILLER = re.compile(
    r"\W*(?:hi|hey|hello|sure|ok(?:ay)?|thanks?|thank you|no problem|sounds good|great|perfect|i understand"
    r"|of course|you're welcome|no worries|absolutely|i'm sorry|sorry)\b.{0,25}",
    re.IGNORECASE,
)


def roll_out_all(source: Path, limit: int | None, config: Config, out: Path) -> tuple[list[Chat], RunMetrics]:
    """Play the first experiences of ``source`` into ``out``, and return the chats and what it took."""
    with ensure_endpoint(config.endpoint, _quiet) as endpoint:
        meter = RunMetrics()  # the clock starts when the model is ready
        stage = RolloutStage(source, config.rollout, config.random_seed, limit)
        context = RunContext(endpoint, metrics=meter, random_seed=config.random_seed, embedded=True)
        asyncio.run(run_stage(stage, out, context))
    return [chat for chat in read_jsonl(out, Chat) if isinstance(chat, Chat)], meter


def _quiet(*_progress: object) -> None:
    pass


def figures(chats: list[Chat], meter: RunMetrics) -> dict[str, str]:
    """Return what can be counted of how good the talk is."""
    said: list[str] = []
    repeats = filler = assistant = quoted = 0
    for chat in chats:
        earlier: list[str] = []
        for message in (text for part in chat.chat_parts for text in part.messages):
            text = tags.spoken_text(message).strip()
            if not text:
                continue
            repeats += is_near_duplicate(text, earlier)
            assistant += is_assistant_speak(text)
            filler += bool(_FILLER.fullmatch(text))
            quoted += text[0] in "\"'“*"
            earlier.append(text)
        said += earlier
    count = max(1, len(said))
    turns = [len(chat.chat_parts) for chat in chats]
    return {
        "conversations": f"{len(chats)} ({meter.failed} failed)",
        "turns, mean": f"{sum(turns) / max(1, len(turns)):.1f} {sorted(turns)}",
        "words per message, mean": f"{sum(map(len, map(str.split, said))) / count:.1f}",
        "near-repeats": f"{repeats / count:.1%}",
        "assistant-speak": f"{assistant / count:.1%}",
        "filler lines": f"{filler / count:.1%}",
        "lines that begin with a quote or star": f"{quoted / count:.1%}",
        "asked again": f"{_shares(meter.rerolls, meter.replies)}",
        "repaired": f"{_shares(meter.repairs, meter.replies)}",
        "replies": str(meter.replies),
        "seconds": f"{meter.seconds:.0f}",
        "prompt tokens, not cached": str(meter.usage.prompt - meter.usage.cached),
        "tokens written": str(meter.usage.completion),
        "tokens written per second": f"{meter.usage.completion / meter.seconds:.1f}",
    }


def _shares(counter: Counter[str], total: int) -> str:
    found = [f"{name} {count / max(1, total):.1%}" for name, count in counter.most_common()]
    return f"{counter.total() / max(1, total):.1%} ({', '.join(found)})" if found else "0"


def as_text(chat: Chat) -> str:
    """Return a chat as one reads it."""
    meeting = chat.experience
    names = dict(
        zip(
            (meeting.persona1.id, meeting.persona2.id),
            short_names(meeting.persona1, meeting.persona2),
            strict=True,
        )
    )
    lines = [f"[{meeting.relationship} | {meeting.situation} | {meeting.topic}]"]
    lines += [f"{names[part.sender]}: {text}" for part in chat.chat_parts for text in part.messages]
    return "\n".join(lines)


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiences", type=Path)
    parser.add_argument("limit", type=int, nargs="?")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=Path, help="keeps the chats; a run that was stopped goes on")
    args = parser.parse_args()
    config = load_config("quickstart", {"random_seed": args.seed})
    with tempfile.TemporaryDirectory() as folder:
        out = args.out or Path(folder) / "chats.jsonl"
        chats, meter = roll_out_all(args.experiences, args.limit, config, out)
    for chat in chats:
        sys.stdout.write(as_text(chat) + "\n\n")
    for name, value in figures(chats, meter).items():
        sys.stdout.write(f"{name:<40}{value}\n")


if __name__ == "__main__":
    main()
