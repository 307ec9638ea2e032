"""Stage one as the engine runs it: from personas to experiences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from soc_gen.engine.execute import Stage, hashes_of
from soc_gen.engine.runner import Job, Session
from soc_gen.io.files import file_sha256, path_to_text
from soc_gen.io.jsonl import read_jsonl
from soc_gen.io.resources import shipped
from soc_gen.models import Experience, Persona
from soc_gen.stages.experiences.components import load_components
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.examples import ExamplePool
from soc_gen.stages.experiences.stage import ExperienceJob, make_experience, plan_experiences

_SEED_EXPERIENCES = shipped("seeds") / "experiences.jsonl"


class ExperiencesStage(Stage[ExperienceJob]):
    """From personas to experiences.

    Args:
        personas: A checked bank (``read_bank``, ``check_bank``).
        config: How many, and how they are asked for.
        random_seed: Seed of every random choice.
    """

    name = "experiences"

    def __init__(self, personas: Sequence[Persona], config: ExperiencesConfig, random_seed: int = 0) -> None:
        self._personas, self._config, self._random_seed = personas, config, random_seed
        seeds = [
            record for record in read_jsonl(_SEED_EXPERIENCES, Experience) if isinstance(record, Experience)
        ]
        self._examples = ExamplePool(seeds, config, random_seed)

    @property
    def config(self) -> ExperiencesConfig:
        """Return the settings of this stage."""
        return self._config

    @property
    def total(self) -> int:
        """Return the number of experiences to make."""
        return self._config.count

    def inputs(self) -> dict[str, Any]:
        """Return the inputs on which the experiences depend."""
        return {
            "personas": _digest(persona.to_json() for persona in self._personas),
            "components": file_sha256(shipped("seeds") / "components.json"),
            "seed_experiences": file_sha256(_SEED_EXPERIENCES),
            "model": self.model,
            "random_seed": self._random_seed,
            "prompts": hashes_of("experience"),
            # A larger count continues where a smaller one ended.
            "experiences": self._config.model_dump(
                mode="json", exclude={"max_attempts", "count", "endpoint"}
            ),
        }

    def facts(self) -> dict[str, Any]:
        """Return the file or dataset that was read, and the hashes of the prompts."""
        read = {"path": path_to_text(self._config.personas), "records": len(self._personas)}
        return {"inputs": [read], "prompts": hashes_of("experience")}

    def jobs(self) -> Iterator[Job[ExperienceJob]]:
        """Yield a planned pair for each experience."""
        components = load_components()
        for job in plan_experiences(self._personas, components, self._config, self._random_seed):
            yield Job(job.index, job.id, job)

    async def process(self, job: Job[ExperienceJob], session: Session) -> Experience:
        """Let the model invent the situation and topic of one experience, unlike its examples.

        Raises:
            ConversationError: Every reply was rejected.
        """
        examples = await session.wait_for(self._examples.examples(job.index))
        attempts = self._config.max_attempts * (1 + session.previous_failures)
        return await make_experience(
            job.payload, examples, session, self._config, attempts=attempts, note=session.note
        )

    def on_result(self, index: int, record: bytes | None) -> None:
        """Add the experience to the examples of later ones."""
        self._examples.report(index, Experience.model_validate_json(record) if record else None)


def _digest(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\n")
    return digest.hexdigest()
