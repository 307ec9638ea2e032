"""Chats to be published, and commands that take the loopback Hub for the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from soc_gen.models import Chat, ChatPart, Experience, Persona
from soc_gen.publish.card import Facts
from soc_gen.publish.hub import PushResult
from soc_gen.publish.staging import StagedDataset
from tests.support.loopback_hub import LoopbackHub

REPO = "mia/night-chats"


OPENERS = (
    "did you feed the cat",
    "the kiln exploded",
    "ok so. the wedding",
    "are you up",
    "found your spoon",
)


def persona(name: str, age: int, **over: Any) -> Persona:
    fields: dict[str, Any] = {
        "name": name,
        "username": f"{name.lower()}_{age}",
        "age": age,
        "traits": ["dry", "loyal"],
        "background": f"{name} repairs clarinets.",
        "chatting_style": "short, no capitals",
        "model": "m",
        "id": f"p-{name.lower()}",
    }
    return Persona(**{**fields, **over})


def chat(number: int, parts: list[tuple[int, list[str]]] | None = None, **over: Any) -> Chat:
    """Return a chat; ``parts`` are (1 or 2, messages)."""
    one, two = (
        persona(f"Ines{number}", 30 + number % 60),
        persona(f"Bo{number}", 41, username=None, traits=[]),
    )
    experience = Experience(
        persona1=over.pop("persona1", one),
        persona2=over.pop("persona2", two),
        relationship="neighbours who share a wall",
        situation="A kiln exploded at night.",
        topic=f"the kiln, part {number}",
        id=f"e-{number}",
    )
    ids = {1: experience.persona1.id, 2: experience.persona2.id}
    parts = parts or [
        (1, [f"{OPENERS[number % 5]} {number}", "<image>a kiln, in pieces</image> look"]),
        (2, ["oh no"]),
        (1, ['<delay minutes="5"/>', "it was my mug"]),
        (2, ["<audio>laughing, then a cough</audio>", "<end/>"]),
    ]
    chat_parts = [ChatPart(sender=ids[who], messages=messages) for who, messages in parts]
    fields: dict[str, Any] = {"chat_id": f"c-{number}", "model": "qwen3-4b"}
    return Chat(experience=experience, chat_parts=chat_parts, **{**fields, **over})


def ignore(number: float) -> None:
    """Take a number and do nothing."""


def write_chats(path: Path, chats: list[Chat]) -> Path:
    path.write_bytes(b"".join(one.to_json() + b"\n" for one in chats))
    return path


def write_manifests(folder: Path, *, chats: int) -> None:
    """Write what the three stages leave, as they would after a run with an embedded model."""
    config = {
        "random_seed": 7,
        "endpoint": {"base_urls": ["http://10.0.0.7:8000/v1"], "api_key_env": "MY_KEY", "model": None},
        "experiences": {"count": chats, "personas": "/home/mia/secret-place/bank.jsonl"},
        "rollout": {"max_turns": 12, "sampling": {"temperature": 0.9, "top_p": 0.95, "max_tokens": 48}},
        "clean": {"min_parts": 2},
    }
    usual = {"soc_gen": "0.1.0", "random_seed": 7, "config": config, "model": "qwen2.5-1.5b"}
    usual["endpoint"] = {"kind": "embedded", "urls": 1}
    stages: list[tuple[str, str, str | None, dict[str, Any]]] = [
        ("experiences", "experiences", None, {"counts": {"kept": chats + 3, "failed": 1}, "cost": 0.0}),
        ("chats", "rollout", "experiences", {
            "counts": {"in": chats + 3, "kept": chats + 2, "failed": 1}, "reasons": {"bad_turn": 1},
            "prompts": {"rollout.md": "ab" * 32}, "seconds": 5400.0, "cost": 0.0,
            "tokens": {"prompt": 120000, "cached": 110000, "completion": 9000},
        }),
        ("clean", "clean", "chats", {
            "counts": {"in": chats + 2, "kept": chats, "rejected": 2}, "model": None, "endpoint": {},
            "reasons": {"near_duplicate": 2}, "repairs": {"label": 4},
        }),
    ]  # fmt: skip
    for stem, name, source, own in stages:
        fields = {
            **usual,
            "stage": name,
            **own,
            "outputs": [{"path": f"data/{stem}.jsonl", "records": chats}],
        }
        fields["inputs"] = [{"path": f"/elsewhere/data/{source}.jsonl"}] if source else []
        (folder / f"{stem}.manifest.json").write_text(json.dumps(fields))


Pusher = Callable[..., PushResult]


def run_python(code: str, hub: LoopbackHub, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh process that takes the loopback Hub for the Hub."""
    return run([sys.executable, "-c", code], hub, home, **env)


def run_soc(
    *arguments: str | Path, hub: LoopbackHub, home: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run ``soc`` in a fresh process that takes the loopback Hub for the Hub."""
    code = "from soc_gen.cli import main; main()"
    return run([sys.executable, "-c", code, *map(str, arguments)], hub, home, **env)


def run(command: list[str], hub: LoopbackHub, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "SOC_"))}
    ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "COLUMNS": "200"}
    ours |= {} if hub.xet else {"HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        command, env={**inherited, **ours, **env}, capture_output=True, text=True, check=False, timeout=120
    )


def facts(staged: StagedDataset, files: tuple[str, ...] = ("data.jsonl",)) -> Facts:
    return Facts(REPO, staged.manifests, staged.statistics, staged.sample, "cc-by-4.0", files)
