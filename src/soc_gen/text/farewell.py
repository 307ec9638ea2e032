"""Detects goodbyes by the text of a message."""

from __future__ import annotations

import re

from soc_gen.text.normalize import contains_any, fold_case
from soc_gen.text.tags import parse, text_of
from soc_gen.text.tokens import WORD

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
"""Patterns of goodbyes, each with strings of which one must occur for the pattern to be searched."""


_BYE_HINTS = (*_BYE_ALONE_HINTS, *(hint for hints, _ in _BYE for hint in hints))


_TOLD = re.compile(r"\b(?:say|said|saying|says|the|a|our|my|his|her|their|kiss|kissed|wave|waved)\W*$")


def may_be_farewell(text: str) -> bool:
    """Whether ``is_farewell`` may be true of ``text`` or of one message in it; fast."""
    return "<" in text or contains_any(_BYE_HINTS, text.lower())


def is_farewell(text: str) -> bool:
    """Whether ``text`` is a goodbye. A question, or a report of a goodbye, is not."""
    if not may_be_farewell(text):
        return False
    plain = fold_case(" ".join(map(text_of, parse(text))) if "<" in text else text).strip()
    if not plain or plain.endswith("?") or len(plain) > 300:
        return False
    if _BYE_ALONE.fullmatch(plain):
        return True
    spans = []
    for hints, pattern in _BYE:
        if contains_any(hints, plain):
            spans += [m.span() for m in pattern.finditer(plain) if not _TOLD.search(plain[: m.start()])]
    if not spans:
        return False
    before = WORD.findall(plain[: min(start for start, _ in spans)])
    after = WORD.findall(plain[max(end for _, end in spans) :])
    return len(before) <= 3 or len(after) <= 4
