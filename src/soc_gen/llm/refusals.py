"""Which fault an answer stands for that is no reply: by its status, and by the words of its body.

Servers agree on few statuses and on no sentence, so each kind of refusal is told by the words of
``soc_gen.llm.refusal_words``. The kinds are tried in one order, ``_KINDS``: a body may have words of
several, and the first is the one that decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from soc_gen.display import excerpt
from soc_gen.errors import EndpointError
from soc_gen.llm.faults import (
    AccessRefusedError,
    BadGenerationError,
    ContextLengthError,
    NotACompletionError,
    PromptFlaggedError,
    RequestRejectedError,
    TransientError,
    UnsupportedFieldError,
)
from soc_gen.llm.refusal_words import CONTEXT, DAY, FLAGGED, GENERATION, MINUTE, NO_MONEY, PASSING, SCHEMA
from soc_gen.llm.retry_after import parse_retry_after

_TRANSIENT = frozenset({408, 409, 424, 425, 429, 498, 499})
_OVERLOAD = frozenset({429, 498, 503, 529})
_LATER = "What is done is kept; run the same command again later, or with another account"
_KEY = "Check the key: it is read from SOC_API_KEY, else OPENAI_API_KEY, or from what --api-key-env names"
_ACCESS = {
    401: _KEY,
    402: f"The account has no credit left. {_LATER}",
    403: _KEY,
    404: "Check --model and --base-url (it usually ends in /v1)",
}
RESPONSE_FORMAT = "response_format"
_NOT_TO_BE_DROPPED = frozenset({"model", "messages", "continue_final_message", "add_generation_prompt"})
_ECHOES = frozenset({"input", "flagged_input", "body", "request", "prompt", "messages"})
_USUAL_KEYS = frozenset({"error", "message", "msg", "detail", "details", "object", "type", "code", "param"})
_DEEPEST = 20  # levels of a body
_MOST_WORDS = 4000  # characters of a body that are looked at
_MAX_TOKENS = ("max_completion_tokens", "max_output_tokens", "max_new_tokens", "max_tokens")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer that is no reply."""

    status: int
    body: object
    headers: Mapping[str, str]
    url: str
    sent: Collection[str]
    text: str
    """All words of the body, those for machines included."""

    @property
    def words(self) -> str:
        """What the server says to people."""
        return excerpt(error_message(self.body))

    @property
    def told(self) -> str:
        """One line for the user."""
        return f"{self.url} answers {self.status}: {self.words or 'nothing more'}"


def from_status(
    status: int, body: object, headers: Mapping[str, str], url: str, sent: Collection[str] = ()
) -> Exception:
    """Return the fault that an HTTP status and its body stand for.

    Args:
        status: 300 or more.
        body: Parsed JSON, or the text, with the secrets taken out.
        headers: Of the answer.
        url: Base URL of the server, fit to be shown.
        sent: Names of the fields in the request's body.
    """
    refusal = _Refusal(status, body, headers, url, sent, _text(body))
    faults = (kind(refusal) for kind in _KINDS)
    return next(filter(None, faults), RequestRejectedError(refusal.told))


def _flagged(refusal: _Refusal) -> Exception | None:
    flagged = refusal.status in {400, 403, 422} and FLAGGED.are_in(refusal.text)
    return PromptFlaggedError(refusal.told) if flagged or refusal.status == 451 else None


def _too_long(refusal: _Refusal) -> Exception | None:
    told = refusal.status in {400, 422, 500} and CONTEXT.are_in(refusal.text)
    return ContextLengthError(refusal.told) if told or refusal.status == 413 else None


def _badly_generated(refusal: _Refusal) -> Exception | None:
    found = refusal.status in {400, 422, 500} and GENERATION.are_in(refusal.text)
    return BadGenerationError(refusal.told) if found else None


def _unknown_field(refusal: _Refusal) -> Exception | None:
    status, text = refusal.status, refusal.text
    if status in {400, 422} and (name := unsupported_field(refusal.body, text, refusal.sent)):
        return UnsupportedFieldError(name, refusal.told, _instead(name, text))
    known = status in {400, 404, 415, 422, 500} and SCHEMA.are_in(text)
    return UnsupportedFieldError(RESPONSE_FORMAT, refusal.told) if known or status in {415, 501} else None


def _no_access(refusal: _Refusal) -> Exception | None:
    status = refusal.status
    if status in _ACCESS:
        error = EndpointError(refusal.told, hint=_ACCESS[status])
        return AccessRefusedError(status, error, lasting=status == 402)
    if status == 429 and _will_not_pass(refusal.text):
        return AccessRefusedError(status, EndpointError(refusal.told, hint=_LATER), lasting=True)
    return None


def _passing(refusal: _Refusal) -> Exception | None:
    status = refusal.status
    if status in _TRANSIENT or status >= 500 or (status == 400 and PASSING.are_in(refusal.text)):
        seconds, overload = parse_retry_after(refusal.headers), status in _OVERLOAD
        return TransientError(f"http_{status}", refusal.words, retry_after=seconds, overload=overload)
    return None


_KINDS: tuple[Callable[[_Refusal], Exception | None], ...] = (
    _flagged,
    _too_long,
    _badly_generated,
    _unknown_field,
    _no_access,
    _passing,
)


def from_error_body(error: object, url: str, sent: Collection[str] = ()) -> Exception:
    """Return the fault that a 200 with an ``error`` in its body stands for.

    Args:
        error: What stands under ``error``.
        url: Base URL of the server, fit to be shown.
        sent: Names of the fields in the request's body.
    """
    code = str(error.get("code") if isinstance(error, dict) else "")
    status = int(code) if code.isdecimal() and 400 <= int(code[:4]) < 600 else 400
    fault = from_status(status, error, {}, url, sent)
    if isinstance(fault, TransientError | RequestRejectedError) and not isinstance(fault, PromptFlaggedError):
        words = excerpt(error_message(error))
        if not code.isdecimal():
            return NotACompletionError("error_body", words)
        kind = "http_429" if status == 429 else "error_body"
        return TransientError(kind, words, overload=status in _OVERLOAD)
    return fault


def unsupported_field(body: object, text: str, sent: Collection[str]) -> str | None:
    """Return the field of the request that a refusal names, or None.

    That is what stands under ``param`` or at the end of a ``loc``; else the first one in the text. ``stop``
    is also a word, so in texts it has to stand in quotation marks or after "parameter".
    """
    names = [name for name in sent if name not in _NOT_TO_BE_DROPPED]
    for place in _places(body):
        if place in names:
            return place
    found = [(at.start(), name) for name in names if (at := _mention(name).search(text))]
    return min(found)[1] if found else None


def _mention(name: str) -> re.Pattern[str]:
    camel = re.sub(r"_(\w)", lambda part: part[1].upper(), name)
    word = rf"(?:{re.escape(name)}|{re.escape(camel)})"
    if "_" in name or name not in {"stop", "seed"}:
        return re.compile(rf"(?<!\w){word}(?!\w)")
    return re.compile(
        rf"[\"'`]{word}[\"'`]|(?:parameters?|arguments?|fields?|supplied)\W+{word}\b|^{word}:", re.M
    )


def _places(value: object) -> Iterator[str]:
    """Yield what stands under ``param`` and at the end of ``loc``, wherever it is in ``value``."""
    if isinstance(value, list):
        for item in value[:20]:
            yield from _places(item)
    elif isinstance(value, dict):
        if isinstance(param := value.get("param"), str):
            yield param.partition(".")[0]
        if isinstance(loc := value.get("loc"), list):
            yield from (part for part in loc if isinstance(part, str) and part != "body")
        for item in value.values():
            yield from _places(item)


def _instead(field: str, text: str) -> str:
    """Return the name that the server wants the longest reply to have, where it tells one."""
    if field not in _MAX_TOKENS:
        return ""
    return next((name for name in _MAX_TOKENS if name != field and re.search(rf"\b{name}\b", text)), "")


def _will_not_pass(text: str) -> bool:
    """Whether a 429 is for a day, a plan or a balance, and not for a minute."""
    return DAY.are_in(text) or (NO_MONEY.are_in(text) and not MINUTE.are_in(text))


def error_message(body: object) -> str:
    """Return the words of an error body: nested, flat, in a list, as JSON inside a text, or text."""
    if isinstance(body, list) and body:
        return error_message(body[0])
    if not isinstance(body, dict):
        return "" if body is None else str(body)
    for name in ("error", "detail", "message", "msg", "title"):
        if body.get(name):
            return error_message(body[name])
    return str(body) if body else ""


def _text(body: object) -> str:
    """Return all words of a body, with the keys that say something, and JSON inside of it unescaped.

    A web page has none: it is of something before the server, and has words for everything.
    """
    text = "\n".join(_words_in(body, _DEEPEST)).replace('\\"', '"')
    return "" if text.lstrip().startswith("<") else text[:_MOST_WORDS]


def _words_in(body: object, levels: int) -> Iterator[str]:
    """Yield the texts of ``body``, but for what it repeats of the request: a chat may have any words."""
    if isinstance(body, dict) and levels:
        for name, value in body.items():
            if name not in _ECHOES:
                yield "" if name in _USUAL_KEYS else str(name)
                yield from _words_in(value, levels - 1)
    elif isinstance(body, list) and levels:
        for item in body[:20]:
            yield from _words_in(item, levels - 1)
    elif body is not None:
        yield str(body)
