"""Which chats are for testing: a fixed draw by conversation, or one in which no person is in both parts."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from soc_gen.errors import UsageError
from soc_gen.models import content_id

SplitBy = Literal["conversation", "persona"]


class Participants(NamedTuple):
    """A chat and who is in it."""

    chat_id: str
    people: tuple[str, str]


class Split(NamedTuple):
    """The ids of the chats that are not for training."""

    test: frozenset[str]
    left_out: frozenset[str]
    """Chats of one person of each part: in neither, lest the test know somebody."""


def split(casts: Sequence[Participants], test_size: float, by: SplitBy, random_seed: int) -> Split:
    """Choose about ``test_size`` (0 to 1) of the chats for testing, the same ones on every call.

    Raises:
        UsageError: There are too few chats, or everybody talks with everybody.
    """
    wanted = round(len(casts) * test_size)
    if not wanted:
        return Split(frozenset(), frozenset())
    if by == "persona":
        return _by_persona(casts, wanted, random_seed)
    drawn = sorted(casts, key=lambda cast: content_id("split", random_seed, cast.chat_id))[:wanted]
    return Split(frozenset(cast.chat_id for cast in drawn), frozenset())


def _by_persona(casts: Sequence[Participants], wanted: int, random_seed: int) -> Split:
    """Take whole circles of people, small ones first, then a growing part of the next, until it is enough.

    Growing along conversations keeps the chats that cross the border, which are lost, few.
    """
    chats_of: dict[str, list[Participants]] = defaultdict(list)
    for cast in casts:
        for person in cast.people:
            chats_of[person].append(cast)
    held: set[str] = set()
    inside = 0
    for person in _by_circle(chats_of, random_seed):
        if inside >= wanted:
            break
        held.add(person)
        inside += sum(1 for cast in chats_of[person] if held.issuperset(cast.people))
    test = frozenset(cast.chat_id for cast in casts if held.issuperset(cast.people))
    left_out = frozenset(cast.chat_id for cast in casts if not held.isdisjoint(cast.people)) - test
    if not test or len(test) + len(left_out) == len(casts):
        hint = "Use --split-by conversation, or more personas"
        raise UsageError("the personas cannot be split: too many chats connect them", hint=hint)
    return Split(test, left_out)


def _by_circle(chats_of: Mapping[str, Iterable[Participants]], random_seed: int) -> list[str]:
    """Return everybody, circle by circle, the smallest first, each from one member outwards."""
    waiting = sorted(chats_of, key=lambda person: content_id("split", random_seed, person))
    seen: set[str] = set()
    circles = [_circle(person, chats_of, seen) for person in waiting if person not in seen]
    return [person for circle in sorted(circles, key=len) for person in circle]


def _circle(first: str, chats_of: Mapping[str, Iterable[Participants]], seen: set[str]) -> list[str]:
    if first in seen:
        return []
    seen.add(first)
    circle, queue = [], deque([first])
    while queue:
        circle.append(queue.popleft())
        for cast in chats_of[circle[-1]]:
            new = [person for person in cast.people if person not in seen]
            seen.update(new)
            queue.extend(new)
    return circle
