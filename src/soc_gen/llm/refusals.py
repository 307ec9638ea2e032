"""Which fault an answer stands for that is no reply: by its status, and by the words of its body.

Servers agree on few statuses and on no words, so each kind of refusal is told by pieces of words that are in
all bodies of that kind seen so far. The kinds are tried in one order, ``_KINDS``: a body may have words of
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


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_FLAGGED = _words(
    r"flagged|moderation|guardrail|content[ _-]?(filter|polic|management|inspection)|data_inspection",
    r"usage (guideline|polic)|inappropriate|content exists risk|high risk",
    r"sensitive (content|word|information)",
    r"unsafe|censored|responsible_?ai|prohibited|safety[ _](check|polic|system|filter|setting)",
    r"violat\w+ (our|the|of|usage|content)|harmful|content .{0,40}\bblocked|blocked .{0,40}\bcontent",
)
_CONTEXT = _words(
    r"context[ _-]?(length|size|window|limit)|exceed_context|max_seq_len|max_model_len|max_position",
    r"(range|length) of input|input[ _]length|prompt[ _]length|sequence[ _]length|model token limit",
    r"(prompt|input|inputs|messages?|conversation|sequence|request)\b.{0,80}?\b(is|are|was)? ?"
    r"too (long|large|many tokens)",
    r"(prompt|input|message|sequence|request)s?\b.{0,80}?(exceed|longer than|greater than|more than).{0,60}"
    r"(length|limit|tokens?|maximum|max\b|\d{3})",
    r"reduce (the )?(length|size|number of) .{0,20}(message|prompt|input|token)",
    r"too many (input |prompt )?tokens|(maximum|max) (prompt|input|sequence|number of (input )?tokens)",
    r"`?inputs`? (tokens )?(must|should) (have|be) (less|fewer|at most)|`inputs` tokens|request too large",
    r"tokens? .{0,60}(greater|longer|larger|more) than .{0,40}(context|maximum|limit|model)",
    r"(输入|上下文|提示).{0,12}(过长|超长|超过|超出)",
)
_CONTEXT_OF_REPLY = _words(r"max_(completion_|output_|new_)?tokens")
_PROMPT_WORDS = _words(r"prompt|input|message|context|requested|sequence")
_GENERATION = _words(
    r"json_validate_failed|tool_use_failed|incomplete_json_output|failed_generation|generation_error",
    r"failed to (generate|call|parse|validate) .{0,30}(json|function|tool|output|generat)",
    r"(produced|generated|returned) (an )?(invalid|malformed|incomplete|unparsable) ",
    r"(output|generation|response|completion) .{0,30}(did|does) not (match|conform|validate|follow)",
)
_NO_MONEY = _words(
    r"insufficient[ _](quota|balance|fund|credit)|exceeded.{0,20}\bquota|quota.{0,20}(exceeded|exhausted)",
    r"billing|recharge|payment|out of credits?|no credits?|arrears|overdue|suspended|余额|欠费",
)
_DAY = _words(
    r"per[ _-]?(day|week|month)|\b(daily|weekly|monthly)\b|\((tpd|rpd)\)|\b[rt]pd\b|PerDay|24 ?h(ours)?\b"
)
_MINUTE = _words(r"per[ _-]?(min|sec|hour)|\b[rt]p[ms]\b|/ ?(min|sec|m|s)\b|PerMinute|PerSecond")
_SCHEMA = _words(
    r"response_format|json_schema|json_object|json schema|guided|structured[ _-]?output|grammar",
    r"invalid format|requested parameters",
)
_PASSING = _words(
    r"provider returned error|upstream|unloaded|crashed|try again|temporar|overloaded|timed? ?out|busy",
    r"is (still )?loading|capacity|connection (error|reset|refused|closed)|unavailable|not ready",
)


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
    flagged = refusal.status in {400, 403, 422} and _FLAGGED.search(refusal.text)
    return PromptFlaggedError(refusal.told) if flagged or refusal.status == 451 else None


def _too_long(refusal: _Refusal) -> Exception | None:
    told = refusal.status in {400, 422, 500} and is_context_length(refusal.text)
    return ContextLengthError(refusal.told) if told or refusal.status == 413 else None


def _badly_generated(refusal: _Refusal) -> Exception | None:
    found = refusal.status in {400, 422, 500} and _GENERATION.search(refusal.text)
    return BadGenerationError(refusal.told) if found else None


def _unknown_field(refusal: _Refusal) -> Exception | None:
    status, text = refusal.status, refusal.text
    if status in {400, 422} and (name := unsupported_field(refusal.body, text, refusal.sent)):
        return UnsupportedFieldError(name, refusal.told, _instead(name, text))
    known = status in {400, 404, 415, 422, 500} and _SCHEMA.search(text)
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
    if status in _TRANSIENT or status >= 500 or (status == 400 and _PASSING.search(refusal.text)):
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


def is_context_length(text: str) -> bool:
    """Whether the words of a refusal say that the prompt, or prompt and reply, are too long."""
    about_reply = _CONTEXT_OF_REPLY.search(text) and not _PROMPT_WORDS.search(text)
    return bool(_CONTEXT.search(text)) and not about_reply


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
    return re.compile(rf"[\"'`]{word}[\"'`]|(?:parameters?|arguments?|fields?|supplied)\W+{word}\b")


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
    if _DAY.search(text):
        return True
    return bool(_NO_MONEY.search(text)) and not _MINUTE.search(text)


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
    """Return all words of a body, with the keys that say something, and JSON inside of it unescaped."""
    return "\n".join(_words_in(body, _DEEPEST)).replace('\\"', '"')[:_MOST_WORDS]


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
