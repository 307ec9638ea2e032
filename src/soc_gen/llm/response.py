"""From the JSON of a chat completion to a ``Reply``. Nothing about its shape is taken for granted."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from soc_gen.display import excerpt
from soc_gen.llm.faults import ContextLengthError, NotACompletionError
from soc_gen.llm.json_reply import find_answer, object_with
from soc_gen.llm.refusals import error_message, from_error_body
from soc_gen.llm.types import Reply, is_cut
from soc_gen.llm.usage import count, parse_usage
from soc_gen.text.thinking import strip_thinking

_HALF_PAIR = re.compile("[\ud800-\udfff]")

THINKING = "thinking"
"""Finish reason of a reply that holds nothing but thoughts."""
_CALLS = frozenset({"tool_calls", "function_call", "tool_use"})
"""Finish reasons of a reply that is a call of a tool."""
_THOUGHTS = (
    *("reasoning_content", "reasoning", "reasoning_details", "reasoning_text"),
    *("thinking", "thinking_blocks", "thoughts", "thought"),
)
"""Fields of a message, and types of its parts, that hold thoughts."""
_TEXTS = ("text", "content", "value", "output_text", "parts")
"""Where a part has its text; the first that is there."""


def decode(
    found: object,
    url: str,
    seconds: float,
    schema: dict[str, Any] | None = None,
    *,
    thinks: bool = True,
    sent: Collection[str] = (),
) -> Reply:
    """Return the reply in ``found``, without the thoughts of the model.

    Args:
        found: The parsed body of a 200.
        url: Base URL it came from.
        seconds: How long it took.
        schema: JSON schema that was asked for, if any.
        thinks: Whether the model may think: a line of text in a field for thoughts may be one.
        sent: Names of the fields in the request's body.

    Raises:
        NotACompletionError: The body is a page, a text, or an object without choices.
        TransientError: It carries an error, or a choice does.
        ContextLengthError: The error in the body says so; and so on, see ``soc_gen.llm.refusals``.
    """
    if not isinstance(found, dict):
        raise NotACompletionError("not_json", excerpt("" if found is None else str(found)))
    if error := _error(found):
        raise from_error_body(error, url, sent)
    try:
        said = [_said(choice, schema, thinks=thinks) for choice in _choices(found)]
    except RecursionError:
        raise NotACompletionError("not_json") from None
    if not said:
        raise NotACompletionError("no_choices", excerpt(error_message(found)))
    text, reason, thought = next((one for one in said if one[0].strip()), said[0])
    return Reply(
        text=text,
        finish_reason=reason,
        usage=parse_usage(found.get("usage")),
        seconds=seconds,
        endpoint=url,
        thought=thought,
    )


def _error(found: dict[str, Any]) -> object:
    """Return the error that a body carries, of its own or in its first choice, or None."""
    choices = found.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return found.get("error") or (first.get("error") if isinstance(first, dict) else None)


def _choices(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the choices that have a message, in the order that they are numbered in."""
    choices = found.get("choices")
    usable = [
        choice
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict) and isinstance(choice.get("message"), dict)
    ]
    numbers = [choice.get("index") for choice in usable]
    if all(isinstance(number, int) for number in numbers):
        usable.sort(key=lambda choice: choice["index"])
    return usable


def _said(
    choice: dict[str, Any], schema: dict[str, Any] | None, *, thinks: bool
) -> tuple[str, str | None, bool]:
    """Return what a choice says, its finish reason, and whether there were thoughts beside it."""
    message, reason = choice["message"], choice.get("finish_reason")
    reason = reason if isinstance(reason, str) else None
    keys = frozenset(schema.get("required", ())) if schema else None
    content = _encodable(_content(message, keys))
    text = strip_thinking(content)
    if keys is not None and (called := _called(message, keys)) and not _holds(text, keys):
        return called, "stop" if reason in _CALLS else reason, False
    misfiled = "" if text.strip() else _misfiled_answer(message, keys, thinks=thinks)
    thought = text.strip() != content.strip() or bool(_thoughts(message) and not misfiled)
    text = misfiled or text
    if not text.strip() and thought and not is_cut(reason):
        reason = THINKING
    return text, reason, thought


def decode_models(found: object) -> list[str] | None:
    """Return the names in the parsed body of ``GET /models``, or None where it is no such list."""
    rows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return None
    return [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _content(message: dict[str, Any], keys: frozenset[str] | None) -> str:
    """Return the text of a message, without the parts of it that are thoughts.

    An object with ``keys``, if one was asked for, may be there as such and not as text.
    """
    content = message.get("content")
    found = object_with(content, keys) if keys else None
    return json.dumps(found) if found else _joined(content)


def _holds(text: str, keys: frozenset[str]) -> bool:
    """Is the answer in ``text`` an object with ``keys``?"""
    return find_answer(text, lambda value: object_with(value, keys)) is not None


def _joined(content: object) -> str:
    """Return the text of a string, a part, or the parts of a list; a part that is a thought has none."""
    if isinstance(content, list):
        return "".join(map(_joined, content))
    if not isinstance(content, dict):
        return content if isinstance(content, str) else ""
    if str(content.get("type")).partition(".")[0] in _THOUGHTS or content.get("thought") is True:
        return ""
    return _first(content, _TEXTS)


def _first(part: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _joined(part.get(name)))), "")


def _encodable(text: str) -> str:
    """Return ``text`` with U+FFFD for half a surrogate pair, which cannot be written to a file."""
    return text if text.isascii() else _HALF_PAIR.sub("\ufffd", text)


def _thoughts(message: dict[str, Any]) -> list[str]:
    """Return what stands in the fields for thoughts, where there is any."""
    return [text for name in _THOUGHTS if (text := _thought(message.get(name)).strip())]


def _thought(value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    names = (*_TEXTS, *_THOUGHTS)
    return "".join(_first(part, names) if isinstance(part, dict) else _joined(part) for part in parts)


def _called(message: dict[str, Any], keys: frozenset[str]) -> str:
    """Return the object with ``keys`` that the model gave to a tool which it made up, or ""."""
    calls = message.get("tool_calls")
    made = (
        [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    )
    for call in (*made, message.get("function_call")):
        arguments = call.get("arguments") if isinstance(call, dict) else None
        if arguments is None:
            continue
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        if _holds(text, keys):
            return _encodable(text)
    return ""


def _misfiled_answer(message: dict[str, Any], keys: frozenset[str] | None, *, thinks: bool) -> str:
    """Return the answer where a server with a reasoning parser filed it as a thought, or "".

    Only the object that was asked for, if it is all of the field: amid thoughts it is a draft. Text without
    such a form cannot be told from a thought, unless the model does not think.
    """
    for text in _thoughts(message):
        if keys is None:
            return "" if thinks else _encodable(strip_thinking(text))
        if _is_object_with(text, keys):
            return _encodable(text)
    return ""


def _is_object_with(text: str, keys: frozenset[str]) -> bool:
    """Is all of ``text`` an object with ``keys``?"""
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.keys() >= keys


def decode_context(found: object) -> int | None:
    """Return the tokens of context that ``GET /models`` tells of (vLLM and SGLang do), or None."""
    rows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return None
    sizes = [count(row.get("max_model_len")) for row in rows if isinstance(row, dict)]
    return min(filter(None, sizes), default=None)


def raise_if_context_full(reply: Reply, context: int | None) -> None:
    """Refuse a reply that was cut because prompt and reply fill the server's context.

    vLLM takes a request whose ``max_tokens`` do not fit, and quietly gives it what room is left. Asking
    again would be paid for, and cut in the same place.

    Raises:
        ContextTooLong: There is no more room.
    """
    if context and reply.was_cut and reply.usage.total >= context:
        raise ContextLengthError(f"the reply was cut where the server's context of {context} tokens is full")
