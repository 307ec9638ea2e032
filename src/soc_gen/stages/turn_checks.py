"""What makes a turn worth asking for again, while it is cheap. Each check has a name that is counted.

The tests of the text itself are in ``soc_gen.checks``, which cleaning uses too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soc_gen import checks, tags
from soc_gen.formats import BadTurn, Turn
from soc_gen.labels import names_of
from soc_gen.models import Experience

_REMEMBERED = 24  # messages looked back on for repeats


@dataclass(frozen=True, slots=True)
class TurnContext:
    """Where a turn stands: who writes, and what was said before."""

    experience: Experience
    turns: tuple[Turn, ...]
    speaker: int

    @property
    def own_names(self) -> frozenset[str]:
        """What the writer is called."""
        return names_of((self.experience.persona1, self.experience.persona2)[self.speaker])

    @property
    def other_names(self) -> frozenset[str]:
        """What the other one is called."""
        return names_of((self.experience.persona2, self.experience.persona1)[self.speaker])

    @property
    def earlier(self) -> list[str]:
        """The last messages of both."""
        return [message for turn in self.turns for message in turn.messages][-_REMEMBERED:]


def _repeats(messages: Sequence[str], context: TurnContext) -> str:
    earlier = context.earlier
    for message in messages:
        if checks.near_repeat(message, earlier):
            return message
        earlier.append(message)
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
