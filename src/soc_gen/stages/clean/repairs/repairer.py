"""Applies the named repairs one after the other until nothing changes.

Cleaning is idempotent because a cleaned chat is a fixed point of all repairs together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from soc_gen.models import Chat, ChatPart
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.stages.clean.repairs import machine, shape, text
from soc_gen.stages.clean.repairs.shape import Part
from soc_gen.text import markup, quotes, tags, templates
from soc_gen.text.labelled_parts import NOBODY, Reader
from soc_gen.text.prompt_leak import PromptNgramIndex, may_contain_prompt
from soc_gen.text.templates import UnclearTurnsError

MAX_PASSES = 10
"""Most passes; a chat that still changes after them is rejected. No known chat needs more than four."""


@dataclass(frozen=True, slots=True)
class Change:
    """The change one repair made to a chat part, or to the order of parts."""

    repair: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Data about the writer and the reader of a part."""

    names: frozenset[str] = frozenset()
    """Names of both people."""
    reader: Reader = NOBODY


_NOBODY = Writer()
T = TypeVar("T", str, bytes)
_NOTE_ENDS = frozenset(")]*-—=")


@dataclass(frozen=True, slots=True)
class PartRepair:
    """A repair of the messages of one part, with fast tests that it has nothing to do."""

    name: str
    """Its switch in ``RepairsConfig``."""
    apply: Callable[[list[str], Writer], list[str]]
    marks: frozenset[str] = frozenset()
    """Characters, one of which must occur for the repair to run; empty: no such test."""
    may_apply: Callable[[ChatFeatures], bool] = lambda _: True
    """The repair does not run for chats for which this is False."""
    finds: Callable[[ChatFeatures], bool] = lambda _: True
    """A closer test for frequent repairs: False when nothing would change."""


def part_repairs(grams: PromptNgramIndex) -> tuple[PartRepair, ...]:
    """Return the repairs of a part, in the order in which they run.

    Args:
        grams: Index used to find recited prompts.
    """
    return (
        PartRepair("encoding", _each(text.fix_encoding), may_apply=text.may_be_garbled),
        PartRepair("invisible", _each(text.drop_invisible), may_apply=text.may_hide),
        PartRepair(
            "thinking",
            _all(machine.drop_thinking),
            may_apply=machine.may_think,
            finds=machine.may_hold_thoughts,
        ),
        PartRepair(
            "template_tokens", _all(templates.drop_template_tokens), may_apply=machine.may_hold_tokens
        ),
        PartRepair(
            "json_leftovers",
            lambda messages, writer: machine.unpack_json(messages, writer.reader),
            frozenset('"{'),
        ),
        PartRepair(
            "preambles",
            lambda messages, writer: machine.drop_preambles(messages, writer.names),
            frozenset(":"),
            finds=machine.may_have_preamble,
        ),
        PartRepair("end_notes", _all(machine.drop_end_notes), _NOTE_ENDS, _ends_oddly),
        PartRepair("quotation_marks", _each(quotes.unquote), frozenset('"“”')),
        PartRepair("speaker_labels", _unlabel, may_apply=_names_somebody),
        PartRepair("unknown_tags", _strip_unknown, frozenset("<")),
        PartRepair("tags", _all(tags.split_tags), may_apply=_has_tags, finds=_may_split),
        PartRepair(
            "leaked_instructions",
            lambda messages, _: machine.drop_leaks(messages, grams),
            may_apply=lambda features: (
                may_contain_prompt(features.shingles, features.shingle_words, grams)
                or _found(grams.order_words, features.data)
            ),
        ),
        PartRepair("spacing", _each(text.tidy_spaces), may_apply=_has_spaces),
        PartRepair("empty", _all(shape.drop_empty), may_apply=lambda features: not all(features.stripped)),
    )


def _found(marks: Iterable[T], whole: T) -> bool:
    for mark in marks:  # noqa: SIM110 - any() takes three times as long, and this is asked all the time
        if mark in whole:
            return True
    return False


def _ends_oddly(features: ChatFeatures) -> bool:
    return not _NOTE_ENDS.isdisjoint([message[-1:] for message in features.stripped])


def _has_spaces(features: ChatFeatures) -> bool:
    return not features.one_line_each or features.stripped != features.messages


def _has_tags(features: ChatFeatures) -> bool:
    return b"<" in features.data


def _may_split(features: ChatFeatures) -> bool:
    return features.has_tags and any(
        tags.may_split(message) for message in features.messages if "<" in message
    )


def _names_somebody(features: ChatFeatures) -> bool:
    return features.names_somebody


def _each(change: Callable[[str], str]) -> Callable[[list[str], Writer], list[str]]:
    return lambda messages, _: [change(message) for message in messages]


def _all(change: Callable[[list[str]], list[str]]) -> Callable[[list[str], Writer], list[str]]:
    return lambda messages, _: change(messages)


def _unlabel(messages: list[str], writer: Writer) -> list[str]:
    made = writer.reader.read(messages).messages
    return messages if made is not messages and machine.is_others(messages, writer.reader) else made


def _strip_unknown(messages: list[str], writer: Writer) -> list[str]:
    if writer.reader.read(messages).foreign:
        return messages  # ``<Max>`` is a label of a line
    return [markup.strip_unknown(message) for message in messages]


_NAMING = frozenset({"json_leftovers", "preambles", "speaker_labels", "unknown_tags"})
"""Repairs that want to know what the two are called."""


class UnsettledError(Exception):
    """A chat still changes after ``MAX_PASSES`` passes."""


class Repairer:
    """Applies the repairs that a config enables.

    Args:
        config: Enabled repairs and their settings.
        grams: What a recited prompt is found by.
    """

    def __init__(self, config: CleanConfig, grams: PromptNgramIndex) -> None:
        self._config = config
        self._repairs = [repair for repair in part_repairs(grams) if getattr(config.repairs, repair.name)]

    def repair(self, features: ChatFeatures) -> tuple[ChatFeatures, list[Change]]:
        """Return the repaired chat and the changes made; the same object when nothing was changed.

        Raises:
            UnsettledError: It still changes after ``MAX_PASSES`` passes.
        """
        changes: list[Change] = []
        for _ in range(MAX_PASSES):
            before: list[Part] = [(part.sender, part.messages) for part in features.chat.chat_parts]
            after = self._pass(features, before, changes)
            if after == before:
                return features, changes
            features = ChatFeatures(_with_parts(features.chat, after), features.shingle_words)
        raise UnsettledError

    def _pass(self, features: ChatFeatures, parts: list[Part], changes: list[Change]) -> list[Part]:
        there = features.marks
        active = [
            repair
            for repair in self._repairs
            if not (repair.marks and repair.marks.isdisjoint(there)) and repair.may_apply(features)
        ]
        if not any(repair.finds(features) for repair in active):
            return self._reshape(parts, changes)
        writers = _writers(features) if any(repair.name in _NAMING for repair in active) else {}
        made = []
        for sender, messages in parts:
            writer = writers.get(sender, _NOBODY)
            made.append((sender, _repair_part(messages, writer, active, changes)))
        # The end of the chat depends on the number of parts, so empty parts must be removed before.
        return made if made != parts else self._reshape(parts, changes)

    def _reshape(self, parts: list[Part], changes: list[Change]) -> list[Part]:
        if shape.is_settled(parts):
            return parts
        steps: tuple[tuple[str, Callable[[list[Part]], list[Part]]], ...] = (
            ("empty", shape.drop_empty_parts),
            ("merged_parts", shape.merge_parts),
            ("end_tags", lambda settled: shape.settle_end(settled, self._config.min_turns)),
        )
        for name, step in steps:
            after = step(parts) if getattr(self._config.repairs, name) else parts
            if after != parts:
                changes.append(Change(name, _outline(parts), _outline(after)))
                parts = after
        return parts


def _repair_part(
    messages: list[str], writer: Writer, active: list[PartRepair], changes: list[Change]
) -> list[str]:
    """Return the repaired messages; if their turns are unclear, as they are so far, to be rejected later."""
    whole = "\n".join(messages)
    for repair in active:
        if repair.marks and not _found(repair.marks, whole):
            continue
        try:
            repaired = repair.apply(messages, writer)
        except UnclearTurnsError:
            break
        if repaired != messages:
            changes.append(Change(repair.name, " ⏎ ".join(messages), " ⏎ ".join(repaired)))
            messages, whole = repaired, "\n".join(repaired)
    return messages


def _writers(features: ChatFeatures) -> dict[str, Writer]:
    names = frozenset(
        name.replace("_", " ") for reader in features.readers.values() for name in reader.people.names
    )
    return {sender: Writer(names, reader) for sender, reader in features.readers.items()}


def _with_parts(chat: Chat, parts: list[Part]) -> Chat:
    known = {(part.sender, id(part.messages)): part for part in chat.chat_parts}
    made = [
        known.get((sender, id(messages))) or ChatPart.model_construct(sender=sender, messages=messages)
        for sender, messages in parts
    ]
    return chat.model_copy(update={"chat_parts": made})


def _outline(parts: list[Part]) -> str:
    return f"{len(parts)} parts: … {' ⏎ '.join(parts[-1][1]) if parts else ''}"
