"""Repairs of a chat's structure: parts, senders, and the end."""

from __future__ import annotations

import operator
from itertools import chain

from soc_gen.text import end_tags
from soc_gen.text.tags import END

Part = tuple[str, list[str]]
"""Sender and messages of a chat part."""


def is_settled(parts: list[Part]) -> bool:
    """Whether nothing needs repair: parts alternate, have messages, and ``<end/>`` is only at the end."""
    senders = [sender for sender, _ in parts]
    spoken = [messages for _, messages in parts]
    if not all(spoken) or any(map(operator.eq, senders, senders[1:])):
        return False
    return END not in list(chain.from_iterable(spoken))[:-1]


def drop_empty(messages: list[str]) -> list[str]:
    """Return the messages that are not empty."""
    return [message for message in messages if message.strip()]


def drop_empty_parts(parts: list[Part]) -> list[Part]:
    """Return the parts that have messages."""
    return [part for part in parts if part[1]]


def merge_parts(parts: list[Part]) -> list[Part]:
    """Join consecutive parts of one sender."""
    merged: list[Part] = []
    for sender, messages in parts:
        if merged and merged[-1][0] == sender:
            merged[-1] = (sender, merged[-1][1] + messages)
        else:
            merged.append((sender, messages))
    return merged


def settle_end(parts: list[Part], min_turns: int) -> list[Part]:
    """Leave ``<end/>`` in the last message only.

    An ``<end/>`` followed by more messages counts from part ``min_turns`` (counted from 0) on: what follows
    is cut. In an earlier part it came too early, and is removed.
    """
    settled: list[Part] = []
    for index, (sender, messages) in enumerate(parts):
        if END not in messages:
            settled.append((sender, messages))
        elif index >= min_turns:
            return [*settled, (sender, end_tags.cut_after_end(messages))]
        else:
            closing = index == len(parts) - 1 and messages[-1] == END
            kept = [message for message in messages if message != END]
            settled.append((sender, [*kept, END] if closing else kept))
    return settled
