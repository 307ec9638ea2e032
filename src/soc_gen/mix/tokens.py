"""How many tokens a conversation has: counted by a tokenizer, or estimated from its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from soc_gen.errors import MissingExtraError, UsageError

Count = Callable[[str, Sequence[bytes]], int]
WORDS = "words"
_PER_WORD = 1.3
"""Tokens of an English word, about, for today's vocabularies."""


def token_counter(name: str) -> Count:
    """Return what counts tokens, given a text and its words.

    Args:
        name: A tokenizer.json, a Hub id, or ``words``.

    Raises:
        UsageError: There is no such tokenizer, or ``tokenizers`` is not installed.
    """
    if name == WORDS:
        return lambda _, words: round(len(words) * _PER_WORD)
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("tokenizers", "tokens") from None
    try:
        local = Path(name).is_file()
        tokenizer = Tokenizer.from_file(name) if local else Tokenizer.from_pretrained(name)
    except Exception as error:  # noqa: BLE001 - tokenizers raises nothing closer
        what = f"no usable tokenizer: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        hint = "Give a tokenizer.json, a Hub id, or words"
        raise UsageError(what, where=name, hint=hint) from None
    return lambda text, _: len(tokenizer.encode(text, add_special_tokens=False))
