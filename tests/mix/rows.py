"""Hand-made rows in the forms of the sources, and a config over them."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

WORDS = [
    "river",
    "lamp",
    "window",
    "garden",
    "bread",
    "winter",
    "letter",
    "bicycle",
    "mountain",
    "paper",
    "kitchen",
    "story",
    "morning",
    "train",
    "button",
    "island",
    "candle",
    "market",
    "yellow",
    "pocket",
    "ladder",
    "violin",
    "harbour",
    "pepper",
    "blanket",
    "engine",
    "forest",
    "mirror",
]


def sentence(rng: random.Random, length: int = 12) -> str:
    """Return words that hardly come twice in this order."""
    return " ".join(rng.choices(WORDS, k=length)) + "."


def turns(rng: random.Random, pairs: int = 2, role: str = "role", content: str = "content") -> list[Any]:
    """Return an exchange in the form of LMSYS, or of ShareGPT."""
    names = ("user", "assistant") if role == "role" else ("human", "gpt")
    return [{role: name, content: sentence(rng)} for _ in range(pairs) for name in names]


def lmsys(count: int, seed: int = 1) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "conversation_id": f"l{number}",
            "model": "some-13b",
            "conversation": turns(rng),
            "turn": 2,
            "language": "English",
            "openai_moderation": [{"flagged": False, "categories": {"hate": False}}],
            "redacted": False,
        }
        for number in range(count)
    ]


def arena(count: int, seed: int = 2) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "question_id": f"a{number}",
            "model_a": "one",
            "model_b": "two",
            "winner": ("model_a", "model_b", "tie")[number % 3],
            "conversation_a": (first := turns(rng)),
            "conversation_b": [first[0], {"role": "assistant", "content": sentence(rng)}],
            "language": "English",
            "openai_moderation": {"flagged": False, "categories": {}},
            "toxic_chat_tag": {"t5-large": {"flagged": False}},
        }
        for number in range(count)
    ]


def prosocial(dialogues: int, seed: int = 3) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = [
        {
            "context": sentence(rng),
            "response": sentence(rng),
            "safety_label": "__casual__",
            "dialogue_id": number,
            "response_id": place,
        }
        for number in range(dialogues)
        for place in range(3)
    ]
    rng.shuffle(rows)
    return rows


def openhermes(count: int, seed: int = 4) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [{"conversations": turns(rng, 1, "from", "value"), "source": "made"} for _ in range(count)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write a CSV with the columns of the first row."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_config(path: Path, sources: list[dict[str, Any]], **mix: Any) -> Path:
    """Write a config of a mix."""
    lines = ["[mix]", *(f"{key} = {json.dumps(value)}" for key, value in mix.items())]
    for source in sources:
        lines += ["[[mix.sources]]", *(f"{key} = {json.dumps(value)}" for key, value in source.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def three_sources(folder: Path, sizes: tuple[int, int, int] = (120, 60, 40)) -> list[dict[str, Any]]:
    """Write rows of three sources; return their entries for a config."""
    files = {
        "lmsys-chat-1m": (lmsys(sizes[0]), 0.5),
        "chatbot_arena_conversations": (arena(sizes[1]), 0.3),
        "OpenHermes-2.5": (openhermes(sizes[2]), 0.2),
    }
    return [
        {"name": name, "path": str(write_rows(folder / f"{name}.jsonl", rows)), "share": share}
        for name, (rows, share) in files.items()
    ]
