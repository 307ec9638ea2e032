"""Converts a chat to rows for trainers: one of the two people becomes the assistant, the other the user.

The rules follow from what trainers do with a row. Chat templates print nothing for a role they do
not know, so the roles are system, user and assistant. LLaMA-Factory drops a row that does not alternate
from user to assistant and end there. So a row starts with the user, alternates strictly, and ends with
the assistant; if the assistant wrote first, the system message contains that opening. For templates that
refuse a system role (Gemma, old Mistral) the system text goes into the first user turn, where templates
that accept the role print it themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, TypedDict

from soc_gen.models import Chat, Persona
from soc_gen.prompts.loader import Prompt
from soc_gen.text.tags import Tag, parse, spoken_text

Perspective = Literal["persona1", "persona2", "both"]
Tags = Literal["keep", "strip", "verbalize"]
Start = Literal["user", "any"]
System = Literal["keep", "fold", "drop"]
Format = Literal["messages", "sharegpt", "chatml-text", "parquet"]
_HERE = Path(__file__).parent
_CHATML_TOKEN = re.compile(r"<\|im_(start|end)\|>")
_SHARED = {
    "image": "sends a picture",
    "gif": "sends a gif",
    "video": "sends a video",
    "audio": "voice message",
}
_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}


class Message(TypedDict):
    """One entry of a row."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Row:
    """One side of a conversation."""

    chat_id: str
    perspective: Literal["persona1", "persona2"]
    """The person who is the assistant."""
    messages: tuple[Message, ...]
    """The system message, unless it was folded or dropped, then the turns."""


def rows(
    chat: Chat, perspective: Perspective, tags: Tags, start: Start, system: System = "keep"
) -> list[Row]:
    """Return a row of ``chat`` for each requested side; none for a side without an answer to learn from."""
    sides: tuple[Literal["persona1", "persona2"], ...] = ("persona1", "persona2")
    made = (_row(chat, side, tags, start, system) for side in sides if perspective in (side, "both"))
    return [row for row in made if row]


def _row(
    chat: Chat, side: Literal["persona1", "persona2"], tags: Tags, start: Start, system: System
) -> Row | None:
    experience = chat.experience
    me, you = experience.people if side == "persona1" else experience.people[::-1]
    read = _READERS[tags]
    turns = _turns(chat, me, read)
    opening = ""
    if start == "user" and turns and turns[0]["role"] == "assistant":
        opening, turns = turns[0]["content"], turns[1:]
    while turns and turns[-1]["role"] == "user":
        turns = turns[:-1]
    if not turns:
        return None
    told = _system(chat, me, you, opening, read)
    return Row(chat.chat_id, side, tuple(_with_system(told, turns, system)))


def _with_system(told: str, turns: list[Message], how: System) -> list[Message]:
    """Return ``turns`` with the system text added; folded, it goes into the first user turn or a new one."""
    if how == "drop":
        return turns
    if how == "keep":
        return [{"role": "system", "content": told}, *turns]
    if turns[0]["role"] == "assistant":
        return [{"role": "user", "content": told}, *turns]
    return [{"role": "user", "content": f"{told}\n\n{turns[0]['content']}"}, *turns[1:]]


def _turns(chat: Chat, me: Persona, read: Callable[[str], str]) -> list[Message]:
    """Return the turns: successive parts of one sender are joined, empty ones left out."""
    texts = [
        (part.sender, text) for part in chat.chat_parts for text in map(read, part.messages) if text.strip()
    ]
    return [
        {"role": "assistant" if sender == me.id else "user", "content": "\n".join(text for _, text in run)}
        for sender, run in groupby(texts, key=lambda pair: pair[0])
    ]


def _system(chat: Chat, me: Persona, you: Persona, opening: str, read: Callable[[str], str]) -> str:
    told = {
        "name": me.name,
        "age": str(me.age),
        "background": me.background,
        "traits": ", ".join(me.traits),
        "style": me.chatting_style,
        "other_name": you.name,
        "other_age": str(you.age),
        "other_background": you.background,
        "relationship": chat.experience.relationship,
        "situation": chat.experience.situation,
        "topic": chat.experience.topic,
    }
    text = _template("system_message").render(
        **{name: read(value).strip() or "not told" for name, value in told.items()}
    )
    return f"{text}\n\n{_template('system_opening').render(opening=opening)}" if opening else text


def _template(name: str) -> Prompt:
    return Prompt(name, (_HERE / f"{name}.md").read_text("utf-8").rstrip("\n"))


def verbalize(message: str) -> str:
    """Return ``message`` with every tag written as words in square brackets."""
    return " ".join(piece if isinstance(piece, str) else _in_words(piece) for piece in parse(message))


def _in_words(tag: Tag) -> str:
    if tag.name == "end":
        return "[leaves the chat]"
    if tag.name == "delay":
        amounts = ((tag.days, "day"), (tag.hours, "hour"), (tag.minutes, "minute"))
        waited = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in amounts if count]
        return f"[{' and '.join(waited)} later]"
    return f"[{_SHARED[tag.name]}: {tag.text}]"


def _as_it_is(message: str) -> str:
    return message


_READERS: dict[Tags, Callable[[str], str]] = {
    "keep": _as_it_is,
    "strip": spoken_text,
    "verbalize": verbalize,
}


def fields(row: Row, form: Format) -> dict[str, object]:
    """Return the columns of ``row`` in a trainer's format; ``parquet`` has those of ``messages``."""
    about: dict[str, object] = {"chat_id": row.chat_id, "perspective": row.perspective}
    if form == "chatml-text":
        return {"text": chatml(row), **about}
    if form == "sharegpt":
        turns = [
            {"from": _SHAREGPT[message["role"]], "value": message["content"]} for message in row.messages
        ]
        return {"conversations": turns, **about}
    return {"messages": list(row.messages), **about}


def chatml(row: Row) -> str:
    """Return ``row`` as ChatML text; control tokens inside messages are made harmless."""
    return "".join(
        f"<|im_start|>{message['role']}\n{_CHATML_TOKEN.sub('', message['content'])}<|im_end|>\n"
        for message in row.messages
    )
