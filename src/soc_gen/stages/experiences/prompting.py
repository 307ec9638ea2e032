"""Requests for a situation and a topic: as a JSON object, or as three lines that the model continues.

``json`` is for models that follow instructions. ``lines`` is for models of about a billion parameters, which
only retell the personas when asked for an object. They do invent an event when they continue a collection of
examples in which the beginning of each line is given (when it was, who wants what, but why not). The lines
are one growing assistant message, so the server has everything but the new words in its cache.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from soc_gen.llm.types import LLM, PromptMessage, Reply, Request
from soc_gen.models import Experience, Persona
from soc_gen.prompts.loader import load_prompt
from soc_gen.prompts.personas import introduction, persona_card
from soc_gen.seeding import child_seed
from soc_gen.settings import Sampling
from soc_gen.stages.experiences.rules import Draft, read_json, sentences
from soc_gen.text.names import short_names
from soc_gen.text.templates import UnclearTurnsError, drop_template_tokens
from soc_gen.text.thinking import is_thinking_aloud

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"situation": {"type": "string"}, "topic": {"type": "string"}},
    "required": ["situation", "topic"],
    "additionalProperties": False,
}
"""Schema of a reply. Lengths are checked afterwards: a server that enforces them cuts mid-sentence."""


LINES_EXAMPLES = load_prompt("experience_lines_examples").text
"""Examples shown by ``lines``; no reply may copy them."""
_NO_GAP = frozenset(",.;:'’")  # a line may continue with these directly after its beginning


@dataclass(frozen=True, slots=True)
class ExperienceJob:
    """An experience to make: everything but the situation and the topic."""

    index: int
    """Position in the run, from 0."""
    id: str
    persona1: Persona
    """The person who writes first."""
    persona2: Persona
    relationship: str
    trigger: str
    seed: int
    """Seed from which the seed of each attempt is derived."""


class ExperienceRequester:
    """One attempt at one experience: one or more requests, each a turn of its own."""

    def __init__(self, job: ExperienceJob, llm: LLM, sampling: Sampling, attempt: int) -> None:
        self._job, self._llm, self._sampling, self._attempt = job, llm, sampling, attempt
        self._turn = 0

    async def json(self, messages: Sequence[PromptMessage]) -> Reply:
        """Request an object of ``SCHEMA``."""
        return await self._ask(replace(self._next(messages), schema=SCHEMA))

    async def line(self, messages: Sequence[PromptMessage]) -> Reply:
        """Request the rest of the line that the last message begins."""
        return await self._ask(replace(self._next(messages), stop=("\n",), continue_final=True))

    def _next(self, messages: Sequence[PromptMessage]) -> Request:
        job, turn, attempt = self._job, self._turn, self._attempt
        seed = child_seed(job.seed, attempt, turn)
        return Request(job.id, turn, attempt, tuple(messages), self._sampling, seed)

    async def _ask(self, request: Request) -> Reply:
        self._turn += 1
        return await self._llm.complete(request)


async def from_json(
    job: ExperienceJob, examples: Sequence[Experience], ask: ExperienceRequester
) -> Draft | None:
    """Request an object; return its draft, or None when the reply has none or was cut off."""
    reply = await ask.json(json_messages(job, examples))
    return None if reply.was_cut else read_json(reply.text)


async def from_lines(
    job: ExperienceJob, _examples: Sequence[Experience], ask: ExperienceRequester
) -> Draft | None:
    """Request three lines one after the other; return None when one is empty or was cut off."""
    *prompt, opening = lines_messages(job)
    written, lines = opening["content"], []
    for beginning in beginnings(job):
        written = f"{written}\n{beginning}"
        unfinished: PromptMessage = {"role": "assistant", "content": written}
        added = _first_sentence(await ask.line([*prompt, unfinished]))
        if not added:
            return None
        gap = "" if added[0] in _NO_GAP else " "
        written = f"{written}{gap}{added}"
        lines.append(f"{beginning}{gap}{added}")
    return Draft(lines[0], f"{lines[1]} {lines[2]}")


def _first_sentence(reply: Reply) -> str:
    """Return the first sentence of a line, or "" when it was cut off or is a thought about the task."""
    if is_thinking_aloud(reply.text):
        return ""
    try:
        (line,) = drop_template_tokens([reply.text.strip().partition("\n")[0]])
    except UnclearTurnsError:
        return ""
    whole = sentences(line)
    return "" if reply.was_cut and len(whole) == 1 else whole[0]


def beginnings(job: ExperienceJob) -> list[str]:
    """Return the beginnings of the lines: when it happened, what one wants, why the other refuses."""
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
    """Return the prompt; its last message, which the model continues, ends with the trigger."""
    header = load_prompt("experience_lines_header").render(
        introduction=introduction(job.persona1, job.persona2, job.relationship), trigger=job.trigger
    )
    return (
        {"role": "system", "content": load_prompt("experience_lines_system").text},
        {"role": "user", "content": load_prompt("experience_lines_user").text},
        {"role": "assistant", "content": f"{LINES_EXAMPLES}\n\n{header}"},
    )


def _shown(examples: Sequence[Experience]) -> str:
    if not examples:
        return ""
    lines = (
        orjson.dumps({"situation": example.situation, "topic": example.topic}).decode()
        for example in examples
    )
    return load_prompt("experience_examples").render(examples="\n".join(lines)) + "\n\n"
