"""Dialogue acts for the lines of a transcript: small models follow them; without them they are only polite.

The acts of a conversation are a random walk, drawn from the experience's id and the turn's number, so that
the prompt of a turn can be reproduced at any time, and conversations differ from each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from soc_gen.seeding import child_seed

FIRST = ("asks for it", "complains", "has news", "begins in the middle")
_FIRST_ANSWERS = ("asks back", "is not keen", "is surprised", "makes light of it", "knew it already")
_AFTER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FIRST, _FIRST_ANSWERS),
    "asks back": ("explains, with a detail", "tells the worst of it"),
    "is surprised": ("explains, with a detail", "tells the worst of it"),
    "knew it already": ("is annoyed", "pushes"),
    "is not keen": ("asks why", "pushes", "offers something"),
    "asks why": ("admits something", "dodges", "gives a poor reason"),
    "explains, with a detail": ("doubts it", "teases", "finds fault"),
    "tells the worst of it": ("makes light of it", "is annoyed", "wants to know more"),
    "wants to know more": ("explains, with a detail", "dodges", "admits something"),
    "dodges": ("pushes", "is annoyed", "teases"),
    "gives a poor reason": ("doubts it", "teases", "is annoyed"),
    "admits something": ("is annoyed", "wants to know more", "teases"),
    "doubts it": ("insists, with a detail", "is annoyed", "admits something"),
    "insists, with a detail": ("teases", "makes light of it", "gives in a little"),
    "finds fault": ("defends it", "makes light of it", "is annoyed"),
    "defends it": ("teases", "brings up the past"),
    "makes light of it": ("is annoyed", "pushes", "brings up the past"),
    "is annoyed": ("makes light of it", "brings up the past", "offers something"),
    "brings up the past": ("remembers it otherwise", "offers something"),
    "remembers it otherwise": ("comes back to the point", "teases"),
    "teases": ("teases back", "is annoyed", "comes back to the point"),
    "teases back": ("comes back to the point", "changes the subject"),
    "changes the subject": ("comes back to the point", "teases"),
    "comes back to the point": ("offers something", "dodges", "pushes"),
    "pushes": ("dodges", "offers something", "is annoyed", "admits something"),
    "offers something": ("finds fault", "wants more", "agrees, half"),
    "wants more": ("is annoyed", "offers something", "asks why"),
    "gives in a little": ("wants more", "teases"),
    "agrees, half": ("adds a condition", "teases"),
    "adds a condition": ("teases", "finds fault", "is annoyed"),
}
_CLOSING = (
    ("settles it", "makes a last offer", "leaves it open"),
    ("agrees, half", "grumbles", "has a last doubt"),
    ("ends it, with a joke", "ends it, not convinced", "ends it, has to go", "ends it, for today"),
)
CLOSING_LINES = len(_CLOSING)
"""Number of lines that close a conversation; the prompt of the last one asks to end it."""


def sample_acts(conversation: str, count: int, closing_from: int | None) -> list[str]:
    """Return the acts of the first ``count`` lines; a longer walk begins with a shorter one.

    Args:
        conversation: Id of the conversation, which is the seed.
        count: Number of lines.
        closing_from: Index, from 0, of the first closing line, or None.
    """
    moves = [FIRST[child_seed(0, conversation, 0) % len(FIRST)]]
    for number in range(1, count):
        past = number - closing_from if closing_from is not None else -1
        choices = _CLOSING[min(past, len(_CLOSING) - 1)] if past >= 0 else _fresh(moves)
        moves.append(choices[child_seed(0, conversation, number) % len(choices)])
    return moves[:count]


def _fresh(moves: Sequence[str]) -> tuple[str, ...]:
    """Return the acts that may follow the last one, without recent acts if any others remain."""
    choices = _AFTER[moves[-1]]
    return tuple(choice for choice in choices if choice not in moves[-5:]) or choices
