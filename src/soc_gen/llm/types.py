"""What a stage knows of a model: a request goes in, a reply comes out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict

import orjson

from soc_gen.settings import Sampling

CHARACTERS_PER_TOKEN = 4.0
"""Of English text and Qwen's tokenizer, roughly; other scripts take more tokens."""


_WHOLE = frozenset({"stop", "eos_token", "end_turn", "stop_sequence"})
"""Finish reasons of a model that has ended its reply, in small letters."""


class PromptMessage(TypedDict):
    """One message of the API, not to be confused with a message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the model, complete: the same request is the same bytes on the wire."""

    conversation: str
    """Id of the chat or experience it is for; sticks to a replica, names the journal entry."""
    turn: int
    attempt: int
    """0, then one more for each reply to this turn that could not be used."""
    messages: tuple[PromptMessage, ...]
    sampling: Sampling
    seed: int
    schema: dict[str, Any] | None = None
    """JSON schema the reply must follow."""
    stop: tuple[str, ...] = ()
    continue_final: bool = False
    """The last message is an assistant's, unfinished, for the server to go on with."""
    speaker: str | None = None

    def fingerprint(self) -> str:
        """Return a hash of everything the model sees; equal prompts have equal fingerprints."""
        seen = (
            self.messages,
            self.sampling.model_dump(),
            self.seed,
            self.schema,
            self.stop,
            self.continue_final,
        )
        data = orjson.dumps(seen, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply, or of many, as the server counted them; 0 where it did not say."""

    prompt: int = 0
    cached: int = 0
    """Part of ``prompt`` that came from the server's prefix cache."""
    completion: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion

    def __add__(self, other: Usage) -> Usage:
        """Return what both took together."""
        return Usage(
            self.prompt + other.prompt, self.cached + other.cached, self.completion + other.completion
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, thinking already taken out."""

    text: str
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    endpoint: str = ""
    """Base URL it came from."""
    thought: bool = False
    """There were thoughts beside the text, or in place of one."""

    @property
    def was_cut(self) -> bool:
        """Whether the model was stopped before its end."""
        return is_cut(self.finish_reason)


def is_cut(finish_reason: str | None) -> bool:
    """Whether ``finish_reason`` says that a model was stopped before its end.

    Servers have many names for a limit, a filter or a fault, and few for an end: what is not known to be an
    end is none.
    """
    return bool(finish_reason) and str(finish_reason).casefold() not in _WHOLE


class LLM(Protocol):
    """Anything that answers requests: an endpoint, the journal before it, a script in a test."""

    async def complete(self, request: Request) -> Reply:
        """Answer ``request``.

        Raises:
            ConversationError: This conversation cannot go on (context length, endpoint gave up).
            EndpointError: No conversation can go on.
        """
        ...
