"""Errors of the Hub's clients: the exceptions they raise, and their messages."""

from __future__ import annotations

from soc_gen.redact import Redactor

_ODD = (TypeError, AttributeError, LookupError, RecursionError)


def hub_faults() -> tuple[type[Exception], ...]:
    """Return the exceptions of the Hub's clients for a refusal, no connection, or an unexpected answer.

    The clients do not check the form of an answer: for ``[]``, ``null`` or a web page they raise built-in
    exceptions.
    """
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # noqa: PLC0415 - made at run time

    return (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError, ValueError, *_ODD)


def fault_reason(error: BaseException) -> str:
    """Return the message of ``error`` on one line, without the user's token."""
    from huggingface_hub import get_token  # noqa: PLC0415 - heavy

    if isinstance(error, _ODD):
        return "its answer is not what the Hub's API answers"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(Redactor([get_token() or ""]).error(lines[0]))
