"""The names that a label may use for a person, normalized for comparison."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from soc_gen.text.normalize import fold
from soc_gen.text.word_names import WORD_NAMES

_TITLE_LIST = """
    captain capt dr doctor miss mister mr mrs ms mx officer prof professor sir madam dame lady lord the
    rev reverend sergeant sgt lieutenant lt don dona senor senora srta herr frau monsieur mme mlle madame
    signor signora dott
"""
_TITLES = frozenset(_TITLE_LIST.split())
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "dds", "rn", "cpa", "mba"})
_HONORIFICS = ("씨", "님", "군", "양", "さん", "くん", "ちゃん", "君", "様", "先生", "小姐", "女士", "老师")
_FAMILIAR = ("小", "阿", "老")
# Never a label, even if somebody has it as username: "no: i said 8".
_EVERYDAY_LIST = """
    a also and anyway aw because both btw but bye dear edit everyone fact fine first fyi great he hello
    help hey hi how i idea idk if info it just last later like lmao lol look love maybe me my name next
    nice no nope note now ok okay omg one or plan please pro con ps question re really reason right rule
    said same second she so sorry still sure thanks that the then there they this time tip tldr today
    tomorrow truth two update us wait we well what when where which who why with yeah yep yes you your
"""
_EVERYDAY = frozenset(_EVERYDAY_LIST.split())
_NICKNAME = re.compile(r"[\"“'‘(]([^\"“”'‘’()]{2,30})[\"”'’)]")
APOSTROPHES = "'’‘ʼʻ`´′"
"""Characters of names that labels leave out or write otherwise."""
_APOSTROPHES = re.compile(f"[{APOSTROPHES}]")
_INITIALS = re.compile(r"(?<=\b\w)\.(?=\w)")
_DISCRIMINATOR = re.compile(r"#\d{1,5}[\W_]*$")
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
_CHINESE = re.compile("[\u3400-\u9fff]+")
_EMOJI_PARTS = range(0xFE00, 0xFE10)


class LabelNames(NamedTuple):
    """Names that labels may use for one person, as ``name_key`` returns them."""

    sure: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    """Names that are also words: labels only in chats that use labels."""

    def has(self, key: str) -> bool:
        """Whether the person has this name."""
        return key in self.sure or key in self.words


@lru_cache(maxsize=4096)
def label_names(names: frozenset[str]) -> LabelNames:
    """Return every form of ``names``: full names in either order, first names, surnames, given names."""
    forms = {form for name in names for form in _forms(name)}
    keys = {key for form in forms if (key := "".join(form)) not in _EVERYDAY}
    words = {
        key for key in keys if key in WORD_NAMES or (len(key) == 1 and (key.isascii() or key not in names))
    }
    words |= {
        "".join(glued) for name in names if len(name.split()) == 1 and _are_words(glued := _words(name))
    }
    return LabelNames(frozenset(keys - words), frozenset(words & keys))


def _are_words(words: list[str]) -> bool:
    """Whether a username consists of words, as ``plan_b`` does."""
    return any(word in WORD_NAMES for word in words) and all(
        word in WORD_NAMES or len(word) == 1 for word in words
    )


@lru_cache(maxsize=4096)
def name_pieces(names: frozenset[str]) -> tuple[str, ...]:
    """Return strings of which a text contains one if it contains any name of ``names``.

    The text must be from ``fold_names``. Far cheaper than ``label_names``, and nearly always sufficient.
    """
    words = {word for name in names for word in _words(name)}
    pieces = {piece for word in words for piece in (word if _EAST_ASIAN.fullmatch(word) else (word,))}
    kept = [piece for piece in pieces if (len(piece) > 1 or not piece.isascii()) and piece not in _TITLES]
    spaced = [fold_names(name) for name in names if max(map(len, _words(name)), default=0) == 1]
    return (*(kept or pieces), *spaced)


def fold_names(text: str) -> str:
    """Return ``text`` in the form in which ``name_pieces`` are looked for."""
    return _APOSTROPHES.sub("", fold(text))


def name_key(name: str) -> str:
    """Return ``name`` normalized for comparison: letters and digits of its words, without titles."""
    return "".join(_bare(_words(name)))


def is_name(text: str) -> bool:
    """Whether ``text`` may be what somebody unknown is called: one or two words that are names alone."""
    words = _bare(_words(text))
    everyday = WORD_NAMES | _EVERYDAY
    return 0 < len(words) < 3 and not any(one in everyday or one.endswith("ly") for one in words)


def is_titled(name: str) -> bool:
    """Whether ``name`` begins with a title."""
    words = _words(name)
    return len(words) > 1 and words[0] in _TITLES


def _words(name: str) -> list[str]:
    plain = _INITIALS.sub("", _APOSTROPHES.sub("", fold(_DISCRIMINATOR.sub("", name))))
    return "".join([letter if _is_letter(letter) else " " for letter in plain]).split()


def _is_letter(character: str) -> bool:
    if character.isalnum():
        return True
    return unicodedata.category(character) in ("Mn", "Mc") and ord(character) not in _EMOJI_PARTS


def _bare(words: list[str]) -> list[str]:
    """Return the ``words`` of a name without titles and suffixes."""
    while len(words) > 1 and words[0] in _TITLES:
        words = words[1:]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words = words[:-1]
    return words


def _forms(name: str) -> Iterator[tuple[str, ...]]:
    plain = _NICKNAME.sub(" ", name)
    plain = plain if plain.strip() else name
    yield from _orders(plain)
    for nickname in _NICKNAME.findall(name):
        yield from _orders(f"{nickname} {plain.split()[-1]}")
    spelled = plain.casefold()
    for letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ø", "oe")):
        spelled = unicodedata.normalize("NFC", spelled).replace(*letters)
    yield from _orders(spelled)


def _orders(name: str) -> Iterator[tuple[str, ...]]:
    """Yield the name's beginnings and ends, and its first and last word in either order."""
    parts = [part for word in name.split() if (part := tuple(_words(word)))]
    whole = [parts[place] for place in _places(["".join(part) for part in parts])]
    if not whole:
        return
    for cut in range(1, len(whole) + 1):
        for piece in (whole[:cut], whole[-cut:]):
            form = tuple(word for part in piece for word in part)
            if (
                len("".join(form)) > 1 or not form[0].isascii() or len(whole) == 1
            ):  # "Maya O." is not called "O"
                yield from _east_asian(form)
    if len(whole) > 1:
        yield whole[0] + whole[-1]
        yield whole[-1] + whole[0]
        yield (*whole[0], whole[-1][0][0])


def _places(words: list[str]) -> range:
    """Return the range of the name itself in ``words``, without titles and suffixes."""
    first, last = 0, len(words)
    while last - first > 1 and words[first] in _TITLES:
        first += 1
    while last - first > 1 and words[last - 1] in _SUFFIXES:
        last -= 1
    return range(first, last)


def _east_asian(form: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield ``form``; of a Chinese, Japanese or Korean name also the given name, and its polite forms."""
    key = "".join(form)
    yield form
    if not _EAST_ASIAN.fullmatch(key):
        return
    given = {2: [1], 3: [1, 2], 4: [2, 1]}.get(len(key), [])
    bases = [key, *(key[cut:] for cut in given), *([key[:2]] if len(key) == 4 else [])]
    for base in bases:
        yield (base,)
        yield from ((base + honorific,) for honorific in _HONORIFICS)
    if _CHINESE.fullmatch(key):
        yield from ((familiar + called,) for familiar in _FAMILIAR for called in (key[0], key[-1]))
