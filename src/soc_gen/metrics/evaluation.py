"""All that ``soc evaluate`` finds out about some chats, in one pass over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soc_gen.metrics.cards import Cards
from soc_gen.metrics.figures import FIGURES
from soc_gen.metrics.people import People
from soc_gen.metrics.scorecard import Score, Scorecard
from soc_gen.metrics.talk import talk_of
from soc_gen.models import Chat

_GROUPS_SHOWN = 10
Shown = tuple[str, Sequence[str], Sequence[tuple[str, ...]]]
BOUNDABLE = (*FIGURES, "inside", "inside_share", "distance", "told_from_people")
"""What a gate can bound."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found."""

    score: Score
    cards: Cards
    """Whether people write as their cards say."""
    told_from_people: float | None = None
    """How well a classifier tells the turns from people's; .5 is not at all."""

    def values(self) -> dict[str, float]:
        """Return what a gate can bound and what was measured, by name."""
        found = {name: reading.value for name, reading in self.score.readings.items()}
        if self.score.readings:
            found["inside"] = self.score.inside
            found["inside_share"] = self.score.inside / len(self.score.readings)
            found["distance"] = self.score.distance
        if self.told_from_people is not None:
            found["told_from_people"] = self.told_from_people
        return found

    def tables(self) -> list[Shown]:
        """Return what there is to show beside the figures: title, columns and rows."""
        kept = [(name, f"{tally.share:.2f}", f"{tally.total:,}") for name, tally in self.cards.rules.items()]
        apart = list(self.cards.told_apart().items())[:_GROUPS_SHOWN]
        groups = [(name, f"{tally.share:.2f}", f"{tally.total:,}") for name, tally in apart]
        tables = [
            ("What the cards say, kept", ("rule", "share", "messages"), kept),
            ("Writers told apart worst (people: .33 to .75)", ("of", "share", "messages"), groups),
        ]
        return [table for table in tables if table[2]]

    def headline(self) -> str:
        """Return what there is to say in one line."""
        score = self.score
        told = "" if self.told_from_people is None else f"; told apart {self.told_from_people:.2f}"
        inside = f"{score.inside} of {len(score.readings)} figures like people's"
        return f"{inside}; {score.distance:.2f} from their middle{told}"


class Evaluator:
    """Takes chats one by one.

    Args:
        people: The measure.
    """

    def __init__(self, people: People) -> None:
        self._scorecard = Scorecard(people)
        self._cards = Cards()

    def add(self, chat: Chat) -> None:
        """Look at one chat."""
        talk = talk_of(chat)
        self._scorecard.add(talk)
        self._cards.add(chat, talk)

    def result(self) -> Evaluation:
        """Return what was found."""
        return Evaluation(self._scorecard.score(), self._cards)
