"""When a server wants to be asked again, in the forms that servers say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_UNIX_TIME = 1e9  # seconds; no server asks to wait for thirty years
_UNIX_MILLISECONDS = 1e12
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_RESETS = ("x-ratelimit-reset", "ratelimit-reset", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


def parse_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a server asks to wait, or None where it does not say.

    Read are ``retry-after-ms``, and ``Retry-After`` as a number of seconds, with a unit (``1m30s``), as a
    date or as Unix time; where there is neither, the reset of a limit of which nothing is left
    (``X-RateLimit-Remaining: 0`` with ``X-RateLimit-Reset``, also OpenAI's ``-requests`` and ``-tokens``).

    Args:
        headers: Of the answer, names in any case.
        now: The time by our clock; the server's ``Date`` is used where there is one.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    milliseconds = _number(lower.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    # By the server's clock, where it tells it: ours may be an hour off.
    clock = _moment(lower.get("date", "")) or now or datetime.now(UTC)
    if "retry-after" in lower:
        return _seconds(lower["retry-after"], clock)
    return max((_reset(name, lower, clock) for name in _RESETS), default=0.0) or None


def _reset(name: str, headers: Mapping[str, str], clock: datetime) -> float:
    left = _number(headers.get(name.replace("reset", "remaining")))
    value = headers.get(name)
    return (_seconds(value, clock) or 0.0) if left == 0 and value is not None else 0.0


def _seconds(value: str, clock: datetime) -> float | None:
    number = _number(value)
    if number is not None:
        return _until(number, clock)
    parts = _PART.findall(value.strip().lower())
    if parts and "".join(amount + unit for amount, unit in parts) == value.strip().lower():
        return sum(float(amount) * _UNITS[unit] for amount, unit in parts)
    when = _moment(value)
    return max(0.0, (when - clock).total_seconds()) if when else None


def _until(number: float, clock: datetime) -> float:
    """Return ``number`` as seconds to wait; a very large one is a point in time."""
    if number < _UNIX_TIME:
        return number
    moment = number / 1000 if number >= _UNIX_MILLISECONDS else number
    return max(0.0, moment - clock.timestamp())


def _moment(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the second for a zone of many digits
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None
