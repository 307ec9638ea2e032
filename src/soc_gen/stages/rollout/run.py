"""Stage two as the engine runs it: from experiences to chats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from soc_gen.engine.compatibility import ROW_BYTES
from soc_gen.engine.execute import Stage, hashes_of
from soc_gen.engine.runner import Job, Session
from soc_gen.errors import ConversationError, UsageError
from soc_gen.io.files import file_sha256, open_input, path_to_text
from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.models import Chat, Experience, content_id
from soc_gen.stages.rollout.config import RolloutConfig
from soc_gen.stages.rollout.stage import Rules, chat_id, roll_out
from soc_gen.text.safety import find_romance_with_minor

Given = Experience | BadLine


def check_experiences(source: Path) -> None:
    """Refuse a file without any experience: most likely a file of another stage.

    Raises:
        UsageError: The message names the fault of its first line.
    """
    first: BadLine | None = None
    for record in read_jsonl(source, Experience):
        if isinstance(record, Experience):
            return
        first = first or record
    if first is None:
        raise UsageError("is empty: there is nothing to do", where=str(source))
    raise UsageError(
        f"no line of it is an experience ({first.why})",
        where=first.where,
        hint="Take a file that soc generate experiences wrote: JSON Lines, no Parquet, no JSON array",
    )


def rollout_inputs(config: RolloutConfig, random_seed: int, model: str) -> dict[str, Any]:
    """Return the inputs of chats besides experiences; a journal with other inputs is refused."""
    settings = config.model_dump(mode="json", exclude={"max_attempts", "on_context_length", "endpoint"})
    return {
        "model": model,
        "random_seed": random_seed,
        "prompts": hashes_of("rollout_"),
        "rollout": settings,
    }


class RolloutStage(Stage[Given]):
    """From experiences to chats.

    Args:
        source: A JSONL file of experiences, or experiences.
        config: Settings of the rollout.
        random_seed: Seed of every random choice.
        limit: Most experiences, from the start.

    Raises:
        UsageError: The file cannot be read, or there are no experiences.
    """

    name = "rollout"

    def __init__(
        self,
        source: Path | Sequence[Experience],
        config: RolloutConfig,
        random_seed: int = 0,
        limit: int | None = None,
    ) -> None:
        self._config, self._random_seed, self._source = config, random_seed, source
        self.rows = _rows(source)
        # Records added to the file from now on are left to the next run.
        self._total = min(len(self.rows) // ROW_BYTES, limit or len(self.rows))
        if isinstance(source, Path):
            self._read = {"path": path_to_text(source), "sha256": file_sha256(source)}
        else:
            self._read = {"path": "(experiences in memory)", "sha256": hashlib.sha256(self.rows).hexdigest()}

    @property
    def config(self) -> RolloutConfig:
        """Return the settings of this stage."""
        return self._config

    @property
    def total(self) -> int:
        """Return the number of experiences, up to the limit."""
        return self._total

    def inputs(self) -> dict[str, Any]:
        """Return the inputs on which the chats depend."""
        return rollout_inputs(self._config, self._random_seed, self.model)

    def facts(self) -> dict[str, Any]:
        """Return the file that was read, and the hashes of the prompts."""
        return {"inputs": [self._read | {"records": self._total}], "prompts": hashes_of("rollout_")}

    def jobs(self) -> Iterator[Job[Given]]:
        """Yield a job for each record of the input, also for bad lines."""
        seen: set[str] = set()
        for index, record in enumerate(islice(self._records(), self._total)):
            if isinstance(record, BadLine):
                row = self.rows[index * ROW_BYTES : (index + 1) * ROW_BYTES]
                yield Job(index, content_id(row.hex()), record)
            elif record.id in seen:
                where = f"{self._read['path']}:{index + 1}"
                twice = BadLine(where, f"an experience before it has the id {record.id}")
                yield Job(index, content_id("again", record.id), twice)
            else:
                seen.add(record.id)
                yield Job(index, chat_id(record, self.model, self._random_seed), record)

    def _records(self) -> Iterator[Given]:
        return read_jsonl(self._source, Experience) if isinstance(self._source, Path) else iter(self._source)

    async def process(self, job: Job[Given], session: Session) -> Chat:
        """Play one experience.

        Raises:
            ConversationError: It is not an experience, or its chat could not be finished.
        """
        if isinstance(job.payload, BadLine):
            raise ConversationError("bad_record", f"{job.payload.where}: {job.payload.why}")
        _refuse_romance_with_minors(job.payload)
        attempts = self._config.max_attempts * (1 + session.previous_failures)
        rules = Rules(self._config, self._random_seed, self.model, attempts, session.note)
        return await roll_out(job.payload, session, rules)


def _refuse_romance_with_minors(experience: Experience) -> None:
    """Refuse romance with a minor, which experiences from other sources may contain."""
    texts = experience.relationship, experience.situation, experience.topic
    if romance := find_romance_with_minor(experience.people, texts):
        raise ConversationError("minor_in_romance", f"one of the two is under 18: {romance}")


def _rows(source: Path | Sequence[Experience]) -> bytes:
    """Return the digests of all records of ``source``, ``ROW_BYTES`` each.

    Raises:
        UsageError: The file cannot be read, or there is no record.
    """
    if isinstance(source, Path):
        with open_input(source) as handle:
            rows = _digests(line.strip() for line in handle)
    else:
        rows = _digests(experience.to_json() for experience in source)
    if not rows:
        where = str(source) if isinstance(source, Path) else None
        raise UsageError(
            "is empty: there is nothing to do" if where else "no experiences to play", where=where
        )
    return rows


def _digests(lines: Iterator[bytes]) -> bytes:
    return b"".join(hashlib.blake2b(line, digest_size=ROW_BYTES).digest() for line in lines if line)
