"""What can go wrong with one HTTP exchange, sorted by what has to be done about it.

* ``TransientError``: repeat the very same request, later (connection, timeout, 408, 409, 429, 5xx, a 200
  that carries an error, HTML, a cut body or no choices).
* ``ContextLengthError``: the conversation is longer than the server takes; repeating cannot help.
* ``UnsupportedSchemaError``: this server knows no ``response_format``; ask without, for the whole run.
* ``RequestRejectedError``: any other 4xx. Where others were answered, the cause is this conversation (a
  content filter, say); where none was, it is the settings.
* ``EndpointError``: nothing can work until the user changes something (401, 402, 403, 404, a 429 for want
  of money).
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from soc_gen.errors import EndpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})
OVERLOAD_STATUSES = frozenset({429, 503, 529})
SCHEMA_STATUSES = frozenset({400, 422})
CONTEXT_WORDS = (
    "maximum context length",
    "exceed_context_size",
    "context_length_exceeded",
    "exceeds the context",
    "context length",
    "context size",
    "context window",
    "`inputs` tokens + `max_new_tokens`",
    "longer than the model's context",
)
NO_MONEY_WORDS = ("insufficient_quota",)  # OpenAI's code for it, with the status of a rate limit
SCHEMA_WORDS = ("response_format", "json_schema", "guided", "structured output", "grammar")


_KEY = "Check the key: it is read from SOC_API_KEY, else OPENAI_API_KEY, or from what --api-key-env names"
_HOPELESS = {
    401: _KEY,
    402: "The account has no credit left; what is done is kept, run the same command again later",
    403: _KEY,
    404: "Check --model and --base-url (it usually ends in /v1)",
}


class TransientError(Exception):
    """One exchange failed in a way that may pass.

    Args:
        kind: Short stable name, counted: ``http_429``, ``timeout``, ``connection``, ``bad_body`` …
        retry_after: Seconds the server asked to wait, if it did.
        overload: The server says or shows that it has too much to do.
    """

    def __init__(self, kind: str, *, retry_after: float | None = None, overload: bool = False) -> None:
        self.kind = kind
        self.retry_after = retry_after
        self.overload = overload
        super().__init__(kind)

    @property
    def rate_limited(self) -> bool:
        """Whether the server counts requests and said "too many"."""
        return self.kind == "http_429"


class ContextLengthError(Exception):
    """The prompt and the reply asked for do not fit into the server's context."""


class UnsupportedSchemaError(Exception):
    """The server does not take this ``response_format``."""


class RequestRejectedError(Exception):
    """The server does not want this request, for a reason of its own."""


def parse_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds a server asks to wait: ``retry-after-ms``, or ``Retry-After`` as number or date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    when = _moment(value)
    if when is None:
        return None
    # By the server's clock, where it tells it: ours may be an hour off.
    server_now = _moment(headers.get("date", ""))
    return max(0.0, (when - (server_now or now or datetime.now(UTC))).total_seconds())


def _moment(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the second for a zone of many digits
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def from_status(status: int, body: object, headers: Mapping[str, str], url: str) -> Exception:
    """Return the fault that an HTTP status and its body stand for."""
    message = error_message(body)
    unpaid = status == 429 and _mentions(body, NO_MONEY_WORDS)
    if unpaid or status in _HOPELESS:
        hint = _HOPELESS[402 if unpaid else status]
        return EndpointError(f"{url} answers {status}: {message[:200]}", hint=hint)
    if status in TRANSIENT_STATUSES or status >= 500:
        # A proxy's 500 may wrap a refusal that repeating will not cure.
        if status == 500 and _mentions(body, CONTEXT_WORDS):
            return ContextLengthError(message)
        overload = status in OVERLOAD_STATUSES
        return TransientError(f"http_{status}", retry_after=parse_retry_after(headers), overload=overload)
    if status in {400, 413, 422} and _mentions(body, CONTEXT_WORDS):
        return ContextLengthError(message)
    if status in SCHEMA_STATUSES and _mentions(body, SCHEMA_WORDS):
        return UnsupportedSchemaError(message)
    return RequestRejectedError(f"{url} answers {status}: {message[:200]}")


def from_error_body(error: object, url: str) -> Exception:
    """Return the fault that a 200 with an ``error`` in its body stands for."""
    code = str(error.get("code") if isinstance(error, dict) else "")
    if _mentions(error, CONTEXT_WORDS):
        return ContextLengthError(error_message(error))
    if code in {"401", "402", "403", "429"}:
        return from_status(int(code), error, {}, url)
    return TransientError("error_body", overload=code in {"503", "529"})


def error_message(body: object) -> str:
    """Return the words of an error body: nested (``error.message``), flat (``message``) or text."""
    if isinstance(body, dict):
        inner: Any = body.get("error", body)
        if isinstance(inner, dict):
            return str(inner.get("message") or inner.get("detail") or inner)
        return str(inner)
    return str(body)


def _mentions(body: object, words: tuple[str, ...]) -> bool:
    text = str(body).lower()
    return any(word in text for word in words)
