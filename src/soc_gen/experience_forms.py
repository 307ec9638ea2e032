"""How a model is asked for a situation and a topic: as a JSON object, or as three lines it continues.

``json`` is for a model that follows instructions. ``lines`` is for one of a billion parameters or so, which
asked for an object retells the two personas: with the beginning of each line written for it (when it was,
whose view it is) it goes on with an event. The lines are one assistant message that grows, so the server
has all of it but the new words in its cache. It is shown no examples, since it copies them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from soc_gen.config import Sampling
from soc_gen.experience_rules import Draft, read_json, sentences
from soc_gen.llm import LLM, PromptMessage, Reply, Request
from soc_gen.models import Experience, Persona
from soc_gen.persona_text import persona_card, short_names
from soc_gen.prompts import load_prompt
from soc_gen.sampling import child_seed

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"situation": {"type": "string"}, "topic": {"type": "string"}},
    "required": ["situation", "topic"],
    "additionalProperties": False,
}
"""What a reply must be. Lengths are checked afterwards: a server that enforces one cuts mid-sentence."""


_LINE = 140  # characters of a line, after which no further sentence of it is kept
_NO_GAP = frozenset(",.;:'’")  # a line may go on with these straight after its beginning
_TOLD = 2  # sentences of a background: told more, a small model tries to use all of it


@dataclass(frozen=True, slots=True)
class ExperienceJob:
    """One experience to be made: everything but the situation and the topic."""

    index: int
    """Position in the run, from 0."""
    id: str
    persona1: Persona
    """Who writes first."""
    persona2: Persona
    relationship: str
    trigger: str
    seed: int
    """From this the seed of each attempt is derived."""


class Asker:
    """One attempt at one experience: a request or a few, each a turn of its own."""

    def __init__(self, job: ExperienceJob, llm: LLM, sampling: Sampling, attempt: int) -> None:
        self._job, self._llm, self._sampling, self._attempt = job, llm, sampling, attempt
        self._turn = 0

    async def json(self, messages: Sequence[PromptMessage]) -> Reply:
        """Ask for an object of ``SCHEMA``."""
        return await self._ask(replace(self._next(messages), schema=SCHEMA))

    async def line(self, messages: Sequence[PromptMessage]) -> Reply:
        """Ask for the rest of the line that the last message begins."""
        return await self._ask(replace(self._next(messages), stop=("\n",), continue_final=True))

    def _next(self, messages: Sequence[PromptMessage]) -> Request:
        job, turn, attempt = self._job, self._turn, self._attempt
        seed = child_seed(job.seed, attempt, turn)
        return Request(job.id, turn, attempt, tuple(messages), self._sampling, seed)

    async def _ask(self, request: Request) -> Reply:
        self._turn += 1
        return await self._llm.complete(request)


async def from_json(job: ExperienceJob, examples: Sequence[Experience], ask: Asker) -> Draft | None:
    """Have an object written; None when the reply holds none."""
    reply = await ask.json(json_messages(job, examples))
    return read_json(reply.text)


async def from_lines(job: ExperienceJob, _examples: Sequence[Experience], ask: Asker) -> Draft | None:
    """Have three lines continued, one after the other; None when one is empty or does not end."""
    prompt = lines_messages(job)
    written, lines = f"The nudge is {job.trigger}. In this case:", []
    for beginning in beginnings(job):
        written = f"{written}\n{beginning}"
        unfinished: PromptMessage = {"role": "assistant", "content": written}
        added = _whole(await ask.line([*prompt, unfinished]))
        if not added:
            return None
        gap = "" if added[0] in _NO_GAP else " "
        written = f"{written}{gap}{added}"
        lines.append(f"{beginning}{gap}{added}")
    return Draft(f"{lines[0]} {lines[1]}", lines[2])


def _whole(reply: Reply) -> str:
    """Return the sentences of a line that fit into it, the first whatever its length, none cut off."""
    found = sentences(reply.text.strip().partition("\n")[0])
    if reply.finish_reason == "length":
        found.pop()
    kept = found[:1]
    for sentence in found[1:]:
        if len(" ".join([*kept, sentence])) > _LINE:
            break
        kept.append(sentence)
    return " ".join(kept)


def beginnings(job: ExperienceJob) -> list[str]:
    """Return how the lines begin: when it happened, the other's view, the first message."""
    name1, name2 = short_names(job.persona1, job.persona2)
    text = load_prompt("experience_lines_beginnings").render(name1=name1, name2=name2)
    rng = random.Random(job.seed)
    return [rng.choice(block.splitlines()) for block in text.split("\n\n")]


def json_messages(job: ExperienceJob, examples: Sequence[Experience]) -> tuple[PromptMessage, ...]:
    """Return the prompt: a system text that is the same for a whole run, and the job."""
    name1, name2 = short_names(job.persona1, job.persona2)
    user = load_prompt("experience_user").render(
        examples=_shown(examples),
        persona1=persona_card(job.persona1),
        persona2=persona_card(job.persona2),
        name1=name1,
        name2=name2,
        relationship=job.relationship,
        trigger=job.trigger,
    )
    system = load_prompt("experience_system").render()
    return ({"role": "system", "content": system}, {"role": "user", "content": user})


def lines_messages(job: ExperienceJob) -> tuple[PromptMessage, ...]:
    """Return the prompt that stands before the lines: who they are, in prose, and the nudge."""
    name1, name2 = short_names(job.persona1, job.persona2)
    user = load_prompt("experience_lines_user").render(
        name1=name1,
        name2=name2,
        age1=str(job.persona1.age),
        age2=str(job.persona2.age),
        background1=_outline(job.persona1),
        background2=_outline(job.persona2),
        relationship=job.relationship,
        trigger=job.trigger,
    )
    system = load_prompt("experience_lines_system").render()
    return ({"role": "system", "content": system}, {"role": "user", "content": user})


def _outline(persona: Persona) -> str:
    return " ".join(sentences(" ".join(persona.background.split()))[:_TOLD])


def _shown(examples: Sequence[Experience]) -> str:
    if not examples:
        return ""
    lines = (orjson.dumps({"situation": one.situation, "topic": one.topic}).decode() for one in examples)
    return load_prompt("experience_examples").render(examples="\n".join(lines)) + "\n\n"
