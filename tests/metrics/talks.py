"""Chats of ours that have some of everything the figures look at, the same every time."""

from __future__ import annotations

import itertools
import random

from soc_gen.models import Chat, ChatPart
from tests.support.people import LUNA, MAX, chat

LINES = (
    "hey! you up?",
    "Hello, did you get the brass reed I left behind the kettle",
    "I'm at the shop till six, maybe later if the customer shows",
    "no",
    "ok…",
    "It is fine. I will wait.",
    "haha 😂 that's so you",
    "the bakery next door opens at five — ask them",
    "<image>a cracked reed on a bench</image> look at this",
    "<gif>a cat falls off a chair</gif>",
    '<delay minutes="5"/>',
    "what do you mean by that?",
    "i don’t know... my sister said she'd bring it on Saturday",
    "we need four more of them before the weekend, can you count what is on the shelf?",
    "can you count what is on the shelf",
    "",
    "12345",
    "Can't talk now, the bus is full and someone spilled soup over the timetable",
    "good night then",
    "see you",
    "Zoë says élan is a word; über too",
    "I've told you twice, the left bellows leaks and the glue will not hold in this damp",
)


def handmade(count: int, longest: int = 40) -> list[Chat]:
    """Return ``count`` chats of up to ``longest`` messages; every seventh is by one writer alone."""
    drawn = random.Random(15)
    return [_drawn(number, drawn, longest) for number in range(count)]


def _drawn(number: int, drawn: random.Random, longest: int) -> Chat:
    written = [(drawn.random() < 0.4, drawn.choice(LINES)) for _ in range(drawn.randint(0, longest))]
    alone = number % 7 == 6
    parts = [
        ChatPart(sender=(LUNA if first or alone else MAX).id, messages=[line for _, line in lines])
        for first, lines in itertools.groupby(written, key=lambda one: one[0])
    ]
    return chat(chat_id=f"h-{number}").model_copy(update={"chat_parts": parts})
