"""The ``json`` format: each turn is a JSON object with one to three messages. For capable models.

Prompt: system (the rules, the same for a whole run), user (the experience and whose turn it is), then an
assistant message for each reply and a short user line naming who writes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import orjson

from soc_gen.llm.json_reply import Answer, find_answer, object_with
from soc_gen.llm.response import THINKING
from soc_gen.llm.types import PromptMessage, Reply
from soc_gen.models import Experience
from soc_gen.prompts.loader import load_prompt
from soc_gen.prompts.personas import persona_card
from soc_gen.stages.rollout.formats.base import InvalidTurnError, Parsed, Prompt, Turn, mend
from soc_gen.text.label_names import label_names, name_key
from soc_gen.text.names import short_names
from soc_gen.text.packed_messages import speakers_of, texts_of, unpack_messages
from soc_gen.text.speaker_labels import names_of

MOST_MESSAGES = 3
REPLY_TOKENS = 45
_LAST_TURNS = 3
_USUAL_SHARE = 0.6  # share of max_turns after which these models typically end a conversation
SCHEMA = {
    "type": "object",
    "properties": {
        "messages": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "maxItems": MOST_MESSAGES,
        }
    },
    "required": ["messages"],
    "additionalProperties": False,
}


def render(experience: Experience, turns: Sequence[Turn], speaker: int, hint: str) -> Prompt:
    """Return the prompt for the next turn."""
    names = short_names(*experience.people)
    asked = [turn.speaker for turn in turns] + [speaker]
    messages: list[PromptMessage] = [
        {"role": "system", "content": load_prompt("rollout_json_system").text},
        {"role": "user", "content": _opening(experience, names[asked[0]])},
    ]
    hints = [turn.hint for turn in turns[1:]] + [hint]
    for turn, following, next_hint in zip(turns, asked[1:], hints, strict=False):
        messages.append({"role": "assistant", "content": turn.history_text})
        messages.append({"role": "user", "content": _next(names[following], next_hint)})
    return Prompt(tuple(messages), schema=SCHEMA)


@lru_cache(maxsize=4096)
def _opening(experience: Experience, name: str) -> str:
    return load_prompt("rollout_json_user").render(
        persona1=persona_card(experience.persona1),
        persona2=persona_card(experience.persona2),
        relationship=experience.relationship,
        situation=experience.situation,
        topic=experience.topic,
        name=name,
    )


@lru_cache(maxsize=4096)
def _next(name: str, hint: str) -> str:
    return load_prompt("rollout_json_next").render(name=name, hint=f" {hint}" if hint else "")


def parse(reply: Reply, experience: Experience, speaker: int) -> Parsed:
    """Read the messages in a reply."""
    if reply.finish_reason == THINKING:
        raise InvalidTurnError("thinking", "nothing but thoughts in the reply")
    if not reply.text.strip():
        raise InvalidTurnError("empty", f"finish_reason {reply.finish_reason}")
    if reply.was_cut:
        raise InvalidTurnError("cut_off", f"finish_reason {reply.finish_reason}")
    answer = find_answer(reply.text, _texts, names_of(experience.people[1 - speaker]))
    if answer is None:
        raise InvalidTurnError("broken_json", reply.text[:80])
    other = label_names(names_of(experience.people[1 - speaker]))
    if any(other.has(name_key(name)) for name in [*speakers_of(answer.source)][:1]):
        raise InvalidTurnError("speaks_for_other", reply.text[:80])
    texts, repairs = mend(_unpacked(answer.value))
    spoken = tuple(text.strip() for text in texts if text.strip())[:MOST_MESSAGES]
    if not spoken:
        raise InvalidTurnError("empty", "no message in the reply")
    if _is_repaired(answer):
        repairs = ("json", *repairs)
    history_text = reply.text.strip() if _as_asked(reply.text, spoken) else None
    return Parsed(spoken, history_text=history_text, repairs=repairs)


def _texts(value: object) -> list[str] | None:
    """Return the texts of a reply, also when it is packed in another object."""
    texts = texts_of(value)
    return texts_of(object_with(value, ("messages",))) if texts is None else texts


def _unpacked(texts: Sequence[str]) -> list[str]:
    """Return the texts; a text that is itself a packed reply is replaced by the texts in it."""
    return [inner for text in texts for inner in unpack_messages(text) or [text]]


def _is_repaired(answer: Answer[list[str]]) -> bool:
    """Whether the JSON has another shape than requested; one text instead of a list of one is accepted."""
    messages = answer.source.get("messages") if isinstance(answer.source, dict) else None
    return answer.repaired or messages not in (answer.value, *answer.value[:1])


def _as_asked(text: str, messages: tuple[str, ...]) -> bool:
    try:
        return bool(orjson.loads(text) == {"messages": list(messages)})
    except orjson.JSONDecodeError:
        return False


def closing_turn(conversation: str, min_turns: int, max_turns: int) -> int:  # noqa: ARG001 - one signature for all formats
    """Return the turn whose prompt asks to end: late, since these models end conversations by themselves."""
    return max(min_turns, max_turns - _LAST_TURNS)


def usual_turns(conversation: str, min_turns: int, max_turns: int) -> int:  # noqa: ARG001 - one signature for all formats
    """Return the number of turns after which these models typically end a conversation."""
    return max(2, min(max_turns, max(min_turns + 1, round(max_turns * _USUAL_SHARE))))


def render_history(messages: Sequence[str]) -> str:
    """Return the reply in the requested form."""
    return orjson.dumps({"messages": list(messages)}).decode()
