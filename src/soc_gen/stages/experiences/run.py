"""``soc generate experiences`` without the printing: the bank, the stage and its output file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from soc_gen.engine.connect import connect
from soc_gen.engine.execute import Asking, Report, Work, ask, hashes_of
from soc_gen.engine.runner import Job, Session
from soc_gen.io.files import path_to_text
from soc_gen.io.jsonl import read_jsonl
from soc_gen.io.manifest import file_sha256
from soc_gen.io.resources import shipped
from soc_gen.models import Experience, Persona
from soc_gen.stages.experiences.components import load_components
from soc_gen.stages.experiences.examples import ExamplePool
from soc_gen.stages.experiences.stage import ExperienceJob, make_experience, plan_experiences

_SEED_EXPERIENCES = shipped("seeds") / "experiences.jsonl"


async def run_experiences(personas: Sequence[Persona], out: Path, asking: Asking) -> Report:
    """Make ``config.experiences.count`` experiences into ``out``.

    Raises:
        SocError: The run cannot go on.
    """
    config, stage = asking.config, asking.config.experiences
    components = load_components()
    seeds = [record for record in read_jsonl(_SEED_EXPERIENCES, Experience) if isinstance(record, Experience)]
    hub = ExamplePool(seeds, stage, config.random_seed)

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
            "inputs": [{"path": path_to_text(stage.personas), "records": len(personas)}],
            "prompts": prompts,
        }
        work = Work("experiences", inputs, jobs, make, settled, facts=facts)
        return await ask(work, out, asking, connection)


def _digest(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
    return digest.hexdigest()
