"""The lines of a chat part with their labels, less those that are items of a list or signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soc_gen.text.label_names import name_key
from soc_gen.text.label_search import may_name
from soc_gen.text.label_types import Callers, Form, Label
from soc_gen.text.lists import is_list, is_score, item_line, next_items
from soc_gen.text.speaker_labels import later_labels, line_label


@dataclass(slots=True)
class Row:
    """One line of a part."""

    message: int
    text: str
    labels: list[Label]

    def text_after(self, place: int) -> str:
        """Return the text between the label at ``place`` and the next one."""
        ends = [label.start for label in self.labels[place + 1 :]]
        return self.text[self.labels[place].end : ends[0] if ends else None].strip()


def read_rows(messages: Sequence[str], people: Callers) -> list[Row]:
    """Return the lines of ``messages``, with the labels in each."""
    rows: list[Row] = []
    for number, message in enumerate(messages):
        rows += [Row(number, line, _labels(line, people)) for line in message.split("\n")]
    return rows


def _labels(line: str, people: Callers) -> list[Label]:
    if not may_name(line, people.names):
        return []
    first = line_label(line, people)
    return [*([first] if first else []), *later_labels(line, people, first)]


def drop_lists(rows: list[Row]) -> None:
    """Remove the labels of rows that are lists, or items of one."""
    run: list[tuple[Row, str, str]] = []
    expected = False
    for row in [*rows, Row(-1, "", [])]:
        item = _item(row)
        if item and not _one_line_list(row):
            run.append((row, *item))
            continue
        if row.text.strip() or row.message < 0:
            _drop_list(run, expected=expected)
            run = []
            expected = row.text.rstrip().endswith((":", "：")) and not row.labels


def _drop_list(run: list[tuple[Row, str, str]], *, expected: bool) -> None:
    """Remove the labels of consecutive rows that are the items of one list."""
    strangers = any(not row.labels for row, _, _ in run)
    if is_list([(name, text) for _, name, text in run], expected=expected or strangers):
        for row, _, _ in run:
            row.labels = []


def _item(row: Row) -> tuple[str, str] | None:
    """Return the name at the start of a row, of anybody, and the text after it; None if there is none."""
    if any(
        label.form is Form.MARKED and not _is_plain(row.text[label.start : label.end]) for label in row.labels
    ):
        return None
    if row.labels and row.labels[0].start == 0:
        return row.labels[0].key, row.text_after(0) if len(row.labels) == 1 else "?"
    item = item_line(row.text)
    return (name_key(item["name"]), row.text[item.end() :]) if item and not row.labels else None


def _is_plain(label: str) -> bool:
    """Whether ``label`` is written as in a list, and not as in a chat log."""
    return not any(mark in label for mark in "[]<>【】") and not is_score(label)


def _one_line_list(row: Row) -> bool:
    """Remove the labels of a row such as "Luna: salad / Max: drinks"; return whether it was a list."""
    if not row.labels:
        return False
    first = row.labels[0].end
    known = [(label.start, label.end, label.key) for label in row.labels]
    strangers = [
        (first + item.start("name"), first + item.end(), name_key(item["name"]))
        for item in next_items(row.text[first:])
        if not any(start <= first + item.start("name") < end for start, end, _ in known)
    ]
    places = sorted(known + strangers)
    ends = [*(start for start, _, _ in places[1:]), len(row.text)]
    items = [(key, row.text[end:until]) for (_, end, key), until in zip(places, ends, strict=True)]
    if not is_list(items, expected=bool(strangers)):
        return False
    row.labels = []
    return True


def drop_unsaid(rows: list[Row]) -> None:
    """Remove labels without a text: a name below a text is a signature."""
    for place, row in enumerate(rows):
        after = next((later for later in rows[place + 1 :] if later.text.strip()), None)
        followed = after is not None and not after.labels
        row.labels = [
            label
            for number, label in enumerate(row.labels)
            if row.text_after(number) or followed or label.form is Form.MARKED
        ]
