"""What makes a message bad, told from its text alone; asked at the turn and again when cleaning.

A wrong yes throws away something that was paid for, so each check would rather miss than accuse.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from soc_gen.text.speaker_labels import has_label
from soc_gen.text.tags import Tag, parse
from soc_gen.text.tokens import WORD, runs, tokens

_NAME_SLOT = "{{name}}"
_OTHER_SLOT = re.compile(r"\{\{(?!name\}\})\w+\}\}")
LEAK_WORDS = 8
"""Words in a row shared with the prompt that nobody says by chance."""

_AI = r"(?:an? )?(?:ai|artificial intelligence|(?:large )?language model|chatbot)"
_KIND = r"(?: (?:language )?model| assistant| chatbot| system| program)?"
_CANNOT = r"(?:can't|cannot|can not|won't|am unable to|'m unable to|'m not able to|am not able to)"
QUOTES = re.compile(
    r"\b(?:he|she|they|we|his|her|their|our|us|him|them|sent|got|said|wrote|told|posted)\b", re.IGNORECASE
)
"""Words of somebody who passes on what was said; no model announces its reply with them."""
_SUCH = r"(?:this|that|these|those|your|such|any)"
_AI_WORDS = "ai model chatbot artificial"

Phrases = tuple[tuple[frozenset[bytes], re.Pattern[str]], ...]


def _phrases(*rows: tuple[str, str]) -> Phrases:
    """Compile patterns over lower-case lines, each after words of which one must be there to look at all."""
    return tuple((frozenset(tokens(needed)), re.compile(pattern)) for needed, pattern in rows)


# People work in AI, play roles in games, and serve customers by a policy: none of that may be accused.
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


_BYE_ALONE = re.compile(
    r"\W*(?:(?:ok(?:ay)?|alright|well|k|anyway|cool|right|and|love you|ly)\W+)*"
    r"(?:laters?|l8r|night+|nite|gn|g'?night|peace|cheers|xx+|over and out)\W*(?:\w+\W*)?"
)
_BYE_ALONE_HINTS = ("later", "l8r", "night", "nite", "gn", "peace", "cheers", "xx", "over and out")
_DAY = r"later|soon|tomorrow|then|around|there|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_BYE = tuple(
    (tuple(hints.split("|")), re.compile(pattern))
    for hints, pattern in (
        ("bye", r"\b(?:bye+(?:[- ]?bye+)?|good ?bye+)\b"),
        ("ciao|cya|adi|hasta|tchau|peace out", r"\b(?:ciao|cya|adios|adiós|hasta luego|tchau|peace out)\b"),
        ("ttyl|ttys|tsch|until next", r"\b(?:ttyl|ttys|tschüss|tschuess|until next time)\b"),
        ("au revoir|bis |à ", r"\b(?:au revoir|à (?:bientôt|plus|demain)|bis (?:später|dann|morgen))\b"),
        ("talk", rf"\btalk (?:to (?:you|u|ya) )?(?:{_DAY})\b"),
        ("c y|c u|catch", rf"\b(?:c|catch) (?:you|ya|u) (?:{_DAY}|at|on|in|next)\b"),
        ("see y|see u", rf"\bsee (?:you|ya|u)(?: (?:{_DAY}|at|on|in|next)\b|(?=\W*$))"),
        ("take care", r"\btake care(?! of)\b"),
        ("night", r"\bgood ?night\b"),
        (
            "sleep |sweet dreams|safe ",
            r"\b(?:sleep (?:well|tight)|sweet dreams|safe (?:travels|trip|flight|drive))\b",
        ),
        (
            "have a|have g",
            r"\bhave (?:a (?:good|great|nice|safe)|good|great) (?:night|day|one|evening|weekend|trip)\b",
        ),
        (
            "gotta |got to |have to |need to |better ",
            r"\b(?:gotta|got to|have to|need to|better) (?:go|run|dash|head out)(?: now)?(?=\W*$|[,.!])",
        ),
        ("to bed|to sleep", r"\b(?:off|going|heading) to (?:bed|sleep)(?: now)?\b"),
    )
)
"""Goodbyes, each with letters of which some must be there to look at all."""
_BYE_HINTS = (*_BYE_ALONE_HINTS, *(hint for hints, _ in _BYE for hint in hints))
_TOLD = re.compile(r"\b(?:say|said|saying|says|the|a|our|my|his|her|their|kiss|kissed|wave|waved)\W*$")


def model_words(words: Collection[bytes]) -> frozenset[bytes]:
    """Return those of ``words`` (as ``tokens`` gives them) without which the next three checks say no."""
    # Nearly always there are none, which is found out faster than which there are.
    return _NO_WORDS if _MODEL_WORDS.isdisjoint(words) else _MODEL_WORDS.intersection(words)


def breaks_character(text: str, there: frozenset[bytes] | None = None) -> bool:
    """Does the writer say that they are a model, or speak of the role-play?

    Args:
        text: One or more messages.
        there: Its ``model_words``, where they are known.
    """
    return _says(text, there, _BREAKS)


def refusal(text: str, there: frozenset[bytes] | None = None) -> bool:
    """Is ``text`` a model declining to go on?"""
    return _says(text, there, _REFUSES)


def assistant_speak(text: str, there: frozenset[bytes] | None = None) -> bool:
    """Does ``text`` talk like an assistant: offers of service, a refusal, "as an AI"?"""
    return _says(text, there, _ASSISTS, _REFUSES, _BREAKS)


def near_repeat(message: str, earlier: Iterable[str]) -> bool:
    """Does ``message`` say again what one of ``earlier`` said, in nearly the same words?

    Messages of fewer than four words ("ok", "lol same") repeat in every talk and never count. Two
    messages are alike when they share 85 % of their words and 75 % of their neighbouring pairs, so
    that "at 8 then" and "at 9 then" are different answers.
    """
    return repeats(words(message), map(words, earlier))


def repeats(said: Sequence[str], earlier: Iterable[Sequence[str]]) -> bool:
    """Like ``near_repeat``, for messages that are ``words`` already."""
    if len(said) < 4:
        return False
    known, least, most = set(said), 0.7 * len(said), len(said) / 0.7
    return any(
        least <= len(other) <= most and _may_be_alike(said, known, other) and _alike(said, other)
        for other in earlier
    )


def may_be_farewell(text: str) -> bool:
    """Whether ``farewell`` has to look closer at ``text``, or at a message of it."""
    return "<" in text or _any_in(_BYE_HINTS, text.lower())


def farewell(text: str) -> bool:
    """Is ``text`` a goodbye? A question, or a goodbye that is told about, is not."""
    if not may_be_farewell(text):
        return False
    plain = _plain(" ".join(map(_text_of, parse(text))) if "<" in text else text).strip()
    if not plain or plain.endswith("?") or len(plain) > 300:
        return False
    if _BYE_ALONE.fullmatch(plain):
        return True
    spans = []
    for hints, pattern in _BYE:
        if _any_in(hints, plain):
            spans += [m.span() for m in pattern.finditer(plain) if not _TOLD.search(plain[: m.start()])]
    if not spans:
        return False
    before = WORD.findall(plain[: min(start for start, _ in spans)])
    after = WORD.findall(plain[max(end for _, end in spans) :])
    return len(before) <= 3 or len(after) <= 4


def speaks_for(text: str, other_names: Collection[str]) -> bool:
    """Does a line of ``text`` begin with the other person's label (names from ``labels.names_of``)?

    After a line that ends in a colon, "who brings what:", labels are a list.
    """
    for line in text.splitlines():
        if has_label(line, other_names):
            return True
        if line.rstrip().endswith((":", "：")):
            return False
    return False


def own_label(text: str, own_names: Collection[str]) -> bool:
    """Does ``text`` begin with its writer's own label (names from ``labels.names_of``)?"""
    return has_label(text, own_names)


@dataclass(frozen=True, slots=True)
class PromptGrams:
    """What a recited prompt is found by."""

    runs: frozenset[bytes]
    """Every run of ``LEAK_WORDS`` words."""
    hints: dict[int, frozenset[bytes]]
    """Every run of so many words, fewer than ``LEAK_WORDS``."""
    orders: re.Pattern[str] | None = None
    """A line that says whose turn it is, whatever the name: too short for a run of words."""
    order_words: tuple[bytes, ...] = ()
    """One of these is in every such line."""


def prompt_grams(texts: Iterable[str]) -> PromptGrams:
    """Return what ``leaks_prompt`` looks for, from the prompt's ``texts``."""
    texts = list(texts)
    said = [found for text in texts if len(found := tokens(text)) >= LEAK_WORDS]
    grams = {
        size: frozenset(run for one in said for run in runs(one, size)) for size in range(1, LEAK_WORDS + 1)
    }
    lines = (line for text in texts for line in text.splitlines() if _NAME_SLOT in line)
    orders = [_OTHER_SLOT.sub("", line).strip().rstrip(".").split(_NAME_SLOT) for line in lines]
    shapes = "|".join(r"[^\n]{1,60}".join(map(re.escape, order)) for order in orders)
    return PromptGrams(
        grams.pop(LEAK_WORDS),
        grams,
        re.compile(rf"^(?:[^\w\n]|_)*+(?:{shapes})(?:[^\w\n]|_)*+$".replace("'", "['’]"), re.MULTILINE)
        if orders
        else None,
        tuple({"".join(order).split()[-1].encode() for order in orders}),
    )


def may_leak(shingles: list[bytes], size: int, grams: PromptGrams) -> bool:
    """Could a text with these runs of ``size`` words recite the prompt? No misses, few alarms.

    A recital of ``LEAK_WORDS`` words has so many runs in a row that looking at some of them is enough.
    """
    hints = grams.hints.get(size)
    return bool(grams.runs) and (hints is None or not hints.isdisjoint(shingles[:: LEAK_WORDS - size + 1]))


def leaks_prompt(text: str, grams: PromptGrams) -> bool:
    """Does ``text`` recite the prompt whose ``prompt_grams`` are given?

    That is ``LEAK_WORDS`` of its words in a row, or a line that says whose turn it is.
    """
    said = tokens(text)
    if len(said) >= LEAK_WORDS and not grams.runs.isdisjoint(runs(said, LEAK_WORDS)):
        return True
    return bool(grams.orders and grams.orders.search(text))


def words(message: str) -> list[str]:
    """Return the words of ``message`` in lower case, what its media show among them, without its tags."""
    if "<" in message:
        message = " ".join(_text_of(piece) for piece in parse(message))
    return WORD.findall(_plain(message))


def _text_of(piece: str | Tag) -> str:
    return piece if isinstance(piece, str) else piece.text


def _may_be_alike(said: Sequence[str], known: set[str], other: Sequence[str]) -> bool:
    """Look whether ``_alike`` can be true at all: cheap, and nearly always the end of it."""
    # A word of ours that they do not have is one less in common.
    common = len(said) - len(known) + len(known.intersection(other))
    return len(other) >= 4 and 2 * common >= 0.85 * (len(said) + len(other))


def _alike(said: Sequence[str], other: Sequence[str]) -> bool:
    if _dice(Counter(said), Counter(other)) < 0.85:
        return False
    return _dice(Counter(itertools.pairwise(said)), Counter(itertools.pairwise(other))) >= 0.75


def _dice(one: Counter[Any], two: Counter[Any]) -> float:
    return 2 * (one & two).total() / (one.total() + two.total())


def _says(text: str, there: frozenset[bytes] | None, *kinds: Phrases) -> bool:
    if there is None:
        there = model_words(tokens(text))
    patterns = [pattern for phrases in kinds for needed, pattern in phrases if not needed.isdisjoint(there)]
    if not patterns:
        return False
    lines = text.encode("utf-8", "replace").lower().replace(b"\xe2\x80\x99", b"'").split(b"\n")
    odd = [line.decode() for line in {line for word in there for line in lines if word in line}]
    return any(pattern.search(line) for line in odd for pattern in patterns)


def _any_in(pieces: tuple[str, ...], text: str) -> bool:
    for piece in pieces:  # noqa: SIM110 - any() takes three times as long, and this is asked all the time
        if piece in text:
            return True
    return False


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")
