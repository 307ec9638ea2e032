"""The ``transcript`` format: the model continues a growing script. For small and base models.

Prompt: system, user (the experience), and one assistant message that is the transcript so far and the
name of who writes next, which the server goes on from. One line is one message is one turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from soc_gen.formats import BadTurn, Parsed, Prompt, Turn
from soc_gen.formats.moves import walk
from soc_gen.llm import Reply
from soc_gen.models import Experience, Persona
from soc_gen.persona_text import first_name, short_names
from soc_gen.prompts import load_prompt

_END_LINE = re.compile(
    r"\s*[\[(<]/?\s*(?:the\s+)?end(?:\s+of\s+(?:the\s+)?(?:chat|conversation))?\s*/?[\])>]\s*", re.I
)
_SENTENCE = re.compile(r"^(.*[.!?…)\"'’”]|.*[\U0001F300-\U0001FAFF☀-➿])(?=\s|$)", re.DOTALL)

_WRAPPERS = (('"', '"'), ("“", "”"), ("«", "»"), ("*", "*"), ("_", "_"))
_PAIR = 2
_CORRECTION = 3  # words
_TRAITS = 2
_NO_WORDS = " \"'“”‘’„«»*_~`-–—,;:()[]<>"  # dots and question marks can be a whole message


def render(experience: Experience, turns: Sequence[Turn], speaker: int, hint: str) -> Prompt:
    """Return the prompt for the next turn; a hint is no line of it, but turns the moves to the end."""
    names = short_names(experience.persona1, experience.persona2)
    speakers = [*(turn.speaker for turn in turns), speaker]
    moves = walk(experience.id, len(speakers), _closing_from([*(turn.hint for turn in turns), hint]))
    labels = [f"{names[who]} ({move}):" for who, move in zip(speakers, moves, strict=True)]
    said = "".join(f"{label} {turn.kept}\n" for label, turn in zip(labels, turns, strict=False))
    return Prompt(
        (
            {"role": "system", "content": load_prompt("rollout_transcript_system").text},
            {"role": "user", "content": _task(experience, names)},
            {"role": "assistant", "content": said + labels[-1]},
        ),
        stop=("\n", *(f"{name} (" for name in names)),  # a new line, or somebody's next without one
        continue_final=True,
    )


def _closing_from(hints: Sequence[str]) -> int | None:
    wind_down = load_prompt("rollout_hint_wind_down").text
    return hints.index(wind_down) if wind_down in hints else None


def _task(experience: Experience, names: tuple[str, str]) -> str:
    return load_prompt("rollout_transcript_user").render(
        name1=names[0],
        name2=names[1],
        persona1=short_card(experience.persona1),
        persona2=short_card(experience.persona2),
        relationship=experience.relationship,
        situation=experience.situation,
        topic=experience.topic,
    )


def short_card(persona: Persona) -> str:
    """Return what a line of talk can use of a persona; of a background, a small model only recites."""
    style = _first_sentence(persona.chatting_style)
    return f"{first_name(persona.name)}, {persona.age}: {', '.join(persona.traits[:_TRAITS])}. Types: {style}"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+", " ".join(text.split()), maxsplit=1)[0]


def parse(reply: Reply, experience: Experience, speaker: int) -> Parsed:  # noqa: ARG001 - one signature for all formats
    """Read one line; an end line, or no line at all, says that the talk is over."""
    line = reply.text.strip().partition("\n")[0]
    written = _END_LINE.sub(" ", line).strip()
    spoken = unwrapped(written)
    repairs = ("unwrapped",) if spoken != written else ()
    if not spoken.strip(_NO_WORDS):
        return Parsed((), ended=True)
    if _END_LINE.search(line):
        return Parsed((spoken,), ended=True, repairs=repairs)
    if reply.finish_reason == "length":
        whole = _SENTENCE.match(spoken)
        if not whole:
            raise BadTurn("cut_off", "the line reached max_tokens")
        spoken = whole[1].strip()
    return Parsed((spoken,), repairs=repairs)


def unwrapped(line: str) -> str:
    """Return ``line`` without quotation marks or stars around all of it; a phrase quoted in it stays.

    A mark at the very start or end that has no partner goes too: it is what is left of a pair in a line
    that was cut. A star before a word or two is how people correct themselves, and stays.
    """
    before = None
    while line != before:
        before = line
        for opening, closing in _WRAPPERS:
            line = _without(line, opening, closing)
    return line


def _without(line: str, opening: str, closing: str) -> str:
    marks = sum(line.count(mark) for mark in {opening, closing})
    starts, ends = line.startswith(opening), line.endswith(closing)
    if marks == _PAIR and starts and ends:
        return line[1:-1].strip()
    if marks == 1 and starts and not (opening == "*" and len(line.split()) <= _CORRECTION):
        return line[1:].strip()
    if marks == 1 and ends and not line[-2:-1].isdigit():
        return line[:-1].strip()
    return line


def keep(messages: Sequence[str]) -> str:
    """Return the line of a turn."""
    return " ".join(messages)
