"""The ``transcript`` format: the model continues a growing script. For small and base models.

Prompt: system, user, and one assistant message: a few chats as examples, the experience, the transcript so
far and the name of who writes next. The server continues that message, so the model writes like the author
of the examples and not like an assistant. One line is one message and one turn.
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
    """Return the prompt for the next turn; a hint only makes the dialogue acts close the chat."""
    names = short_names(*experience.people)
    speakers = [*(turn.speaker for turn in turns), speaker]
    closing = _closing_from([*(turn.hint for turn in turns), hint])
    moves = sample_acts(experience.id, len(speakers), closing)
    labels = [f"{names[who]} ({move}):" for who, move in zip(speakers, moves, strict=True)]
    history = "".join(f"{label} {turn.history_text}\n" for label, turn in zip(labels, turns, strict=False))
    return Prompt(
        (
            {"role": "system", "content": load_prompt("rollout_transcript_system").text},
            {"role": "user", "content": load_prompt("rollout_transcript_user").text},
            {"role": "assistant", "content": _opening(experience) + history + labels[-1]},
        ),
        stop=(
            "\n",
            *(f"{name} (" for name in names),
        ),  # a line break, or the label of a next line without one
        continue_final=True,
        closes=closing is not None and len(turns) >= closing + CLOSING_LINES - 1,
    )


def _closing_from(hints: Sequence[str]) -> int | None:
    wind_down = load_prompt("rollout_hint_wind_down").text
    return hints.index(wind_down) if wind_down in hints else None


@lru_cache(maxsize=1024)
def _opening(experience: Experience) -> str:
    """Return the text before the transcript: the examples, the two people and the situation."""
    persona1, persona2 = experience.people
    name1, name2 = short_names(persona1, persona2)
    header = load_prompt("rollout_transcript_header").render(
        name1=name1,
        name2=name2,
        introduction=introduction(persona1, persona2, experience.relationship),
        style1=_first_sentence(persona1.chatting_style),
        style2=_first_sentence(persona2.chatting_style),
        situation=experience.situation,
        topic=experience.topic,
    )
    return f"{load_prompt('rollout_transcript_examples').text}\n\n{header}\n\n"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s+", " ".join(text.split()), maxsplit=1)[0]


def parse(reply: Reply, experience: Experience, speaker: int) -> Parsed:  # noqa: ARG001 - one signature for all formats
    """Read one line; an end line, or an empty reply, ends the conversation."""
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
        if reply.was_cut:  # for example while it was thinking: that does not end the conversation
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
    """Whether ``line`` copies an example: at least four shared words, and 60 % of all words of both."""
    spoken = set(words(line))
    return any(
        len(spoken & other) >= 4 and 2 * len(spoken & other) >= 0.6 * (len(spoken) + len(other))
        for other in _example_lines()
    )


@cache
def _example_lines() -> tuple[frozenset[str], ...]:
    """Return the words of each line that people in the examples write."""
    lines = load_prompt("rollout_transcript_examples").text.splitlines()
    return tuple(frozenset(words(line.partition("): ")[2])) for line in lines if "): " in line)


def closing_turn(conversation: str, min_turns: int, max_turns: int) -> int:
    """Return the turn at which the acts begin to close the chat: these models do not end it by themselves.

    Drawn for each conversation, such that the last act comes after ``min_turns`` and before ``max_turns``.
    """
    latest = max_turns - CLOSING_LINES
    earliest = max(1, min(latest, min_turns + 1 - CLOSING_LINES))
    return earliest + child_seed(0, conversation, "closing") % max(1, latest - earliest + 1)


def usual_turns(conversation: str, min_turns: int, max_turns: int) -> int:
    """Return the number of turns of this conversation, which is known from its closing turn."""
    return min(max_turns, closing_turn(conversation, min_turns, max_turns) + CLOSING_LINES)


def render_history(messages: Sequence[str]) -> str:
    """Return a turn as one line."""
    return " ".join(messages)
