"""What makes a message bad, told from its text alone; asked at the turn and again when cleaning.

A wrong yes throws away something that was paid for, so each check would rather miss than accuse.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from soc_gen.labels import has_label
from soc_gen.tags import Tag, parse

LEAK_WORDS = 8
"""Words in a row shared with the prompt that nobody says by chance."""

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_AI = r"(?:an? )?(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|chatbot|virtual assistant)"
_KIND = r"(?: (?:language )?model| assistant| chatbot| system| program)?"
_CANNOT = r"(?:can't|cannot|can not|won't|am unable to|'m unable to|'m not able to|am not able to)"

Phrases = tuple[tuple[str, re.Pattern[str]], ...]


def _phrases(*rows: tuple[str, str]) -> Phrases:
    """Compile patterns over lower-case text, each with a word that spares most texts the search."""
    return tuple((word, re.compile(pattern, re.MULTILINE)) for word, pattern in rows)


_BREAKS = _phrases(
    ("as a", rf"\bas {_AI}{_KIND}(?=\s*[,;:]|\s+(?:i|my)\b)"),
    ("i", rf"\bi(?:'m| am) (?:just |only |actually )*{_AI}{_KIND}(?=\s*(?:[.,;]|$)|,? (?:and|so|but) i\b)"),
    ("model", rf"\bi(?:'m| am) {_AI}{_KIND},? (?:trained|developed|created|made|designed|built) (?:by|to)\b"),
    ("system prompt", r"\bmy system prompt\b"),
    ("training data", r"\bmy training data\b"),
    ("knowledge cutoff", r"\bmy knowledge cutoff\b"),
    ("my programming", r"\bmy programming (?:does|doesn't|prevents)\b"),
    ("character", r"\b(?:stay(?:ing)? in|break(?:ing)?) character (?:as|and respond)\b"),
    ("in this", r"\bin this (?:role-?play|simulated (?:chat|conversation)|persona)\b"),
    ("character", r"\bi(?:'ll| will) (?:respond|reply|continue) as (?:persona|the character|the other)\b"),
)
_REFUSES = _phrases(
    (
        "sorry",
        rf"\bsorry,? (?:but )?i ?{_CANNOT} (?:assist|comply|fulfil|continue with this|provide|engage in)",
    ),
    (
        "with",
        rf"\bi ?{_CANNOT} (?:assist|comply|help)(?: you)? with (?:that|this|your|such) ?(?:request|\.|$)",
    ),
    ("request", rf"\bi ?{_CANNOT} (?:fulfill?|complete|comply with) (?:this|that|your|such) request"),
    ("gener", rf"\bi ?{_CANNOT} (?:create|generate|produce) (?:that|this|such|explicit|harmful)"),
    ("guidelines", r"\b(?:violates?|against) (?:my|the|our) (?:content|usage|safety) guidelines"),
    ("polic", r"\b(?:violates?|against) (?:my|the|our) (?:content|usage|safety) (?:policy|policies)"),
)
_ASSISTS = _phrases(
    ("i assist you", r"\bhow (?:can|may) i assist you\b"),
    ("i help you", r"\bhow (?:can|may) i help you (?:today|further)\b"),
    ("anything else", r"\banything else (?:that )?i can (?:help|assist)(?: you)? with\b"),
    (
        "if you",
        r"\bif you (?:have|need) any (?:other|more|further|additional) (?:questions|assistance|clarif)",
    ),
    ("i'm here to", r"\bi'm here to (?:assist|help) you with (?:any|your)\b"),
    ("assist you", r"\bhappy to assist you\b"),
    ("for any confusion", r"\bi apologi[sz]e for any confusion\b"),
    (
        "here",
        r"^\W*(?:sure|certainly|of course|absolutely)[!,.] here(?:'s| is| are) (?:the|a|your|my) "
        r"(?:next|contin|response|reply|conversation|dialogue|message|json|revised|updated|possible|sample)",
    ),
    (
        "let me know if",
        r"\blet me know if you(?:'d| would) like (?:me to|any) (?:continue|adjust|revise|change|modif)",
    ),
)
_BYE_ALONE = re.compile(
    r"\W*(?:(?:ok(?:ay)?|alright|well|k|anyway|cool|right|and|love you|ly)\W+)*"
    r"(?:laters?|l8r|night+|nite|gn|g'?night|peace|cheers|xx+|over and out)\W*(?:\w+\W*)?"
)
_DAY = r"later|soon|tomorrow|then|around|there|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_BYE = re.compile(
    "|".join(
        (
            r"\b(?:bye+(?:[- ]?bye+)?|good ?bye+|ciao|cya|ttyl|ttys|peace out|until next time)\b",
            r"\b(?:adios|adiós|tschüss|tschuess|au revoir|hasta luego|tchau|à (?:bientôt|plus|demain))",
            r"\bbis (?:später|dann|morgen)\b",
            rf"\btalk (?:to (?:you|u|ya) )?(?:{_DAY})\b",
            rf"\b(?:see|c|catch) (?:you|ya|u) (?:{_DAY}|at|on|in|next)\b",
            r"\bsee (?:you|ya|u)(?=\W*$)",
            r"\btake care(?! of)\b",
            r"\b(?:good ?night|sleep (?:well|tight)|sweet dreams|safe (?:travels|trip|flight|drive))\b",
            r"\bhave (?:a )?(?:good|great|nice|lovely|safe|fun) (?:night|day|one|evening|weekend|trip|flight)\b",
            r"\b(?:gotta|got to|have to|need to|should|better) (?:go|run|dash|jet|head out)(?: now)?(?=\W*$|[,.!])",
            r"\b(?:off|going|heading) to (?:bed|sleep)(?: now)?\b",
        )
    )
)
_TOLD = re.compile(r"\b(?:say|said|saying|says|the|a|our|my|his|her|their|kiss|kissed|wave|waved)\W*$")


def breaks_character(text: str) -> bool:
    """Does the writer say that they are a model, or speak of the role-play?"""
    return _says(_BREAKS, _plain(text))


def refusal(text: str) -> bool:
    """Is ``text`` a model declining to go on?"""
    return _says(_REFUSES, _plain(text))


def assistant_speak(text: str) -> bool:
    """Does ``text`` talk like an assistant: offers of service, a refusal, "as an AI"?"""
    plain = _plain(text)
    return any(_says(phrases, plain) for phrases in (_ASSISTS, _REFUSES, _BREAKS))


def near_repeat(message: str, earlier: Iterable[str]) -> bool:
    """Does ``message`` say again what one of ``earlier`` said, in nearly the same words?

    Messages of fewer than four words ("ok", "lol same") repeat in every talk and never count. Two
    messages are alike when they share 85 % of their words and 75 % of their neighbouring pairs, so
    that "at 8 then" and "at 9 then" are different answers.
    """
    said = words(message)
    if len(said) < 4:
        return False
    pairs = Counter(itertools.pairwise(said))
    single = Counter(said)
    return any(_alike(single, pairs, words(other)) for other in earlier)


def farewell(text: str) -> bool:
    """Is ``text`` a goodbye? A question, or a goodbye that is told about, is not."""
    plain = _plain(" ".join(map(_text_of, parse(text)))).strip()
    if not plain or plain.endswith("?") or len(plain) > 300:
        return False
    if _BYE_ALONE.fullmatch(plain):
        return True
    found = [match for match in _BYE.finditer(plain) if not _TOLD.search(plain[: match.start()])]
    if not found:
        return False
    before, after = _WORD.findall(plain[: found[0].start()]), _WORD.findall(plain[found[-1].end() :])
    return len(before) <= 3 or len(after) <= 4


def speaks_for(text: str, other_names: Collection[str]) -> bool:
    """Does a line of ``text`` begin with the other person's label (names from ``labels.names_of``)?"""
    return any(has_label(line, other_names) for line in text.splitlines())


def own_label(text: str, own_names: Collection[str]) -> bool:
    """Does ``text`` begin with its writer's own label (names from ``labels.names_of``)?"""
    return has_label(text, own_names)


def prompt_grams(texts: Iterable[str]) -> frozenset[tuple[str, ...]]:
    """Return every run of ``LEAK_WORDS`` words of the prompt's ``texts``."""
    return frozenset(gram for text in texts for gram in _grams(text))


def leaks_prompt(text: str, grams: frozenset[tuple[str, ...]]) -> bool:
    """Does ``text`` recite the prompt whose ``prompt_grams`` are given?"""
    return bool(grams) and any(gram in grams for gram in _grams(text))


def words(message: str) -> list[str]:
    """Return the words of ``message`` in lower case, what its media show among them, without its tags."""
    if "<" in message:
        message = " ".join(_text_of(piece) for piece in parse(message))
    return _WORD.findall(_plain(message))


def _text_of(piece: str | Tag) -> str:
    return piece if isinstance(piece, str) else piece.text


def _grams(text: str) -> list[tuple[str, ...]]:
    said = _WORD.findall(_plain(text))
    return list(zip(*(said[start:] for start in range(LEAK_WORDS)), strict=False))


def _alike(single: Counter[str], pairs: Counter[tuple[str, str]], other: list[str]) -> bool:
    size = single.total()
    if len(other) < 4 or min(size, len(other)) < 0.7 * max(size, len(other)):
        return False
    if _dice(single, Counter(other)) < 0.85:
        return False
    return _dice(pairs, Counter(itertools.pairwise(other))) >= 0.75


def _dice(one: Counter[Any], two: Counter[Any]) -> float:
    return 2 * (one & two).total() / (one.total() + two.total())


def _says(phrases: Phrases, plain: str) -> bool:
    return any(word in plain and pattern.search(plain) for word, pattern in phrases)


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")
