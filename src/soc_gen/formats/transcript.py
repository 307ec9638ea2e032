"""The ``transcript`` format: the model continues a growing script. For small and base models.

Prompt: system, user (the experience), and one assistant message that is the transcript so far and the
name of who writes next, which the server goes on from. One line is one message is one turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from soc_gen.formats import BadTurn, Parsed, Prompt, Turn
from soc_gen.llm import Reply
from soc_gen.models import Experience
from soc_gen.persona_text import persona_card, short_names
from soc_gen.prompts import load_prompt

_END_LINE = re.compile(
    r"\s*[\[(<]/?\s*(?:the\s+)?end(?:\s+of\s+(?:the\s+)?(?:chat|conversation))?\s*/?[\])>]\s*", re.I
)
_SENTENCE = re.compile(r"^(.*[.!?…)\"'’”]|.*[\U0001F300-\U0001FAFF☀-➿])(?=\s|$)", re.DOTALL)


def render(experience: Experience, turns: Sequence[Turn], speaker: int, hint: str) -> Prompt:  # noqa: ARG001
    """Return the prompt for the next turn; a transcript has no place for a hint."""
    names = short_names(experience.persona1, experience.persona2)
    script = "".join(f"{names[turn.speaker]}: {turn.kept}\n" for turn in turns)
    return Prompt(
        (
            {"role": "system", "content": load_prompt("rollout_transcript_system").text},
            {"role": "user", "content": _task(experience, names)},
            {"role": "assistant", "content": f"{script}{names[speaker]}:"},
        ),
        stop=("\n",),
        continue_final=True,
    )


def _task(experience: Experience, names: tuple[str, str]) -> str:
    return load_prompt("rollout_transcript_user").render(
        name1=names[0],
        name2=names[1],
        persona1=persona_card(experience.persona1),
        persona2=persona_card(experience.persona2),
        relationship=experience.relationship,
        situation=experience.situation,
        topic=experience.topic,
    )


def parse(reply: Reply, experience: Experience, speaker: int) -> Parsed:  # noqa: ARG001 - one signature for all formats
    """Read one line; an end line, or no line at all, says that the talk is over."""
    line = reply.text.strip().partition("\n")[0]
    spoken = _END_LINE.sub(" ", line).strip()
    if not spoken or _END_LINE.search(line):
        return Parsed((spoken,) if spoken else (), ended=True)
    if reply.finish_reason == "length":
        whole = _SENTENCE.match(spoken)
        if not whole:
            raise BadTurn("cut_off", "the line reached max_tokens")
        spoken = whole[1].strip()
    return Parsed((spoken,))


def keep(messages: Sequence[str]) -> str:
    """Return the line of a turn."""
    return " ".join(messages)
