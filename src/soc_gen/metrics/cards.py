"""Whether people write as their cards say: style rules kept, and voices that can be told apart."""

from __future__ import annotations

from dataclasses import dataclass, field

from soc_gen.metrics.style import rules_of
from soc_gen.metrics.talk import Talk
from soc_gen.models import Chat, Persona

_MOST_GROUPS = 2000  # of traits, which are free text: memory is bounded
_FEWEST = 20  # messages from which a share says something
PLAIN = "style: nothing a rule can check"


@dataclass(slots=True)
class Tally:
    """A share, counted."""

    hits: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """The share of what was counted."""
        return self.hits / max(1, self.total)

    def add(self, hits: int, total: int) -> None:
        """Count ``hits`` of ``total``."""
        self.hits += hits
        self.total += total


@dataclass(slots=True)
class Cards:
    """What has been counted of some chats."""

    rules: dict[str, Tally] = field(default_factory=dict)
    """By rule, the messages by people whose style says so, and how many of them keep it."""
    groups: dict[str, Tally] = field(default_factory=dict)
    """By trait and by rule of style, held-out messages, and how many were given to the right writer."""

    def add(self, chat: Chat, talk: Talk) -> None:
        """Count one chat."""
        for person in chat.experience.people:
            said = [message.text for message in talk.messages if message.writer == person.id and message.text]
            self._count_rules(person, said)
            self._count_voice(person, talk.voices.get(person.id, (0, 0)))

    def _count_rules(self, person: Persona, said: list[str]) -> None:
        for rule in rules_of(person.chatting_style):
            told = [kept for text in said if (kept := rule.keeps(text)) is not None]
            self.rules.setdefault(rule.name, Tally()).add(sum(told), len(told))

    def _count_voice(self, person: Persona, tally: tuple[int, int]) -> None:
        styles = [f"style: {rule.name}" for rule in rules_of(person.chatting_style)] or [PLAIN]
        for name in dict.fromkeys([*styles, *(f"trait: {trait}" for trait in person.traits)]):
            if name in self.groups or len(self.groups) < _MOST_GROUPS:
                self.groups.setdefault(name, Tally()).add(*tally)

    def told_apart(self) -> dict[str, Tally]:
        """Return the groups that say something, those whose voice is told apart worst first."""
        enough = [(name, tally) for name, tally in self.groups.items() if tally.total >= _FEWEST]
        return dict(sorted(enough, key=lambda item: (item[1].share, item[0])))
