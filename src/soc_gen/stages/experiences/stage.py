"""Stage one: who meets, how they know each other, and why one of them writes now.

Planning is pure and asks no model: pairs by age, a relationship that their ages allow, a trigger.
``make_experience`` then lets a model invent the situation and the topic of one job.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from soc_gen.errors import ConversationError
from soc_gen.llm.types import LLM
from soc_gen.models import Experience, Persona, content_id
from soc_gen.seeding import child_seed
from soc_gen.stages.experiences.components import Components, draw, fill_slots, name_personas
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.pairing import pair_by_age
from soc_gen.stages.experiences.prompting import (
    LINES_EXAMPLES,
    ExperienceJob,
    ExperienceRequester,
    from_json,
    from_lines,
)
from soc_gen.stages.experiences.rules import Draft, DraftContext, DraftRejection, check_draft, example_text

__all__ = ["ExperienceJob", "make_experience", "plan_experiences"]


def plan_experiences(
    personas: Sequence[Persona], components: Components, config: ExperiencesConfig, random_seed: int
) -> Iterator[ExperienceJob]:
    """Yield ``config.count`` jobs; a longer plan begins with the jobs of a shorter one.

    Args:
        personas: A checked bank: at least two, with different ids.
        components: Relationships and triggers to draw from.
        config: Count and age strength.
        random_seed: Seed of every random choice.
    """
    pairs = pair_by_age([persona.age for persona in personas], config.age_strength, random_seed)
    for index, (first, second) in enumerate(islice(pairs, config.count)):
        yield _plan_one(index, personas[first], personas[second], components, random_seed)


def _plan_one(
    index: int, persona1: Persona, persona2: Persona, components: Components, random_seed: int
) -> ExperienceJob:
    rng = random.Random(child_seed(random_seed, "plan", index, persona1.id, persona2.id))
    relationship = draw(
        [choice for choice in components.relationships if choice.fits(persona1, persona2)], rng
    )
    triggers = [choice for choice in components.triggers if choice.fits(relationship, persona1, persona2)]
    trigger = draw(triggers, rng)
    first, second = relationship.ordered(*rng.sample([persona1, persona2], 2))
    text = name_personas(fill_slots(relationship.text, components, rng), first, second)
    job_id = content_id("experience", random_seed, index, first.id, second.id, text, trigger.text)
    return ExperienceJob(index, job_id, first, second, text, trigger.text, child_seed(random_seed, job_id))


async def make_experience(
    job: ExperienceJob,
    examples: Sequence[Experience],
    llm: LLM,
    config: ExperiencesConfig,
    *,
    attempts: int | None = None,
    note: Callable[[str, str], None] = lambda _kind, _name: None,
) -> Experience:
    """Let ``llm`` invent the situation and topic of ``job``; return the experience.

    Args:
        job: The people, their relationship and the trigger.
        examples: Experiences that the new one must be unlike.
        llm: The model.
        config: Sampling, and the most replies to request.
        attempts: Most replies to request, instead of ``config.max_attempts``.
        note: Called with ``("reroll", reason)`` for each rejected reply, and with ``("repair", name)``.

    Raises:
        ConversationError: ``bad_experience`` when every reply was rejected; also what ``llm`` raises.
    """
    propose = from_lines if config.format == "lines" else from_json
    shown = [LINES_EXAMPLES] if config.format == "lines" else map(example_text, examples)
    brief = DraftContext((job.persona1, job.persona2), (job.relationship, job.trigger), tuple(shown))
    refusals: list[DraftRejection] = []
    for attempt in range(attempts or config.max_attempts):
        asker = ExperienceRequester(job, llm, config.sampling, attempt)
        draft = check_draft(await propose(job, examples, asker), brief)
        if isinstance(draft, Draft):
            for repair in draft.repairs:
                note("repair", repair)
            return _experience(job, draft)
        refusals.append(draft)
        note("reroll", draft.reason)
    raise ConversationError("bad_experience", _why(refusals))


def _why(refusals: list[DraftRejection]) -> str:
    counts = Counter(refusal.reason for refusal in refusals)
    told = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
    return f"{len(refusals)} replies refused ({told}); the last: {refusals[-1].detail}"


def _experience(job: ExperienceJob, draft: Draft) -> Experience:
    return Experience(
        persona1=job.persona1,
        persona2=job.persona2,
        relationship=job.relationship,
        situation=draft.situation,
        topic=draft.topic,
        id=job.id,
    )
