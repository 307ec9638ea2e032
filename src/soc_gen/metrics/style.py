"""What a chatting style says that a rule can check, and whether a message keeps to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from soc_gen.metrics.talk import SHARES, words_of
from soc_gen.text.language import count_letters, language_of

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|\([^)]*\)")
_SENTENCE = re.compile(r"[.!?;]+(?:\s|$)|\n")
_ITEM = re.compile(r",(?!\s*(?:except|unless|save|but (?:only|when|not|for))\b)|\band (?=no\b|never\b)")
# What is so now and then, or in one case, is no rule for each message.
_SOMETIMES = re.compile(
    r"\b(?:when|if|unless|until|except|save|but|while|for|only at|sometimes|at times|now and then|suddenly"
    r"|almost|few|rarely|mostly|half|often|usually|minimal|sparing\w*|on purpose|after|before|once|some)\b"
)
_LEADS_IN = re.compile(r"^\s*(?:when|if|unless|until|once|after|before|sometimes|at times|some days)\b")
_NO = (
    r"(?:no|never (?:an?|any|uses?|types?|ends? (?:\w+ ){0,3}(?:with|in|on))|without(?: any)?"
    r"|does(?: not|n['’]t) use|avoids?|zero|skips(?: all)?)(?: an?)?"
)
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_LANGUAGES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi",
    "hungarian": "hu", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "polish": "pl",
    "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swedish": "sv", "thai": "th",
    "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
_ANY_LANGUAGE = "|".join(_LANGUAGES)
_LANGUAGE = re.compile(
    r"\b(?:(?:writes|texts|types|chats|answers|replies|speaks|everything|all|always|only)"
    rf"(?: only| always| all)?(?: is)? in|only|nothing but) ({_ANY_LANGUAGE})\b"
    rf"|\b({_ANY_LANGUAGE}) (?:only|throughout)\b"
)
_MOST_WORDS = re.compile(rf"\b(?:never|not|no) more than (\d{{1,3}}|{'|'.join(_NUMBERS)}) words\b")
_SURE_LETTERS = 25  # from which a language can be told


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a style says."""

    name: str
    keeps: Callable[[str], bool | None]
    """Whether a message keeps to it; None where that cannot be told."""


def _has_no(figure: str) -> Callable[[str], bool]:
    return lambda text: not SHARES[figure](text, words_of(text))


def _ends_without_stop(text: str) -> bool:
    """Dots that trail off are no full stop."""
    return not text.endswith(".") or text.endswith("..")


# What the style says, and the rule. The first of each name counts.
_RULES: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(pattern), Rule(name, keeps))
    for name, pattern, keeps in (
        (
            "all lowercase",
            rf"\blower-?\s?case\b(?! i\b)|\b{_NO} (?:caps|capitals?|upper-?case)\b|\bsmall letters only\b",
            lambda text: text == text.lower(),
        ),
        (
            "all capitals",
            r"\b(?:all|only|everything in) (?:caps|capitals|capital letters|upper-?case)\b|\bcaps lock\b",
            lambda text: text == text.upper(),
        ),
        ("no full stops", rf"\b{_NO} (?:full stops?|periods?|punctuation)\b", _ends_without_stop),
        (
            "no exclamation marks",
            rf"\b{_NO} (?:exclamation marks?|exclamations?|punctuation)\b",
            _has_no("exclamations"),
        ),
        ("no question marks", rf"\b{_NO} (?:question marks?|punctuation)\b", _has_no("questions")),
        ("no commas", rf"\b{_NO} (?:commas?|punctuation)\b", lambda text: "," not in text),
        ("no emoji", rf"\b{_NO} (?:emojis?|emoticons)\b", _has_no("emoji")),
        ("emoji", rf"^(?!.*\b{_NO} emoji).*\bemojis?\b", lambda text: not _has_no("emoji")(text)),
        (
            "one word at a time",
            r"\bone word (?:at a time|per (?:message|bubble|text))\b"
            r"|\b(?:one|single)-word (?:answers|replies|messages|texts)\b(?! by\b)",
            lambda text: len(words_of(text)) == 1,
        ),
    )
)


@lru_cache(4096)
def rules_of(style: str) -> tuple[Rule, ...]:
    """Return the rules that ``style``, a persona's chatting style, gives for every message."""
    found: dict[str, Rule] = {}
    for item in _items(style):
        for pattern, rule in _RULES:
            if pattern.search(item):
                found.setdefault(rule.name, rule)
        for rule in _with_value(item):
            found.setdefault(rule.name, rule)
    return tuple(found.values())


def _items(style: str) -> list[str]:
    """Return what is said of every message: the parts of an enumeration, without quotes and conditions."""
    sentences = _SENTENCE.split(_QUOTED.sub(" ", style.lower()))
    return [
        item
        for sentence in sentences
        if not _LEADS_IN.search(sentence)
        for item in _ITEM.split(sentence)
        if not _SOMETIMES.search(item)
    ]


def _with_value(item: str) -> list[Rule]:
    rules = []
    if match := _MOST_WORDS.search(item):
        most = _number(match[1])
        rules.append(Rule(f"at most {most} words", lambda text: len(words_of(text)) <= most))
    if match := _LANGUAGE.search(item):
        name = match[1] or match[2]
        rules.append(Rule(f"in {name.capitalize()}", lambda text: _is_in(text, _LANGUAGES[name])))
    return rules


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _NUMBERS.index(text) + 1


def _is_in(text: str, language: str) -> bool | None:
    """Tell the language of a message that is long enough; None where nothing can."""
    found = language_of(text) if count_letters(text) >= _SURE_LETTERS else None
    return None if found is None else found == language
