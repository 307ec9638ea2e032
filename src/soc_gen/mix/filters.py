"""Why a conversation of the right form is not wanted: language, length, flags, refusals, personal data."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from soc_gen.mix.records import Message
from soc_gen.mix.sources.base import SourceSettings
from soc_gen.text.assistant_speak import is_refusal, model_words
from soc_gen.text.language import language_of

_MAY_BE_PII = re.compile(r"@|\d{2}")
_PII = {
    "e-mail address": re.compile(r"\b[\w.+-]+@(?!(?:example|test)\.)[\w-]+(?:\.[\w-]+)+\b"),
    "social security number": re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "telephone number": re.compile(
        r"(?<![\w.+-])(?:\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}|\(\d{3}\) ?\d{3}[ .-]\d{4}"
        r"|\d{3}[.-]\d{3}[.-]\d{4})"
        r"(?![\w-])"
    ),
    "IBAN": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "IP address": re.compile(r"(?<![\d.])(?!10\.|127\.|192\.168\.|0\.)(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
}
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_FEWEST_PHONE_DIGITS = 8


class Subject(NamedTuple):
    """What filters look at."""

    messages: Sequence[Message]
    words: Sequence[bytes]
    tokens: int
    lang: str
    flagged: str
    assistant_only: bool


def rejection(subject: Subject, settings: SourceSettings) -> tuple[str, str] | None:
    """Return reason and detail for what ``settings`` do not want, or None."""
    turns = sum(message["role"] != "system" for message in subject.messages)
    for low, count, high, what in (
        (settings.min_turns, turns, settings.max_turns, "turns"),
        (settings.min_tokens, subject.tokens, settings.max_tokens, "tokens"),
    ):
        if count < low:
            return f"few_{what}", f"{count} {what}, fewer than {low}"
        if high is not None and count > high:
            return f"many_{what}", f"{count} {what}, more than {high}"
    for check in _CHECKS:
        if found := check(subject, settings):
            return found
    return None


def _language(subject: Subject, settings: SourceSettings) -> tuple[str, str] | None:
    if not settings.languages or subject.lang in settings.languages:
        return None
    return "language", f"the language is {subject.lang or 'not known'}"


def _flagged(subject: Subject, settings: SourceSettings) -> tuple[str, str] | None:
    return ("flagged", subject.flagged) if settings.drop_flagged and subject.flagged else None


def _refuses(subject: Subject, settings: SourceSettings) -> tuple[str, str] | None:
    there = model_words(subject.words) if settings.drop_refusals else None
    if not there:
        return None
    replies = (message["content"] for message in subject.messages if message["role"] == "assistant")
    return ("refusal", "the assistant refuses") if any(is_refusal(text, there) for text in replies) else None


def _personal(subject: Subject, settings: SourceSettings) -> tuple[str, str] | None:
    if not settings.drop_pii:
        return None
    for message in subject.messages:
        if not subject.assistant_only or message["role"] == "assistant":
            found = personal_data(message["content"])
            if found:
                return "pii", f"there is what looks like an {found}" if found[
                    0
                ] in "eI" else f"there is a {found}"
    return None


_CHECKS: tuple[Callable[[Subject, SourceSettings], tuple[str, str] | None], ...] = (
    _language,
    _flagged,
    _refuses,
    _personal,
)


def personal_data(text: str) -> str:
    """Return what kind of personal data is in ``text``, or ""."""
    if not _MAY_BE_PII.search(text):
        return ""
    for kind, pattern in _PII.items():
        if any(_is_real(kind, match[0]) for match in pattern.finditer(text)):
            return kind
    cards = (re.sub(r"\D", "", match[0]) for match in _CARD.finditer(text))
    return "card number" if any(map(_luhn, cards)) else ""


def _is_real(kind: str, found: str) -> bool:
    if kind == "telephone number":
        return sum(map(str.isdigit, found)) >= _FEWEST_PHONE_DIGITS
    if kind == "IBAN":
        return _iban(found.replace(" ", ""))
    return kind != "IP address" or all(int(part) < 256 for part in found.split("."))


def _iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616)."""
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _luhn(digits: str) -> bool:
    """Whether the last digit of a card number is right (ISO 7812), and not all are the same."""
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(value - 9 * (value > 9) for value in doubled)
    return total % 10 == 0 and len(set(digits)) > 1


def told_language(messages: Sequence[Message], lang: str, settings: SourceSettings) -> str:
    """Return the language: what the source says, else, where it is asked for, what the text shows."""
    if lang or not settings.languages:
        return lang
    return language_of("\n".join(message["content"] for message in messages)) or ""
