"""What makes a turn worth asking for again, while it is cheap. Each check has a name that is counted.

The tests of the text itself are in ``soc_gen.checks``, which cleaning uses too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from soc_gen import checks, tags
from soc_gen.formats import BadTurn

REMEMBERED = 24
"""Messages looked back on for repeats."""


@dataclass(frozen=True, slots=True)
class TurnContext:
    """Where a turn stands: who writes, and what was said before."""

    own_names: frozenset[str]
    """What the writer is called, from ``labels.names_of``."""
    other_names: frozenset[str]
    """What the other one is called."""
    said: Collection[Sequence[str]]
    """The last messages of both, as ``checks.words``."""


def _repeats(messages: Sequence[str], context: TurnContext) -> str:
    said = list(context.said)
    for message in messages:
        words = checks.words(message)
        if checks.repeats(words, said):
            return message
        said.append(words)
    return ""


def _first(test: Callable[[str], bool], messages: Sequence[str]) -> str:
    return next((message for message in messages if test(message)), "")


CHECKS: dict[str, Callable[[Sequence[str], TurnContext], str]] = {
    "speaks_for_other": lambda messages, context: _first(
        lambda message: checks.speaks_for(message, context.other_names), messages
    ),
    "own_label": lambda messages, context: _first(
        lambda message: checks.own_label(message, context.own_names), messages
    ),
    "assistant_speak": lambda messages, _: _first(checks.assistant_speak, messages),
    "bad_tag": lambda messages, _: _first(lambda message: bool(tags.problems(message)), messages),
    "repeat": _repeats,
}
"""Name of each check, and what gives the message that fails it, or ""."""


def check_turn(messages: Sequence[str], context: TurnContext) -> None:
    """Run every check.

    Raises:
        BadTurn: Named after the first check that fails.
    """
    for name, check in CHECKS.items():
        found = check(messages, context)
        if found:
            raise BadTurn(name, found[:80])


def says_goodbye(messages: Sequence[str]) -> bool:
    """Whether a turn ends with a farewell."""
    spoken = [message for message in messages if tags.spoken_text(message).strip()]
    return bool(spoken) and checks.farewell(spoken[-1])
