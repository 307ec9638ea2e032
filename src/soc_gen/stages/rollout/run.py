"""The stages with their inputs and outputs, in order: each ``run_…`` is one command, less the printing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from soc_gen.config import Config
from soc_gen.engine.compatibility import ROW_BYTES
from soc_gen.engine.connect import connect
from soc_gen.engine.execute import Asking, Report, Work, ask, hashes_of
from soc_gen.engine.runner import Job, Session
from soc_gen.errors import ConversationFailed, UsageError
from soc_gen.io.jsonl import BadLine, open_input, printable, read_jsonl
from soc_gen.io.manifest import file_sha256
from soc_gen.io.resources import shipped
from soc_gen.models import Chat, Experience, Persona, content_id
from soc_gen.stages.experiences.components import load_components
from soc_gen.stages.experiences.examples import Hub
from soc_gen.stages.experiences.stage import ExperienceJob, make_experience, plan_experiences
from soc_gen.stages.rollout.stage import Rules, chat_id, roll_out
from soc_gen.text.safety import romance_with_minor

_SEED_EXPERIENCES = shipped("seeds") / "experiences.jsonl"


async def run_experiences(personas: Sequence[Persona], out: Path, asking: Asking) -> Report:
    """Make ``config.experiences.count`` experiences into ``out``.

    Raises:
        SocError: The run cannot go on.
    """
    config, stage = asking.config, asking.config.experiences
    components = load_components()
    seeds = [record for record in read_jsonl(_SEED_EXPERIENCES, Experience) if isinstance(record, Experience)]
    hub = Hub(seeds, stage, config.random_seed)

    async def make(job: Job[ExperienceJob], session: Session, given_up: int) -> Experience:
        examples = await session.wait_for(hub.examples(job.index))
        attempts = stage.max_attempts * (1 + given_up)
        return await make_experience(
            job.payload, examples, session, stage, attempts=attempts, note=session.note
        )

    def settled(index: int, record: bytes | None) -> None:
        hub.report(index, Experience.model_validate_json(record) if record else None)

    async with connect(asking.endpoint, asking.stop.sleep, asking.notice, asking.say) as connection:
        asking.meter.total = stage.count
        jobs = (
            Job(planned.index, planned.id, planned)
            for planned in plan_experiences(personas, components, stage, config.random_seed)
        )
        prompts = hashes_of("experience")
        inputs = {
            "personas": _digest(persona.to_json() for persona in personas),
            "components": file_sha256(shipped("seeds") / "components.json"),
            "seed_experiences": file_sha256(_SEED_EXPERIENCES),
            "model": connection.model,
            "random_seed": config.random_seed,
            "prompts": prompts,
            # A larger count only goes on where a smaller one ended.
            "experiences": stage.model_dump(mode="json", exclude={"max_attempts", "count"}),
        }
        facts = {
            "inputs": [{"path": printable(stage.personas), "records": len(personas)}],
            "prompts": prompts,
        }
        work = Work("experiences", inputs, jobs, make, settled, facts=facts)
        return await ask(work, out, asking, connection)


def _digest(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
    return digest.hexdigest()


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
                raise ConversationFailed("bad_record", f"{job.payload.where}: {job.payload.why}")
            _refuse_romance_with_minors(job.payload)
            attempts = rollout.max_attempts * (1 + given_up)
            rules = Rules(rollout, config.random_seed, connection.model, attempts, session.note)
            return await roll_out(job.payload, session, rules)

        inputs = rollout_inputs(config, connection.model)
        read = {"path": printable(source), "sha256": digest, "records": total}
        facts = {"inputs": [read], "prompts": inputs["prompts"]}
        work = Work("rollout", inputs, jobs(), play, rows=rows, facts=facts)
        return await ask(work, out, asking, connection)


def _refuse_romance_with_minors(experience: Experience) -> None:
    """Refuse what somebody else's experiences may hold; ours never do."""
    texts = experience.relationship, experience.situation, experience.topic
    if found := romance_with_minor(experience.people, texts):
        raise ConversationFailed("minor_in_romance", f"one of the two is under 18: {found}")


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
