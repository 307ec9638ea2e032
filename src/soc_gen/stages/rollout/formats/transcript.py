"""The ``transcript`` format: the model continues a growing script. For small and base models.

Prompt: system, user, and one assistant message: a few chats as examples, the experience, the transcript so
far and the name of who writes next. The server goes on from there, so the model writes like the author of
the examples and not like an assistant. One line is one message is one turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

from soc_gen.llm.response import THINKING
from soc_gen.llm.types import Reply
from soc_gen.models import Experience
from soc_gen.prompts.loader import load_prompt
from soc_gen.prompts.personas import introduction
from soc_gen.seeding import child_seed
from soc_gen.stages.rollout.formats.base import InvalidTurnError, Parsed, Prompt, Turn, mend, only_reply
from soc_gen.stages.rollout.formats.dialogue_acts import CLOSING_LINES, sample_acts
from soc_gen.text.end_notes import END_LINE
from soc_gen.text.names import short_names
from soc_gen.text.quotes import unwrap_line
from soc_gen.text.repetition import words
from soc_gen.text.thinking import strip_thinking

_SENTENCE = re.compile(r"^(.*[.!?…)\"'’”]|.*[\U0001F300-\U0001FAFF☀-➿])(?=\s|$)", re.DOTALL)

REPLY_TOKENS = 16
_NO_WORDS = " \"'“”‘’„«»*_~`-–—,;:()[]<>"  # dots and question marks can be a whole message


def render(experience: Experience, turns: Sequence[Turn], speaker: int, hint: str) -> Prompt:
    """Return the prompt for the next turn; a hint is no line of it, but turns the moves to the end."""
    names = short_names(*experience.people)
    speakers = [*(turn.speaker for turn in turns), speaker]
    closing = _closing_from([*(turn.hint for turn in turns), hint])
    moves = sample_acts(experience.id, len(speakers), closing)
    labels = [f"{names[who]} ({move}):" for who, move in zip(speakers, moves, strict=True)]
    said = "".join(f"{label} {turn.kept}\n" for label, turn in zip(labels, turns, strict=False))
    return Prompt(
        (
            {"role": "system", "content": load_prompt("rollout_transcript_system").text},
            {"role": "user", "content": load_prompt("rollout_transcript_user").text},
            {"role": "assistant", "content": _opening(experience) + said + labels[-1]},
        ),
        stop=("\n", *(f"{name} (" for name in names)),  # a new line, or somebody's next without one
        continue_final=True,
        closes=closing is not None and len(turns) >= closing + CLOSING_LINES - 1,
    )


def _closing_from(hints: Sequence[str]) -> int | None:
    wind_down = load_prompt("rollout_hint_wind_down").text
    return hints.index(wind_down) if wind_down in hints else None


@lru_cache(maxsize=1024)
def _opening(experience: Experience) -> str:
    """Return what stands before the talk: the examples, and who the two are and what has happened."""
    one, two = experience.people
    name1, name2 = short_names(one, two)
    header = load_prompt("rollout_transcript_header").render(
        name1=name1,
        name2=name2,
        introduction=introduction(one, two, experience.relationship),
        style1=_first_sentence(one.chatting_style),
        style2=_first_sentence(two.chatting_style),
        situation=experience.situation,
        topic=experience.topic,
    )
    return f"{load_prompt('rollout_transcript_examples').text}\n\n{header}\n\n"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+", " ".join(text.split()), maxsplit=1)[0]


def parse(reply: Reply, experience: Experience, speaker: int) -> Parsed:  # noqa: ARG001 - one signature for all formats
    """Read one line; an end line, or no line at all, says that the talk is over."""
    answer = strip_thinking(reply.text)
    if reply.finish_reason == THINKING or (reply.text.strip() and not answer.strip()):
        raise InvalidTurnError("thinking", "nothing but thoughts in the reply")
    (said,) = only_reply([answer.strip()])
    (line,), repairs = mend([said.strip().partition("\n")[0]])
    if said != answer.strip():
        repairs = tuple(dict.fromkeys(("template_tokens", *repairs)))
    written = END_LINE.sub(" ", line).strip()
    spoken = unwrap_line(written)
    if spoken != written:
        repairs = (*repairs, "unwrapped")
    if not spoken.strip(_NO_WORDS):
        if reply.was_cut:  # while it thought, say: nobody has ended the talk
            raise InvalidTurnError("empty", f"finish_reason {reply.finish_reason}")
        return Parsed((), ended=True)
    if END_LINE.search(line):
        return Parsed((spoken,), ended=True, repairs=repairs)
    if reply.was_cut:
        whole = _SENTENCE.match(spoken)
        if not whole:
            raise InvalidTurnError("cut_off", f"finish_reason {reply.finish_reason}")
        spoken = whole[1].strip()
    if copies_example(spoken):
        raise InvalidTurnError("copies_example", spoken)
    return Parsed((spoken,), repairs=repairs)


def copies_example(line: str) -> bool:
    """Is ``line`` made from one of the examples: four words of it, and 60 % of all words of both?"""
    said = set(words(line))
    return any(
        len(said & other) >= 4 and 2 * len(said & other) >= 0.6 * (len(said) + len(other))
        for other in _example_lines()
    )


@cache
def _example_lines() -> tuple[frozenset[str], ...]:
    """Return the words of what the people in the examples say, line by line."""
    lines = load_prompt("rollout_transcript_examples").text.splitlines()
    return tuple(frozenset(words(line.partition("): ")[2])) for line in lines if "): " in line)


def closing_turn(conversation: str, min_turns: int, max_turns: int) -> int:
    """Return the turn at which the moves begin to close the talk: these models never would, left alone.

    Drawn for each conversation, such that the last move comes after ``min_turns`` and before ``max_turns``.
    """
    latest = max_turns - CLOSING_LINES
    earliest = max(1, min(latest, min_turns + 1 - CLOSING_LINES))
    return earliest + child_seed(0, conversation, "closing") % max(1, latest - earliest + 1)


def usual_turns(conversation: str, min_turns: int, max_turns: int) -> int:
    """Return the turns of this conversation: it ends where it is told to."""
    return min(max_turns, closing_turn(conversation, min_turns, max_turns) + CLOSING_LINES)


def keep(messages: Sequence[str]) -> str:
    """Return the line of a turn."""
    return " ".join(messages)
