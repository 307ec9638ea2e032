"""Chooses the chats for testing: by a fixed draw, or such that no person is in both parts."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from soc_gen.errors import UsageError
from soc_gen.models import content_id

SplitBy = Literal["conversation", "persona"]


class Participants(NamedTuple):
    """A chat and its two people."""

    chat_id: str
    people: tuple[str, str]


class Split(NamedTuple):
    """The ids of the chats that are not for training."""

    test: frozenset[str]
    excluded: frozenset[str]
    """Chats between a person of each part; excluded from both, so that no person is in both."""


def split(chats: Sequence[Participants], test_size: float, by: SplitBy, random_seed: int) -> Split:
    """Choose a share of about ``test_size`` (0 to 1) of the chats for testing, the same on every call.

    Raises:
        UsageError: There are too few chats, or the people cannot be separated.
    """
    wanted = round(len(chats) * test_size)
    if not wanted:
        return Split(frozenset(), frozenset())
    if by == "persona":
        return _by_persona(chats, wanted, random_seed)
    drawn = sorted(chats, key=lambda chat: content_id("split", random_seed, chat.chat_id))[:wanted]
    return Split(frozenset(chat.chat_id for chat in drawn), frozenset())


def _by_persona(chats: Sequence[Participants], wanted: int, random_seed: int) -> Split:
    """Take whole components of people, small ones first, then part of the next, until there are enough.

    The part grows along conversations, so that few chats are excluded because they cross its border.
    """
    chats_of: dict[str, list[Participants]] = defaultdict(list)
    for chat in chats:
        for person in chat.people:
            chats_of[person].append(chat)
    test_people: set[str] = set()
    inside = 0
    for person in _by_component(chats_of, random_seed):
        if inside >= wanted:
            break
        test_people.add(person)
        inside += sum(1 for chat in chats_of[person] if test_people.issuperset(chat.people))
    test = frozenset(chat.chat_id for chat in chats if test_people.issuperset(chat.people))
    excluded = frozenset(chat.chat_id for chat in chats if not test_people.isdisjoint(chat.people)) - test
    if not test or len(test) + len(excluded) == len(chats):
        hint = "Use --split-by conversation, or more personas"
        raise UsageError("the personas cannot be split: too many chats connect them", hint=hint)
    return Split(test, excluded)


def _by_component(chats_of: Mapping[str, Iterable[Participants]], random_seed: int) -> list[str]:
    """Return all people, component by component, smallest first, each in breadth-first order."""
    waiting = sorted(chats_of, key=lambda person: content_id("split", random_seed, person))
    seen: set[str] = set()
    components = [_connected_component(person, chats_of, seen) for person in waiting if person not in seen]
    return [person for component in sorted(components, key=len) for person in component]


def _connected_component(
    first: str, chats_of: Mapping[str, Iterable[Participants]], seen: set[str]
) -> list[str]:
    if first in seen:
        return []
    seen.add(first)
    component, queue = [], deque([first])
    while queue:
        component.append(queue.popleft())
        for chat in chats_of[component[-1]]:
            new = [person for person in chat.people if person not in seen]
            seen.update(new)
            queue.extend(new)
    return component
