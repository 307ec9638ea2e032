"""A small piece of this stage's work with which ``soc check`` tests an endpoint: one experience."""

from __future__ import annotations

from soc_gen.engine.probe import Trial
from soc_gen.llm.types import LLM
from soc_gen.models import Experience
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.stage import ExperienceJob, make_experience

_OTHER_FORMAT = {
    "json": 'Set experiences.format = "lines", which small models can do',
    "lines": 'Set experiences.format = "json", for servers that continue no message',
}
_TRIGGER = "a forgotten birthday"


def experience_trial(config: ExperiencesConfig, seeds: list[Experience]) -> Trial:
    """Return the trial: an experience for the two people of the first of ``seeds``."""

    async def play(llm: LLM) -> str:
        first, *others = seeds
        job = ExperienceJob(
            0, "check-experience", first.persona1, first.persona2, first.relationship, _TRIGGER, seed=0
        )
        made = await make_experience(job, others[: config.examples], llm, config)
        return made.situation

    return Trial("experiences", f"writes an experience ({config.format})", play, _OTHER_FORMAT[config.format])
