"""One form for all: an optional system message, then user and assistant in turn, the assistant last."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from soc_gen.mix.records import Message

_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "ai": "assistant",
}
"""How data sets call the three roles."""


class UnfitError(Exception):
    """A conversation cannot be brought into the form.

    Args:
        reason: Stable code.
        detail: One line for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


def read_messages(turns: object, role: str = "role", content: str = "content") -> list[Message]:
    """Return messages out of a list of structs.

    Args:
        turns: What stands in the column.
        role: The key of the role.
        content: The key of the text.

    Raises:
        UnfitError: It is no list of turns, a role is unknown, or a text is no text.
    """
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise UnfitError("not_turns", "the turns are no list of objects")
    return [_message(turn, number, role, content) for number, turn in enumerate(turns, 1)]


def _message(turn: dict[str, Any], number: int, role: str, content: str) -> Message:
    given = turn.get(role)
    known = _ROLES.get(given.strip().lower()) if isinstance(given, str) else None
    if known is None:
        raise UnfitError("unknown_role", f"turn {number} is by {given!r}")
    text = turn.get(content)
    if not isinstance(text, str):
        raise UnfitError("not_text", f"turn {number} has no text")
    return {"role": known, "content": text}


def fit(messages: Iterable[Message]) -> list[Message]:
    """Return ``messages`` in the form that trainers take.

    System messages at the beginning become one, neighbours of one role are joined, and what the user says
    after the last reply is left out.

    Raises:
        UnfitError: A turn is empty, a system message comes late, the assistant begins, or nobody replies.
    """
    joined: list[Message] = []
    for role, run in groupby(messages, key=lambda message: message["role"]):
        texts = [message["content"].strip() for message in run]
        if role != "system" and not all(texts):
            raise UnfitError("empty_turn", f"a turn of the {role} is empty")
        joined.append({"role": role, "content": "\n".join(filter(None, texts))})
    if joined and joined[0]["role"] == "system" and not joined[0]["content"]:
        joined = joined[1:]
    while joined and joined[-1]["role"] == "user":
        joined.pop()
    _check(joined)
    return joined


def _check(joined: list[Message]) -> None:
    talk = joined[1:] if joined and joined[0]["role"] == "system" else joined
    if not talk:
        raise UnfitError("no_reply", "no turn of the assistant")
    if any(message["role"] == "system" for message in talk):
        raise UnfitError("late_system", "a system message comes after the first turn")
    if talk[0]["role"] == "assistant":
        raise UnfitError("starts_with_assistant", "the assistant speaks first")


def from_speakers(
    turns: Iterable[tuple[str, str]], assistant: str, system: Iterable[str] = ()
) -> list[Message]:
    """Return the talk of two people as messages, with one of them as the assistant.

    What the assistant says before anybody else is told in the system message, so that nothing is lost.

    Args:
        turns: Speaker and text, in order; a turn without text is left out.
        assistant: The speaker who becomes the assistant; everybody else is the user.
        system: Paragraphs of the system message.
    """
    said = [
        Message(role="assistant" if speaker == assistant else "user", content=text.strip())
        for speaker, text in turns
        if text.strip()
    ]
    first = next((place for place, message in enumerate(said) if message["role"] == "user"), len(said))
    told = [text.strip() for text in system if text.strip()]
    if first:
        opening = "\n".join(message["content"] for message in said[:first])
        told.append(f"You wrote first:\n{opening}")
    head = [Message(role="system", content="\n\n".join(told))] if told else []
    return head + said[first:]
