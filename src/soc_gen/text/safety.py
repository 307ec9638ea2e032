"""No romance with anyone under 18: the test shared by planning, drafts and rollouts.

It searches for words and is broad on purpose: a false positive only costs one more reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from soc_gen.models import Persona

ADULT = 18
"""Lowest age in years of both people in anything romantic."""
_ROMANCE = re.compile(
    r"\b(?:dating|(?:a|first|second|third|blind|one|good|bad) dates?(?! (?:that|for|of|to|when|on which)\b)"
    r"|dates (?:in|together|with)|romances?|romantic(?:ally)?|flirt\w*|crush(?:es)? on|a crush|in love"
    r"|lovers?|couple(?! (?:of|more)\b)|exes|ex-(?:wife|husband|boyfriend|girlfriend|partner|lover)s?"
    r"|(?:an|the|his|her|their|my|your|old) ex(?!-)|girlfriends?|boyfriends?|fiancée?s?"
    r"|engaged(?! (?:in|with)\b)|making out|made out|seduc\w+|sex(?:y|ual|ually|ting|ted|ts)?|nudes?"
    r"|hook(?:ed|ing)? up|kiss(?:es|ed|ing)?|asks? \w+ out)\b",
    re.IGNORECASE,
)


def romance(text: str) -> str:
    """Return the first words of ``text`` about romance or sex, or ""."""
    match = _ROMANCE.search(text)
    return match[0] if match else ""


def find_romance_with_minor(personas: Iterable[Persona], texts: Iterable[str]) -> str:
    """Return the words about romance in ``texts``; "" if there are none or nobody is under 18."""
    if all(persona.age >= ADULT for persona in personas):
        return ""
    return next(filter(None, map(romance, texts)), "")
