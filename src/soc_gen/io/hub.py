"""What can go wrong with the Hub's clients, in one place: what they raise, and what is said of it."""

from __future__ import annotations

from soc_gen.redact import Redactor

_ODD = (TypeError, AttributeError, LookupError, RecursionError)


def hub_faults() -> tuple[type[Exception], ...]:
    """Return what the Hub's clients raise when it refuses, cannot be reached, or answers oddly.

    They take the shape of an answer for granted: where it is ``[]``, ``null`` or a web page instead, they
    stumble with errors of Python itself.
    """
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # noqa: PLC0415 - made at run time

    return (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError, ValueError, *_ODD)


def fault_reason(error: BaseException) -> str:
    """Return in one line what ``error`` says, without the user's token."""
    from huggingface_hub import get_token  # noqa: PLC0415 - heavy

    if isinstance(error, _ODD):
        return "its answer is not what the Hub's API answers"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(Redactor([get_token() or ""]).error(lines[0]))
