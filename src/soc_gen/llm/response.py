"""From the JSON of a chat completion to a ``Reply``. Nothing about its shape is taken for granted."""

from __future__ import annotations

import re
from typing import Any

from soc_gen.llm.faults import ContextLengthError, TransientError, from_error_body
from soc_gen.llm.types import Reply, Usage

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(r"<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
_CLOSE = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MOST_TOKENS = 2**31  # of one exchange; what is beyond it is no count


def strip_thinking(text: str) -> str:
    """Return ``text`` without what the model thought aloud: whole blocks, unclosed ones, stray closers."""
    if "think" not in text.lower():
        return text
    return _CLOSE.sub("", _OPEN.sub("", _THOUGHT.sub("", text)))


def decode(found: object, url: str, seconds: float) -> Reply:
    """Return the reply in ``found``, the parsed body of a 200.

    Raises:
        Transient: The body is HTML, carries an error, or has no choices.
        ContextTooLong: The error in the body says so.
        EndpointError: The error in the body is about the key or the account.
    """
    if not isinstance(found, dict):
        raise TransientError("not_json")
    if error := found.get("error"):
        raise from_error_body(error, url)
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise TransientError("no_choices")
    reason = choice.get("finish_reason")
    return Reply(
        text=strip_thinking(_content(message)),
        finish_reason=reason if isinstance(reason, str) else None,
        usage=_usage(found.get("usage")),
        seconds=seconds,
        endpoint=url,
    )


def decode_models(found: object) -> list[str] | None:
    """Return the names in the parsed body of ``GET /models``, or None where it is no such list."""
    rows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return None
    return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]


def _content(message: dict[str, Any]) -> str:
    # Some servers with a reasoning parser file the answer under reasoning, thinking turned off or not.
    names = ("content", "reasoning_content", "reasoning")
    text = next((message[name] for name in names if isinstance(message.get(name), str) and message[name]), "")
    # Half a surrogate pair cannot be written to a file.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    prompt = _count(usage.get("prompt_tokens"))
    return Usage(
        prompt=prompt,
        # More than the whole prompt would make the rest of it a negative price.
        cached=min(prompt, _count(details.get("cached_tokens"))) if isinstance(details, dict) else 0,
        completion=_count(usage.get("completion_tokens")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < _MOST_TOKENS else 0


def decode_context(found: object) -> int | None:
    """Return the tokens of context that ``GET /models`` tells of (vLLM and SGLang do), or None."""
    rows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return None
    sizes = [_count(row.get("max_model_len")) for row in rows if isinstance(row, dict)]
    return min(filter(None, sizes), default=None)


def raise_if_context_full(reply: Reply, context: int | None) -> None:
    """Refuse a reply that was cut because prompt and reply fill the server's context.

    vLLM takes a request whose ``max_tokens`` do not fit, and quietly gives it what room is left. Asking
    again would be paid for, and cut in the same place.

    Raises:
        ContextTooLong: There is no more room.
    """
    if context and reply.finish_reason == "length" and reply.usage.total >= context:
        raise ContextLengthError(f"the reply was cut where the server's context of {context} tokens is full")
