"""Running ``soc rollout`` against a loopback endpoint, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from soc_gen.config import load_config
from soc_gen.engine.context import RunContext
from soc_gen.engine.execute import StageResult, run_stage
from soc_gen.engine.metrics import RunMetrics
from soc_gen.engine.stop import Stop
from soc_gen.io.resources import shipped
from soc_gen.models import Chat, Experience
from soc_gen.stages.rollout.run import RolloutStage

KEY = "sk-a-very-secret-key-0123456789"


def seed_experiences() -> list[Experience]:
    """Return the shipped ones."""
    lines = (shipped("seeds") / "experiences.jsonl").read_bytes().splitlines()
    return [Experience.model_validate_json(line) for line in lines]


def experiences(count: int) -> list[Experience]:
    """Return that many, no two with one id."""
    seeds = seed_experiences()
    return [
        seeds[index % len(seeds)].model_copy(update={"id": str(uuid.UUID(int=index))})
        for index in range(count)
    ]


def write_experiences(path: Path, records: Iterable[Experience]) -> Path:
    path.write_bytes(b"".join(record.to_json() + b"\n" for record in records))
    return path


@dataclass
class Project:
    """A folder with experiences, and the rollout of them."""

    folder: Path
    count: int = 6

    def __post_init__(self) -> None:
        self.source = write_experiences(self.folder / "experiences.jsonl", experiences(self.count))
        self.out = self.folder / "chats.jsonl"

    def rollout(
        self, *urls: str, stop: Stop | None = None, meter: RunMetrics | None = None, **settings: Any
    ) -> StageResult:
        """Run the stage in this process.

        Args:
            urls: Of the endpoints.
            stop: How to stop it.
            meter: Counts.
            settings: ``restart`` and ``limit``; ``rollout_…`` and ``budget_…`` go to those groups, the rest
                to the endpoint.
        """
        restart, limit = settings.pop("restart", False), settings.pop("limit", None)
        groups: dict[str, dict[str, Any]] = {"endpoint": {"base_urls": urls, "concurrency": 4}}
        for name, value in settings.items():
            group, _, key = (
                name.partition("_") if name.startswith(("rollout_", "budget_")) else ("endpoint", "", name)
            )
            groups.setdefault(group, {})[key] = value
        groups.setdefault("rollout", {}).setdefault("max_turns", 8)
        config = load_config(None, groups)
        context = RunContext(
            config.endpoint,
            budget=config.budget,
            stop=stop or Stop(),
            metrics=meter or RunMetrics(prices=config.endpoint.prices),
            settings=config.model_dump(mode="json"),
            restart=restart,
        )
        stage = RolloutStage(self.source, config.rollout, config.random_seed, limit)
        return asyncio.run(run_stage(stage, self.out, context))

    def chats(self) -> list[Chat]:
        return [Chat.model_validate_json(line) for line in self.out.read_bytes().splitlines()]

    def journal(self) -> list[dict[str, Any]]:
        """Return the journal's lines."""
        lines = (self.folder / "chats.journal.jsonl").read_bytes().splitlines()
        return [orjson.loads(line) for line in lines]

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads((self.folder / "chats.manifest.json").read_bytes())
        return found

    def command(self, url: str, *options: str) -> list[str]:
        """Return the command line that does what ``rollout`` does."""
        return [
            *(sys.executable, "-c", "from soc_gen.cli import main; main()", "rollout", str(self.source)),
            *("--out", str(self.out), "--base-url", url, "--max-turns", "8", *options),
        ]

    def soc(self, url: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``soc rollout`` in a process of its own."""
        return subprocess.run(
            self.command(url, *options),
            check=False,
            capture_output=True,
            text=True,
            env=env(**environment),
            timeout=120,
        )


def env(**more: str) -> dict[str, str]:
    """Return an environment without settings from outside."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("SOC_", "OPENAI_"))
    } | more


def in_input_order(project: Project) -> bool:
    """Is what is in the output in the order of the input?"""
    order = [
        record.id for record in map(Experience.model_validate_json, project.source.read_bytes().splitlines())
    ]
    places = [order.index(chat.experience.id) for chat in project.chats()]
    return places == sorted(places)
