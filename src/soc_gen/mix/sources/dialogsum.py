r"""DialogSum: 13,460 everyday dialogues with summaries.

Hub id: knkarthick/dialogsum. Licence: CC BY-NC-SA 4.0. Access: open. Columns: id, dialogue, summary, topic.

    {"id": "train_0", "dialogue": "#Person1#: Hi.\n#Person2#: Hello!", "summary": "…", "topic": "greeting"}

Odd: each test dialogue has three rows (``test_0_1`` to ``test_0_3``), one for each reference summary,
and counts once; the repository's own form has ``fname`` and ``summary1`` to ``summary3``.
Dialogues repeat across splits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from soc_gen.mix.convert import UnfitError, from_speakers
from soc_gen.mix.records import Conversation, Message, Unit
from soc_gen.mix.sources.base import ROW_FILES, Source, SourceSettings, check_columns, rows, text_of

Task = Literal["chat", "summarize", "expand"]
_LINE = re.compile(r"^#(Person\d+)#:[ \t]*", re.MULTILINE)
_REFERENCE = re.compile(r"^(test_\d+)_\d+$")


class DialogSumSettings(SourceSettings):
    """What DialogSum understands."""

    tasks: tuple[Task, ...] = ("chat", "summarize")
    """``expand`` asks for the dialogue of a summary; ``chat`` is for dialogues of two people."""
    perspective: Literal["person1", "person2", "both"] = "person2"
    """Who becomes the assistant of a chat."""


def read(paths: Sequence[Path], _: SourceSettings) -> Iterator[Unit]:
    """Yield one unit for each row, in either form."""
    with_dialogues = [path for path in paths if not path.name.endswith("hiddentest.topic.jsonl")]
    for unit in rows(with_dialogues, ("dialogue",)):
        if unit.data is not None and "fname" not in unit.data:
            check_columns(unit.data, ("id", "dialogue"), unit.where)
        yield unit


def turns(dialogue: str) -> list[tuple[str, str]]:
    """Return speaker and text of each turn; text without ``#Person1#:`` belongs to the turn before."""
    pieces = _LINE.split(dialogue)
    return list(zip(pieces[1::2], (text.strip() for text in pieces[2::2]), strict=True))


def convert(unit: Unit, settings: DialogSumSettings) -> Iterator[Conversation]:
    """Yield the dialogue as each of the tasks that were asked for."""
    row: dict[str, Any] = unit.data
    name = text_of(row, "id") or text_of(row, "fname")
    reference = _REFERENCE.match(name)
    group = reference[1] if reference else name
    dialogue = text_of(row, "dialogue").strip()
    said = turns(dialogue)
    if not said:
        raise UnfitError("not_turns", "no line begins with #Person1#:")
    summary = text_of(row, "summary").strip() or text_of(row, "summary1").strip()
    about = {"topic": text_of(row, "topic") or text_of(row, "topic1")}
    for task in settings.tasks:
        for view, messages in _views(task, said, dialogue, summary, settings.perspective):
            yield Conversation(f"{group}:{view}", messages, task=task, lang="en", group=group, meta=about)


def _views(
    task: Task, said: list[tuple[str, str]], dialogue: str, summary: str, perspective: str
) -> Iterator[tuple[str, list[Message]]]:
    people = sorted({speaker for speaker, _ in said})
    if task == "chat":
        for person in people if len(people) == 2 else ():
            if perspective in {person.lower(), "both"}:
                yield f"chat:{person}", from_speakers(said, person)
    elif summary and task == "summarize":
        yield task, _exchange(f"Summarize this dialogue.\n\n{dialogue}", summary)
    elif summary:
        yield task, _exchange(f"Write a dialogue that this summary tells of.\n\n{summary}", dialogue)


def _exchange(question: str, answer: str) -> list[Message]:
    return [Message(role="user", content=question), Message(role="assistant", content=answer)]


SOURCE = Source(
    "dialogsum",
    "cc-by-nc-sa-4.0",
    convert,
    hub_id="knkarthick/dialogsum",
    columns=("dialogue",),
    settings=DialogSumSettings,
    files=("**/*.csv", *ROW_FILES),
    read=read,
    default_lang="en",
)
