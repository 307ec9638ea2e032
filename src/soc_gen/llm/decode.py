"""From the body of a chat completion to a ``Reply``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from soc_gen.llm import Reply, Usage
from soc_gen.llm.faults import Transient, from_error_body

if TYPE_CHECKING:
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion
    from openai.types.chat.chat_completion_message import ChatCompletionMessage

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(r"<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
_CLOSE = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)


def strip_thinking(text: str) -> str:
    """Return ``text`` without what the model thought aloud: whole blocks, unclosed ones, stray closers."""
    return _CLOSE.sub("", _OPEN.sub("", _THOUGHT.sub("", text)))


def decode(completion: ChatCompletion | str, url: str, seconds: float) -> Reply:
    """Return the reply in ``completion``.

    Raises:
        Transient: The body is HTML, carries an error, or has no choices.
        ContextTooLong: The error in the body says so.
        EndpointError: The error in the body is about the key or the account.
    """
    if isinstance(completion, str):
        raise Transient("not_json")
    error = (completion.model_extra or {}).get("error")
    if error:
        raise from_error_body(error, url)
    if not completion.choices:
        raise Transient("no_choices")
    choice = completion.choices[0]
    return Reply(
        text=strip_thinking(_content(choice.message)),
        finish_reason=choice.finish_reason,
        usage=_usage(completion.usage),
        seconds=seconds,
        endpoint=url,
    )


def _content(message: ChatCompletionMessage | None) -> str:
    if message is None:
        raise Transient("no_choices")
    if message.content:
        return message.content
    # Some servers with a reasoning parser file the answer under reasoning, thinking turned off or not.
    extra = message.model_extra or {}
    return str(extra.get("reasoning_content") or extra.get("reasoning") or "")


def _usage(usage: CompletionUsage | None) -> Usage:
    if usage is None:
        return Usage()
    details = usage.prompt_tokens_details
    return Usage(
        prompt=usage.prompt_tokens or 0,
        cached=(details.cached_tokens or 0) if details else 0,
        completion=usage.completion_tokens or 0,
    )
