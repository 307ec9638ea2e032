"""The tokens that a server counted, under the names that servers give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soc_gen.llm.types import Usage

_MOST_TOKENS = 2**31  # of one exchange; what is beyond it is no count
_PROMPT = ("prompt_tokens", "input_tokens")
_COMPLETION = ("completion_tokens", "output_tokens")
_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")


def parse_usage(usage: object) -> Usage:
    """Return the counts in the ``usage`` of a reply; zeros where there are none, or where one is impossible.

    Names are those of OpenAI, Anthropic (``input_tokens``), DeepSeek (``prompt_cache_hit_tokens``) and
    Moonshot (``cached_tokens`` beside the others). A missing completion is the total less the prompt.
    """
    if not isinstance(usage, dict):
        return Usage()
    prompt, completion = _first(usage, _PROMPT), _first(usage, _COMPLETION)
    total = _first(usage, ("total_tokens",))
    if None in (prompt, completion, total):
        return Usage()
    prompt, completion, total = prompt or 0, completion or 0, total or 0
    completion = completion or max(0, total - prompt) * bool(prompt)
    # More than the whole prompt would make the rest of it a negative price.
    return Usage(prompt=prompt, cached=min(prompt, _cached(usage)), completion=completion)


def _cached(usage: Mapping[str, Any]) -> int:
    groups = [usage, *(usage.get(name) for name in _DETAILS)]
    counts = (_first(group, _CACHED) for group in groups if isinstance(group, dict))
    return next(filter(None, counts), 0)


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """Return the count under the first of ``names`` that is there, 0 where none is, None for nonsense."""
    values = [usage[name] for name in names if usage.get(name) is not None]
    return count(values[0]) if values else 0


def count(value: object) -> int | None:
    """Return ``value`` as a number of tokens, or None where it is none."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
    return int(value) if fits and isinstance(value, int) else None
