"""The stages with their inputs and outputs, in order: each ``run_…`` is one command, less the printing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from soc_gen.config import Config
from soc_gen.engine.compatibility import ROW_BYTES
from soc_gen.engine.connect import connect
from soc_gen.engine.execute import Asking, Report, Work, ask, hashes_of
from soc_gen.engine.runner import Job, Session
from soc_gen.errors import ConversationError, UsageError
from soc_gen.io.files import open_input, path_to_text
from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.io.manifest import file_sha256
from soc_gen.models import Chat, Experience, content_id
from soc_gen.stages.rollout.stage import Rules, chat_id, roll_out
from soc_gen.text.safety import find_romance_with_minor


def check_experiences(source: Path) -> None:
    """Refuse a file in which nothing is an experience: another stage's, most likely.

    Raises:
        UsageError: Says what is wrong with its first line.
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
        hint="Take a file that soc generate experiences wrote",
    )


def rollout_inputs(config: Config, model: str) -> dict[str, Any]:
    """Return what chats depend on besides experiences; a journal that began with others is refused."""
    rollout = config.rollout.model_dump(mode="json", exclude={"max_attempts", "on_context_length"})
    return {
        "model": model,
        "random_seed": config.random_seed,
        "prompts": hashes_of("rollout_"),
        "rollout": rollout,
    }


async def run_rollout(source: Path, out: Path, asking: Asking) -> Report:
    """Play the experiences in ``source`` into ``out``.

    Raises:
        SocError: The input cannot be read, or the run cannot go on.
    """
    rows = _rows(source)
    # What is added to the file from now on is the next run's, which will know of it.
    total = min(len(rows) // ROW_BYTES, asking.limit or len(rows))
    digest = file_sha256(source)
    config, rollout = asking.config, asking.config.rollout
    async with connect(asking.endpoint, asking.stop.sleep, asking.notice, asking.say) as connection:
        asking.meter.total = total

        def jobs() -> Iterator[Job[Experience | BadLine]]:
            seen: set[str] = set()
            for index, record in enumerate(islice(read_jsonl(source, Experience), total)):
                if isinstance(record, BadLine):
                    row = rows[index * ROW_BYTES : (index + 1) * ROW_BYTES]
                    yield Job(index, content_id(row.hex()), record)
                elif record.id in seen:
                    twice = BadLine(
                        f"{source}:{index + 1}", f"an experience before it has the id {record.id}"
                    )
                    yield Job(index, content_id("again", record.id), twice)
                else:
                    seen.add(record.id)
                    yield Job(index, chat_id(record, connection.model, config.random_seed), record)

        async def play(job: Job[Experience | BadLine], session: Session, given_up: int) -> Chat:
            if isinstance(job.payload, BadLine):
                raise ConversationError("bad_record", f"{job.payload.where}: {job.payload.why}")
            _refuse_romance_with_minors(job.payload)
            attempts = rollout.max_attempts * (1 + given_up)
            rules = Rules(rollout, config.random_seed, connection.model, attempts, session.note)
            return await roll_out(job.payload, session, rules)

        inputs = rollout_inputs(config, connection.model)
        read = {"path": path_to_text(source), "sha256": digest, "records": total}
        facts = {"inputs": [read], "prompts": inputs["prompts"]}
        work = Work("rollout", inputs, jobs(), play, rows=rows, facts=facts)
        return await ask(work, out, asking, connection)


def _refuse_romance_with_minors(experience: Experience) -> None:
    """Refuse what somebody else's experiences may hold; ours never do."""
    texts = experience.relationship, experience.situation, experience.topic
    if found := find_romance_with_minor(experience.people, texts):
        raise ConversationError("minor_in_romance", f"one of the two is under 18: {found}")


def _rows(path: Path) -> bytes:
    """Return a digest for each record of ``path``, one after the other.

    Raises:
        UsageError: The file cannot be read, or has none.
    """
    with open_input(path) as handle:
        lines = (line.strip() for line in handle)
        rows = b"".join(hashlib.blake2b(line, digest_size=ROW_BYTES).digest() for line in lines if line)
    if not rows:
        raise UsageError("is empty: there is nothing to do", where=str(path))
    return rows
