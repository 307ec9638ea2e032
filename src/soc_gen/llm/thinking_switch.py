"""Whether a request tells the model not to think, in the words of whichever server it is for."""

from __future__ import annotations

from collections.abc import Mapping

_SWITCHES = frozenset(
    {
        *("enable_thinking", "thinking", "think", "thinking_budget"),
        *("enable_reasoning", "reasoning", "reasoning_effort", "reasoning_budget"),
    }
)
_INNER = frozenset({"type", "enabled", "effort", "max_tokens", "budget_tokens"})
"""Names that do it within an object that is called like a switch: ``{"thinking": {"type": "disabled"}}``."""
_OFF = (False, 0, "none", "off", "disabled", "no")


def is_thinking_off(extra_body: Mapping[str, object]) -> bool:
    """Whether ``extra_body`` has a switch of thinking, however deep, and it is off."""
    return _is_off(extra_body, _SWITCHES)


def _is_off(settings: Mapping[str, object], names: frozenset[str]) -> bool:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            if _is_off(value, names | _INNER if name in _SWITCHES else names):
                return True
        elif name in names and (value.lower() if isinstance(value, str) else value) in _OFF:
            return True
    return False
