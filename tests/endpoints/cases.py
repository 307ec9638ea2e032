"""A row of the table: a behaviour, what is run against it, and what has to come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.scripted_server import Behaviour

Command = Literal["rollout", "transcript", "experiences", "lines", "check", "clean"]
REQUESTS_OF_ONE = {"rollout": 1, "transcript": 1, "experiences": 1, "lines": 3}
"""Requests that a turn or an experience takes when nothing goes wrong."""
Bounds = tuple[float, float]
ONCE: Bounds = (1.0, 1.25)
"""Requests for each turn (or experience) written: none was in vain; the checks refuse a few."""
TWICE: Bounds = (1.95, 2.45)
SOMETIMES_AGAIN: Bounds = (1.05, 1.6)
ONE_MORE: Bounds = (1.1, 1.6)
ALL = -1


@dataclass(frozen=True)
class Expected:
    """What has to come of it. None: anything."""

    exit: int | None = 0
    rows: int | Bounds | None = ALL
    """Records in the output."""
    each: Bounds | None = ONCE
    """Requests for each turn, or for each experience, that was written, as a multiple of the fewest."""
    asked: Bounds | None = None
    """Requests in all; where it is given, ``each`` is not looked at."""
    says: tuple[str, ...] = ()
    """On the screen, in any case of letters; ``a|b`` is one of them."""
    never: tuple[str, ...] = ()
    """Neither on the screen nor in the output."""
    once: str = ""
    """In one line of what is said, not in two."""
    reasons: frozenset[str] | None = frozenset()
    """Of the failures."""
    again: Literal["", "same", "other seed"] = ""
    """What is asked when a request is repeated."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """What the manifest counts for each reply."""
    manifest: tuple[str, ...] = ()
    """Words in its account of the endpoint."""
    repairs: bool = False
    """The manifest counts some."""
    unsent: tuple[str, ...] = ()
    """Fields, and words in prompts, that no request has."""
    dropped: tuple[str, ...] = ()
    """Fields that the last request no longer has."""
    sends: Mapping[str, object] = field(default_factory=dict)
    """Fields that some request has."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that every request has."""
    elsewhere: int = 0
    """Requests to another server that was named in a redirect."""
    megabytes: float | None = None
    """Of memory it takes, at most."""
    seconds: float | None = None
    """It takes, at most."""
    paid_twice: bool = True
    """Whether answers may be asked for again."""


@dataclass(frozen=True)
class Case:
    """A row."""

    point: int
    behaviour: Behaviour
    expected: Expected = Expected()
    command: Command = "rollout"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the config file, over those of every run."""
    options: tuple[str, ...] = ()
    count: int = 4
    """Conversations, or experiences."""
    turns: int = 4
    runs: int = 1
    """How often the same command is run; requests are counted over all of them, the rest is of the last."""
    replicas: tuple[Behaviour, ...] = ()
    """Further servers."""
    pauses: tuple[float, ...] = ()
    """Seconds for which the process sleeps, each time as soon as requests are in flight."""
    alike: bool = False
    """All experiences are one, so that of two prompts the one with more talk is the longer one."""
    chats: object = None
    """Template of a message, for ``clean``."""
    seconds: float = 15.0
    """After which it is killed."""

    @property
    def id(self) -> str:
        """Name of the row."""
        return f"{self.point:02} {self.behaviour.name} [{self.command}]"
