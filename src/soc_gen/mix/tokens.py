"""How many tokens a conversation has: counted by a tokenizer, or estimated from its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from soc_gen.errors import HubError, MissingExtraError, UsageError
from soc_gen.io.datasets import quiet_hub_clients
from soc_gen.io.hub import fault_reason, hub_faults

Count = Callable[[str, Sequence[bytes]], int]
WORDS = "words"
_PER_WORD = 1.3
"""Tokens of an English word, about, for today's vocabularies."""
_HINT = "Give a tokenizer.json, a Hub id, or words"


def token_counter(name: str) -> Count:
    """Return what counts tokens, given a text and its words.

    Args:
        name: A tokenizer.json, a Hub id, or ``words``.

    Raises:
        UsageError: It is no tokenizer, or ``tokenizers`` is not installed.
        HubError: It cannot be fetched.
    """
    if name == WORDS:
        return lambda _, words: round(len(words) * _PER_WORD)
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("tokenizers", "tokens") from None
    tokenizer = Tokenizer.from_buffer(_definition(name))
    return lambda text, _: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _definition(name: str) -> bytes:
    """Return the content of a tokenizer.json."""
    if not Path(name).exists() and not name.endswith(".json") and name.count("/") == 1:
        path = _fetch(name)
    else:
        path = Path(name)
    try:
        data = path.read_bytes()
        known = orjson.loads(data)
    except OSError as error:
        raise UsageError(f"no such tokenizer ({error.strerror})", where=name, hint=_HINT) from None
    except orjson.JSONDecodeError:
        known = None
    # The library itself raises nothing closer than Exception.
    if not isinstance(known, dict) or not isinstance(known.get("model"), dict):
        raise UsageError("is no tokenizer.json: it has no model", where=name, hint=_HINT)
    return data


def _fetch(name: str) -> Path:
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - heavy, and only for the Hub

    quiet_hub_clients()
    try:
        return Path(hf_hub_download(name, "tokenizer.json"))
    except hub_faults() as error:
        raise HubError(
            f"its tokenizer cannot be fetched: {fault_reason(error)}", where=name, hint=_HINT
        ) from None
