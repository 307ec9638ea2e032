"""Reply formats: one small module for each, with the prompts and the parser of a turn.

``render`` returns the prompt for the next turn: a pure function of the history that only appends to the
prompt before it, so that servers take the beginning from their prefix cache. ``parse`` reads a reply.
``render_history`` returns the text of a turn in later prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from soc_gen.llm.types import PromptMessage, Reply
from soc_gen.models import Experience
from soc_gen.text.garbled import unescape_unicode
from soc_gen.text.templates import UnclearTurnsError, drop_template_tokens, keep_reply


class InvalidTurnError(Exception):
    """A reply that cannot be used; ``name`` is counted."""

    def __init__(self, name: str, detail: str = "") -> None:
        self.name = name
        self.detail = detail
        super().__init__(f"{name}: {detail}" if detail else name)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of one speaker in the history."""

    speaker: int
    """0 for persona1, 1 for persona2."""
    messages: tuple[str, ...]
    history_text: str
    """The reply as later prompts show it: as the model wrote it, or in its repaired form."""
    hint: str = ""
    """Hint in the last user line, after the name of the next speaker."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts of a request besides sampling and seed."""

    messages: tuple[PromptMessage, ...]
    schema: dict[str, Any] | None = None
    stop: tuple[str, ...] = ()
    continue_final: bool = False
    closes: bool = False
    """The model was told that this reply is the last one."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed reply."""

    messages: tuple[str, ...]
    ended: bool = False
    """The model ended the conversation by something other than a tag."""
    history_text: str | None = None
    """The reply as later prompts show it; None when ``render_history`` has to write it."""
    repairs: tuple[str, ...] = ()
    """Names of the repairs made while reading it; counted."""


def mend(texts: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Remove template tokens and undo escapes in messages.

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
    return drop_template_tokens(only_reply(texts))


_REPAIRS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "template_tokens": _drop_tokens,
    "unescaped": lambda texts: list(map(unescape_unicode, texts)),
}


class Format(Protocol):
    """The functions of a format module."""

    REPLY_TOKENS: int
    """Tokens of a typical reply."""

    def render(self, experience: Experience, turns: Sequence[Turn], speaker: int, hint: str) -> Prompt:
        """Return the prompt for the next turn."""
        ...

    def parse(self, reply: Reply, experience: Experience, speaker: int) -> Parsed:
        """Read a reply.

        Raises:
            InvalidTurnError: The reply is not in the format.
        """
        ...

    def closing_turn(self, conversation: str, min_turns: int, max_turns: int) -> int:
        """Return the turn, from 0, whose prompt asks to end the conversation."""
        ...

    def usual_turns(self, conversation: str, min_turns: int, max_turns: int) -> int:
        """Return the expected number of turns, for forecasts."""
        ...

    def render_history(self, messages: Sequence[str]) -> str:
        """Return the text that stands for ``messages`` in later prompts."""
        ...
