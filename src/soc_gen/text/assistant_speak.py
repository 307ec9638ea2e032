"""Checks for text typical of assistants, used on each turn and again when cleaning.

A false positive throws away a reply that was paid for, so each check prefers to miss.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from soc_gen.text.tokens import tokenize

_AI = r"(?:an? )?(?:ai|artificial intelligence|(?:large )?language model|chatbot)"
_KIND = r"(?: (?:language )?model| assistant| chatbot| system| program)?"
_CANNOT = r"(?:can't|cannot|can not|won't|am unable to|'m unable to|'m not able to|am not able to)"
QUOTES = re.compile(
    r"\b(?:he|she|they|we|his|her|their|our|us|him|them|sent|got|said|wrote|told|posted)\b", re.IGNORECASE
)
"""Words with which people quote somebody; models do not announce a reply with them."""
_SUCH = r"(?:this|that|these|those|your|such|any)"
_AI_WORDS = "ai model chatbot artificial"

Phrases = tuple[tuple[frozenset[bytes], re.Pattern[str]], ...]


def _phrases(*rows: tuple[str, str]) -> Phrases:
    """Compile patterns over lower-case lines; each is searched only if one of its words occurs."""
    return tuple((frozenset(tokenize(needed)), re.compile(pattern)) for needed, pattern in rows)


# People work in AI, play roles in games, and serve customers by a policy: none of that may match.
_BREAKS = _phrases(
    (_AI_WORDS, rf"\bas {_AI}{_KIND}(?=\s*[,;:—–…]|\s*\.\.\.|\s+(?:i|my)\b)"),
    (
        _AI_WORDS,
        rf"\bi(?:'m| am) (?:just |only |actually )*{_AI}{_KIND}(?=\s*(?:[.,;!—–…]|$)|,? (?:and|so|but) i\b)",
    ),
    (
        _AI_WORDS,
        rf"\bi(?:'m| am) {_AI}{_KIND},? (?:trained|developed|created|made|designed|built) (?:by|to)\b",
    ),
    ("cutoff", r"my knowledge cutoff\b"),
    ("prevents", r"my programming prevents\b"),
    ("persona simulated", r"in this (?:simulated (?:chat|conversation)\b|persona(?=\s*[.,;]|\s+i\b))"),
    (
        "respond reply continue",
        r"\bi(?:'ll| will) (?:respond|reply|continue) as (?:persona|the character|the other)\b",
    ),
)
_REFUSES = _phrases(
    (
        "assist comply fulfil fulfill continue provide engage",
        rf"sorry,? (?:but )?i ?{_CANNOT} (?:(?:assist|comply)(?:\s*(?:[.,!;]|$)| (?:you )?with {_SUCH}\b)"
        rf"|fulfill? {_SUCH} (?:request|prompt|instruction)"
        rf"|continue with {_SUCH} (?:conversation|role-? ?play|request|scenario|prompt|story|dialogue)"
        rf"|(?:provide|engage in) {_SUCH} (?:\w+ )?(?:content|information|assistance|advice|conversation"
        r"|request|discussion|behaviou?r|role-? ?play))",
    ),
    ("assist comply", rf"\bi ?{_CANNOT} (?:assist|comply)(?: you)? with (?:that|this|your|such)\b"),
    (
        "request",
        rf"\bi ?{_CANNOT} (?:fulfill?|complete|comply with|help with) {_SUCH} request(?! form)",
    ),
    (
        "create generate produce",
        rf"\bi ?{_CANNOT} (?:create|generate|produce) (?:{_SUCH} (?:\w+ )?(?:of )?(?:content|material|text"
        r"|conversation|dialogue|response|message|scene|request)|(?:explicit|harmful|sexual)\b)",
    ),
    ("guidelines policy policies", r"against my (?:content|usage|safety) (?:guidelines|polic)"),
    ("guidelines policy policies", r"violates? my (?:content|usage|safety) (?:guidelines|polic)"),
)
_ASSISTS = _phrases(
    ("assist", r"how (?:can|may) i assist you\b"),
    ("help", r"how (?:can|may) i help you (?:today|further)\b"),
    ("anything", r"anything else (?:that )?i can (?:help|assist)(?: you)? with\b"),
    (
        "questions assistance clarification clarifications",
        r"if you (?:have|need) any (?:other|more|further|additional) (?:questions|assistance|clarif)",
    ),
    ("assist help", r"i'm here to (?:assist|help) you with (?:any|your)\b"),
    ("assist", r"happy to assist you\b"),
    ("confusion", r"i apologi[sz]e for any confusion\b"),
    (
        "sure certainly course absolutely",
        r"^\W*(?:sure|certainly|of course|absolutely)[!,.] here(?:'s| is| are) (?:the|a|your|my) "
        r"(?:next|contin|response|reply|conversation|dialogue|message|json|revised|updated|possible|sample)"
        rf"(?![^:]*(?:{QUOTES.pattern}|\bfrom\b))",
    ),
    (
        "continue adjust revise change modify",
        r"let me know if you(?:'d| would) like me to (?:continue|adjust|revise|change|modif)",
    ),
)
_MODEL_WORDS = frozenset(
    word for phrases in (_BREAKS, _REFUSES, _ASSISTS) for needed, _ in phrases for word in needed
)
_NO_WORDS: frozenset[bytes] = frozenset()


def model_words(words: Collection[bytes]) -> frozenset[bytes]:
    """Return those of ``words`` (as ``tokens`` gives them) without which the next three checks say no."""
    # Nearly always there are none, which is found out faster than which there are.
    return _NO_WORDS if _MODEL_WORDS.isdisjoint(words) else _MODEL_WORDS.intersection(words)


def breaks_character(text: str, there: frozenset[bytes] | None = None) -> bool:
    """Whether the writer says that they are a model, or mentions the role-play.

    Args:
        text: One or more messages.
        there: ``model_words`` of the text, if they are known.
    """
    return _says(text, there, _BREAKS)


def is_refusal(text: str, there: frozenset[bytes] | None = None) -> bool:
    """Whether ``text`` is a refusal by a model."""
    return _says(text, there, _REFUSES)


def is_assistant_speak(text: str, there: frozenset[bytes] | None = None) -> bool:
    """Whether ``text`` is assistant-speak: offers of service, a refusal, "as an AI"."""
    return _says(text, there, _ASSISTS, _REFUSES, _BREAKS)


def _says(text: str, there: frozenset[bytes] | None, *kinds: Phrases) -> bool:
    if there is None:
        there = model_words(tokenize(text))
    patterns = [pattern for phrases in kinds for needed, pattern in phrases if not needed.isdisjoint(there)]
    if not patterns:
        return False
    lines = text.encode("utf-8", "replace").lower().replace(b"\xe2\x80\x99", b"'").split(b"\n")
    odd = [line.decode() for line in {line for word in there for line in lines if word in line}]
    return any(pattern.search(line) for line in odd for pattern in patterns)
