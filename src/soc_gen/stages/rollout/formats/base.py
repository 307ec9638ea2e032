"""How a turn is asked for and read: one small module for each reply format.

A format has three functions. ``render`` gives the prompt for the next turn: a pure function of what has
been said, in which everything already sent stays as it was, so that servers serve it from their prefix
cache. ``parse`` reads a reply. ``keep`` gives the text that stands for a turn in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from soc_gen.llm.types import PromptMessage, Reply
from soc_gen.models import Experience
from soc_gen.text.garbled import unescape_unicode
from soc_gen.text.template_tokens import drop_template_tokens
from soc_gen.text.templates import UnclearTurnsError, keep_reply


class InvalidTurnError(Exception):
    """A reply that cannot be used; ``name`` is counted."""

    def __init__(self, name: str, detail: str = "") -> None:
        self.name = name
        self.detail = detail
        super().__init__(f"{name}: {detail}" if detail else name)


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's go, as it stands in the history."""

    speaker: int
    """0 for persona1, 1 for persona2."""
    messages: tuple[str, ...]
    kept: str
    """The reply as later prompts show it: as the model wrote it, or in its repaired form."""
    hint: str = ""
    """What the last user line said besides whose turn it was."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request is made of, besides sampling and seed."""

    messages: tuple[PromptMessage, ...]
    schema: dict[str, Any] | None = None
    stop: tuple[str, ...] = ()
    continue_final: bool = False
    closes: bool = False
    """The model was told that this reply is the last one."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reply, read."""

    messages: tuple[str, ...]
    ended: bool = False
    """The model ended the talk by something else than a tag."""
    kept: str | None = None
    """The reply as it may stand in later prompts; None where ``keep`` has to write it anew."""
    repairs: tuple[str, ...] = ()
    """What was put right in reading it; counted."""


def mend(texts: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Put right in messages what the model did not mean to say.

    Returns:
        The messages, some of which may be empty now; and what was put right.

    Raises:
        InvalidTurnError: They hold turns of a chat template, and not exactly one is the reply.
    """
    mended, repairs = list(texts), []
    for name, repair in _REPAIRS.items():
        before, mended = mended, repair(mended)
        if mended != before:
            repairs.append(name)
    return mended, tuple(repairs)


def only_reply(texts: Sequence[str]) -> list[str]:
    """Return ``texts`` with nothing but the reply among turns of a chat template.

    Raises:
        InvalidTurnError: Not exactly one turn is the reply.
    """
    try:
        return keep_reply(list(texts))
    except UnclearTurnsError:
        raise InvalidTurnError("template_turns", " ".join(texts)[:80]) from None


def _drop_tokens(texts: Sequence[str]) -> list[str]:
    return list(map(drop_template_tokens, only_reply(texts)))


_REPAIRS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "template_tokens": _drop_tokens,
    "unescaped": lambda texts: list(map(unescape_unicode, texts)),
}


class Format(Protocol):
    """The functions of a format module."""

    REPLY_TOKENS: int
    """Of a usual reply."""

    def render(self, experience: Experience, turns: Sequence[Turn], speaker: int, hint: str) -> Prompt:
        """Return the prompt for the next turn."""
        ...

    def parse(self, reply: Reply, experience: Experience, speaker: int) -> Parsed:
        """Read a reply.

        Raises:
            BadTurn: It is not what was asked for.
        """
        ...

    def closing_turn(self, conversation: str, min_turns: int, max_turns: int) -> int:
        """Return the turn, from 0, that is told to let the talk come to its end."""
        ...

    def usual_turns(self, conversation: str, min_turns: int, max_turns: int) -> int:
        """Return how many turns the talk is expected to have, before anything is asked."""
        ...

    def keep(self, messages: Sequence[str]) -> str:
        """Return the text that stands for ``messages`` in later prompts."""
        ...
