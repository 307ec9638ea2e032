"""Detects the language of a text: by its script if that has only one language, otherwise by py3langid.

Also knows scripts without spaces between words, for which word counts have no meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

_SCRIPTS = {
    "ja": "\u3040-\u30ff\uff66-\uff9f",
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "th": "\u0e00-\u0e7f",
    "lo": "\u0e80-\u0eff",
    "my": "\u1000-\u109f\uaa60-\uaa7f",
    "km": "\u1780-\u17ff\u19e0-\u19ff",
    "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "bo": "\u0f00-\u0fff",
    "am": "\u1200-\u139f",
    "bn": "\u0980-\u09ff",
    "el": "\u0370-\u03ff\u1f00-\u1fff",
    "gu": "\u0a80-\u0aff",
    "he": "\u0590-\u05ff",
    "hy": "\u0530-\u058f",
    "ka": "\u10a0-\u10ff\u2d00-\u2d2f",
    "kn": "\u0c80-\u0cff",
    "ml": "\u0d00-\u0d7f",
    "or": "\u0b00-\u0b7f",
    "pa": "\u0a00-\u0a7f",
    "si": "\u0d80-\u0dff",
    "ta": "\u0b80-\u0bff",
    "te": "\u0c00-\u0c7f",
}
"""Languages with a script of their own, and its letters as part of a character class."""
_UNSPACED = ("ja", "zh", "th", "lo", "my", "km")
_LETTERS = {language: re.compile(f"[{letters}]") for language, letters in _SCRIPTS.items()}
_ANY_UNSPACED = re.compile(f"[{''.join(_SCRIPTS[language] for language in _UNSPACED)}]")
_SOME_KANA = 0.05  # share of the letters from which Chinese characters are Japanese
_MOST = 0.5
_ENOUGH = 400  # letters needed to distinguish similar languages
_LEAST_SHARE = 0.1  # of a language that is named


def count_unspaced(text: str) -> int:
    """Return the number of letters in ``text`` of scripts without spaces between words."""
    return 0 if text.isascii() else len(_ANY_UNSPACED.findall(text))


def count_letters(text: str) -> int:
    """Return the number of letters in ``text``."""
    return sum(map(str.isalpha, text))


def language_of(text: str) -> str | None:
    """Return the ISO 639-1 code of the language of ``text``.

    None if it has no letters, or if py3langid (the extra ``language``) is needed and not installed.
    """
    letters = count_letters(text)
    if not letters:
        return None
    if not text.isascii():
        counts = {language: len(pattern.findall(text)) for language, pattern in _LETTERS.items()}
        if counts["ja"] > _SOME_KANA * letters and counts["ja"] + counts["zh"] > _MOST * letters:
            return "ja"
        language = max(counts, key=counts.__getitem__)
        if counts[language] > _MOST * letters:
            return language
    try:
        from py3langid import classify  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    return str(classify(text)[0])


def languages_of(texts: Iterable[str]) -> list[str]:
    """Return the languages of all ``texts``, most frequent first, without rare ones."""
    counts = Counter(language for chunk in _chunks(texts) if (language := language_of(chunk)))
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [language for language, count in ranked if count >= _LEAST_SHARE * counts.total()]


def _chunks(texts: Iterable[str]) -> Iterator[str]:
    """Yield successive texts joined to chunks that are long enough to detect the language."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= _ENOUGH:
            yield "\n".join(chunk)
            chunk, size = [], 0
    if chunk:
        yield "\n".join(chunk)
