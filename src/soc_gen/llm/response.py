"""From the JSON of a chat completion to a ``Reply``. Nothing about its shape is taken for granted."""

from __future__ import annotations

import json
from typing import Any

from soc_gen.llm.faults import ContextLengthError, TransientError, from_error_body
from soc_gen.llm.json_reply import parse_json_object
from soc_gen.llm.types import Reply, Usage
from soc_gen.text.thinking import strip_thinking

_MOST_TOKENS = 2**31  # of one exchange; what is beyond it is no count


THINKING = "thinking"
"""Finish reason of a reply that holds nothing but thoughts."""
_CUT = "length"


def decode(found: object, url: str, seconds: float, schema: dict[str, Any] | None = None) -> Reply:
    """Return the reply in ``found``, without the thoughts of the model.

    Args:
        found: The parsed body of a 200.
        url: Base URL it came from.
        seconds: How long it took.
        schema: JSON schema that was asked for, if any.

    Raises:
        TransientError: The body is HTML, carries an error, or has no choices.
        ContextLengthError: The error in the body says so.
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
    content = _content(message)
    said = strip_thinking(content)
    text = said or _misfiled_answer(message, schema)
    thought = said.strip() != content.strip() or (text == said and bool(_thoughts(message)))
    reason = choice.get("finish_reason")
    if not text.strip() and thought and reason != _CUT:
        reason = THINKING
    return Reply(
        text=text,
        finish_reason=reason if isinstance(reason, str) else None,
        usage=_usage(found.get("usage")),
        seconds=seconds,
        endpoint=url,
        thought=thought,
    )


def decode_models(found: object) -> list[str] | None:
    """Return the names in the parsed body of ``GET /models``, or None where it is no such list."""
    rows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return None
    return [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _content(message: dict[str, Any]) -> str:
    return _encodable(_joined(message.get("content")))


def _joined(content: object) -> str:
    """Return the text of a string, or of the parts of a list that are text (and not thinking)."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = [part.get("text") if isinstance(part, dict) else part for part in content]
    return "".join(text for text in texts if isinstance(text, str))


def _encodable(text: str) -> str:
    """Return ``text`` without half a surrogate pair, which cannot be written to a file."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _thoughts(message: dict[str, Any]) -> list[str]:
    """Return what stands in the fields for thoughts, where there is any."""
    names = ("reasoning_content", "reasoning", "reasoning_details")
    return [text for name in names if (text := _joined(message.get(name)).strip())]


def _misfiled_answer(message: dict[str, Any], schema: dict[str, Any] | None) -> str:
    """Return the object that was asked for, where a server with a reasoning parser filed it as a thought.

    Only where it is all of the field: an object amid thoughts is a draft.
    """
    if not schema:
        return ""
    for text in _thoughts(message):
        found = parse_json_object(text) if text.startswith("{") and text.endswith("}") else None
        if found is not None and _is_json(text) and set(schema.get("required", ())) <= found.keys():
            return _encodable(text)
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True


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
