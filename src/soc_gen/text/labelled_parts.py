"""Reads chat parts whose lines have speaker labels.

The writer's own labels are removed. A part with a line labelled as the other person's is not changed; that
line is returned, and the caller decides what to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from soc_gen.models import Chat
from soc_gen.text.label_names import is_name, name_key
from soc_gen.text.label_rows import Row, drop_lists, drop_unsaid, read_rows
from soc_gen.text.label_search import may_name
from soc_gen.text.label_types import Callers, Form, Label, Side
from soc_gen.text.lists import is_item, is_score, item_line
from soc_gen.text.speaker_labels import callers, line_label, names_of


class Reading(NamedTuple):
    """A part without its writer's labels, or the line in it that is labelled as the other person's."""

    messages: list[str]
    foreign: str = ""


class Usage(NamedTuple):
    """How one of the two people uses labels in the whole chat."""

    labelled: bool = False
    """Whether most of their parts begin with a label; then a name that is a word can be a label."""
    own_roles: frozenset[str] = frozenset()
    other_roles: frozenset[str] = frozenset()


_NO_USAGE = Usage()
_NO_NAMES = Callers()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the parts of one person in a chat."""

    people: Callers = _NO_NAMES
    mine: Usage = _NO_USAGE
    theirs: Usage = _NO_USAGE
    other_id: str = ""
    known: dict[tuple[str, ...], Reading] = field(default_factory=dict)
    """Cache of results: repairs and checks read the same part."""

    def read(self, messages: list[str]) -> Reading:
        """Return ``read_part`` of ``messages``, with the same list object if there are no labels."""
        key = tuple(messages)
        read = self.known.get(key)
        if read is None:
            named = may_name("\n".join(messages), self.people.names)
            read = read_part(messages, self.people, self.mine, self.theirs) if named else Reading(messages)
            self.known[key] = read
        return read if read.messages != messages else Reading(messages, read.foreign)

    def is_other(self, name: str) -> bool:
        """Whether ``name`` is what the other one is called, or their id."""
        return name == self.other_id or self.people.other.has(name_key(name))


NOBODY = Reader()
"""Reader for parts of an unknown person."""


def chat_readers(chat: Chat) -> dict[str, Reader]:
    """Return who reads the parts of each of the two in ``chat``."""
    one, two = chat.experience.people
    first, second = names_of(one), names_of(two)
    people = {two.id: callers(second, first), one.id: callers(first, second)}
    used = chat_usage([(part.sender, part.messages) for part in chat.chat_parts], people, one.id)
    return {
        me: Reader(people[me], used[me], used[they], they)
        for me, they in ((two.id, one.id), (one.id, two.id))
    }


def foreign_line(messages: Sequence[str], own: frozenset[str], other: frozenset[str]) -> str:
    """Return a line of ``messages`` that is labelled as the other person's, or "".

    Args:
        messages: Messages of one part.
        own: ``names_of`` the writer.
        other: ``names_of`` the other person.
    """
    return _read_once(tuple(messages), own, other).foreign


def labels_itself(messages: Sequence[str], own: frozenset[str], other: frozenset[str]) -> str:
    """Return the first of ``messages`` that has a label of the one who writes, or ""."""
    read = _read_once(tuple(messages), own, other).messages
    return next((was for was, now in zip(messages, read, strict=True) if was != now), "")


@lru_cache(maxsize=256)  # two checks ask for the same turn
def _read_once(messages: tuple[str, ...], own: frozenset[str], other: frozenset[str]) -> Reading:
    people = callers(own, other)
    named = may_name("\n".join(messages), people.names)
    return read_part(messages, people) if named else Reading(list(messages))


def read_part(
    messages: Sequence[str], people: Callers, mine: Usage = _NO_USAGE, theirs: Usage = _NO_USAGE
) -> Reading:
    """Return ``messages`` without their writer's labels, or the line labelled as the other person's.

    Args:
        messages: Messages of one part.
        people: Names of the two, from the writer's view.
        mine: The writer's use of labels in this chat.
        theirs: The other person's use of labels.
    """
    people = people._replace(own_roles=mine.own_roles, other_roles=mine.other_roles)
    rows = read_rows(messages, people)
    drop_lists(rows)
    drop_unsaid(rows)
    labels = [label for row in rows for label in row.labels]
    if not labels:
        return Reading(list(messages))
    foreign = _foreign(rows, labels, theirs) or _strangers_line(rows, labels, people)
    if foreign:
        return Reading(list(messages), foreign)
    return Reading(_stripped(messages, rows, labelled=mine.labelled or _repeats(labels)))


def _foreign(rows: list[Row], labels: list[Label], theirs: Usage) -> str:
    """Return the first line that is the other person's, or ""."""
    own = any(label.side is Side.OWN for label in labels)
    roles = {label.key for label in labels if label.side is Side.ROLE}
    for row in rows:
        for place, label in enumerate(row.labels):
            if label.side is Side.OTHER:
                alone = label.form is Form.MARKED and (label.sure or theirs.labelled)
                theirs_here = own or bool(roles) or (alone and not is_score(row.text_after(place)))
            else:
                theirs_here = label.side is Side.ROLE and (own or len(roles) > 1)
            if theirs_here:
                return row.text
    return ""


def _strangers_line(rows: list[Row], labels: list[Label], people: Callers) -> str:
    """Return a line of somebody unknown beside labelled lines of the writer: ``Borya:`` may be Boris."""
    if not any(label.side is Side.OWN and label.form is Form.MARKED and label.sure for label in labels):
        return ""
    begins = {name[:3] for name in people.other.sure if len(name) > 3}
    for row in rows:
        found = item_line(row.text) if not row.labels else None
        name = found["name"].strip() if found else ""
        if not found or not name.istitle() or not is_name(name):
            continue
        if _is_said(row.text[found.end() :]) or name_key(name)[:3] in begins:
            return row.text
    return ""


def _is_said(text: str) -> bool:
    return bool(text.strip()) and not is_item(text)


def _repeats(labels: list[Label]) -> bool:
    """Whether two lines of a part have the same label. In a list each name occurs once."""
    starts = Counter(label.key for label in labels if label.start == 0 and label.form is not Form.BARE)
    return max(starts.values(), default=0) > 1


def _stripped(messages: Sequence[str], rows: list[Row], *, labelled: bool) -> list[str]:
    made = []
    for number, message in enumerate(messages):
        mine = [row for row in rows if row.message == number]
        lines: list[str] = []
        began = False  # a writer who labels one line labels the next
        for row in mine:
            taken = [place for place in range(len(row.labels)) if _goes(row, place, labelled=labelled)]
            first = not any(line.strip() for line in lines)
            begins = 0 in taken and row.labels[0].start == 0
            if not begins or not (first or began or _is_talk(row)):
                taken = []
            # With no text before it, the next label is the same one again.
            taken = [place for place in taken if place == 0 or row.text_after(place - 1)]
            began |= first and bool(taken)
            lines.append(_without(row, taken))
        text = "\n".join(lines)
        made.append(text.lstrip("\n") if began and text != message else text)
    return made


def _is_talk(row: Row) -> bool:
    return _is_said(row.text_after(0))


def _goes(row: Row, place: int, *, labelled: bool) -> bool:
    """Whether a label of the writer, or of a role, is taken off."""
    label = row.labels[place]
    if label.side is Side.OTHER or not (label.sure or labelled):
        return False
    if label.side is Side.ROLE and (label.form is not Form.MARKED or label.key == "machine"):
        return False
    if label.form is Form.MARKED:
        return True
    if label.form is Form.BARE:
        return labelled
    return not is_item(row.text_after(place))


def _without(row: Row, places: Iterable[int]) -> str:
    text = row.text
    for place in sorted(places, reverse=True):
        label = row.labels[place]
        text = text[: label.start] + text[label.end :]
    return text


def chat_usage(
    parts: Sequence[tuple[str, Sequence[str]]], people: dict[str, Callers], first: str
) -> dict[str, Usage]:
    """Return how each of the two people uses labels.

    Args:
        parts: Sender and messages of each part.
        people: Names of the two, from the view of each sender.
        first: The sender who is persona1.
    """
    labelled: Counter[str] = Counter()
    spoken: Counter[str] = Counter()
    roles: dict[str, Counter[str]] = {sender: Counter() for sender in people}
    for sender, messages in parts:
        if sender not in people or all(message.startswith("<") for message in messages):
            continue
        spoken[sender] += 1
        first_line = messages[0].partition("\n")[0]
        label = line_label(first_line, people[sender]) if may_name(first_line, people[sender].names) else None
        if label and label.side is Side.ROLE:
            roles[sender][label.key] += 1
        labelled[sender] += bool(label and label.side is Side.OWN and label.form is not Form.BARE)
    return {sender: _usage(sender, labelled, spoken, roles, is_first=sender == first) for sender in people}


def _usage(
    sender: str,
    labelled: Counter[str],
    spoken: Counter[str],
    roles: dict[str, Counter[str]],
    *,
    is_first: bool,
) -> Usage:
    often = 2 * labelled[sender] >= spoken[sender] > 0
    both = 2 * labelled.total() >= spoken.total() and labelled.total() > 1
    numbers = ["one", "two"] if is_first else ["two", "one"]
    seen = {who: set(keys) & {"one", "two"} for who, keys in roles.items()}
    if all(seen.values()) and seen[sender] == {numbers[1]}:
        numbers.reverse()  # the first writer is speaker one
    mine, theirs = {numbers[0]}, {numbers[1]}
    usual = [role for role, _ in roles[sender].most_common() if role in ("user", "assistant")]
    return Usage(
        labelled[sender] > 0 and often and (labelled[sender] > 1 or both),
        frozenset(mine | set(usual[:1])),
        frozenset(theirs | set(usual[1:])),
    )
