"""What each line of a transcript does: a small model that is told follows it; left alone it is only polite.

The moves of a conversation are a walk drawn from the experience's id and the turn's number, so that the
prompt of a turn can be written again at any time, and so that no two talks take the same course.
"""

from __future__ import annotations

from collections.abc import Sequence

from soc_gen.sampling import child_seed

FIRST = "brings it up"
_AFTER: dict[str, tuple[str, ...]] = {
    FIRST: ("asks what happened", "is not keen", "is surprised", "makes light of it", "asks since when"),
    # questions that have an answer of their own
    "asks what happened": ("tells how it went", "tells the worst of it"),
    "asks since when": ("names a day",),
    "asks where": ("names a place",),
    "asks how much": ("names a sum",),
    "asks who else knows": ("names somebody",),
    "asks why": ("admits something", "dodges", "gives a poor reason"),
    # answers
    "tells how it went": ("doubts it", "asks who else knows", "teases"),
    "tells the worst of it": ("makes light of it", "is annoyed", "asks how much"),
    "names a day": ("finds that too late", "asks where", "doubts it"),
    "names a place": ("asks why", "teases", "knows the place"),
    "names a sum": ("finds that too much", "teases", "asks why"),
    "names somebody": ("is annoyed", "teases", "tells what that one is like"),
    "gives a poor reason": ("doubts it", "teases", "is annoyed"),
    "admits something": ("is annoyed", "asks who else knows", "teases"),
    "dodges": ("pushes", "is annoyed", "asks since when"),
    # friction
    "is surprised": ("tells how it went", "tells the worst of it"),
    "is not keen": ("asks why", "pushes", "offers something"),
    "makes light of it": ("is annoyed", "pushes", "brings up the past"),
    "doubts it": ("insists, with a detail", "is annoyed", "admits something"),
    "insists, with a detail": ("teases", "asks who else knows", "makes light of it"),
    "is annoyed": ("makes light of it", "brings up the past", "offers something"),
    "pushes": ("dodges", "offers something", "admits something"),
    "brings up the past": ("remembers it otherwise", "offers something"),
    "remembers it otherwise": ("comes back to the point", "teases"),
    "finds that too late": ("offers another day", "asks why"),
    "finds that too much": ("offers something", "brings up the past"),
    "tells what that one is like": ("teases", "comes back to the point"),
    "knows the place": ("comes back to the point", "asks since when"),
    "teases": ("teases back", "is annoyed", "comes back to the point"),
    "teases back": ("comes back to the point", "says what they are doing meanwhile"),
    "says what they are doing meanwhile": ("comes back to the point", "teases"),
    "comes back to the point": ("offers something", "dodges", "asks how much"),
    # offers
    "offers something": ("doubts it", "wants more", "agrees, half"),
    "offers another day": ("agrees, half", "is annoyed"),
    "wants more": ("is annoyed", "offers another day", "asks why"),
    "agrees, half": ("adds a condition", "asks where"),
    "adds a condition": ("teases", "doubts it", "is annoyed"),
}
_CLOSING = (
    ("settles it", "makes a last offer", "leaves it open"),
    ("agrees, half", "grumbles", "has a last doubt"),
    ("has to go", "has the last word"),
)


def walk(conversation: str, count: int, closing_from: int | None) -> list[str]:
    """Return what each of the first ``count`` lines does; a longer walk begins with a shorter one.

    Args:
        conversation: Names the talk; all chance comes from it.
        count: Lines.
        closing_from: The line at which the talk begins to close, if it does; from 0.
    """
    moves = [FIRST]
    for number in range(1, count):
        past = number - closing_from if closing_from is not None else -1
        choices = _CLOSING[min(past, len(_CLOSING) - 1)] if past >= 0 else _fresh(moves)
        moves.append(choices[child_seed(0, conversation, number) % len(choices)])
    return moves[:count]


def _fresh(moves: Sequence[str]) -> tuple[str, ...]:
    """Return what may follow the last move, without what was just done, if that leaves any."""
    choices = _AFTER[moves[-1]]
    return tuple(choice for choice in choices if choice not in moves[-5:]) or choices
