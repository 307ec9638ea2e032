"""Put right what can be put right, one named repair after the other, until nothing changes any more.

That a cleaned chat is a fixed point of all repairs together is what makes cleaning idempotent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from soc_gen import tags
from soc_gen.checks import PromptGrams, may_leak
from soc_gen.config import CleanConfig
from soc_gen.labels import names_of, strip_label
from soc_gen.models import Chat, ChatPart
from soc_gen.repairs import machine, shape, text
from soc_gen.repairs.shape import Part
from soc_gen.said import Said

MAX_PASSES = 10
"""Passes after which a chat that still changes is given up. None is known that needs more than four."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one repair did to one chat part, or to the order of parts."""

    repair: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Writer:
    """What those are called who write and read a part."""

    own: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PartRepair:
    """A repair of the messages of one part."""

    name: str
    """Its switch in ``RepairsConfig``."""
    may_apply: Callable[[Said], bool]
    """Looks at the whole chat; False spares all of its parts the repair."""
    apply: Callable[[list[str], Writer], list[str]]


def part_repairs(grams: PromptGrams) -> tuple[PartRepair, ...]:
    """Return the repairs of a part, in the order in which they are made.

    Args:
        grams: What a recited prompt is found by.
    """
    return (
        PartRepair(
            "encoding", lambda said: "&" in said.text or not said.text.isascii(), _each(text.fix_encoding)
        ),
        PartRepair("invisible", _has_invisible, _each(text.drop_invisible)),
        PartRepair("thinking", _has("<"), _all(machine.drop_thinking)),
        PartRepair("template_tokens", _has("<", "[", "#", "/"), _all(machine.drop_template_tokens)),
        PartRepair("json_leftovers", _has('"'), _all(machine.unpack_json)),
        PartRepair(
            "preambles",
            lambda said: ":" in said.text and _HERE.search(said.text) is not None,
            _all(machine.drop_preambles),
        ),
        PartRepair("end_notes", _has(")", "]", "*", "--", "—", "=="), _all(machine.drop_end_notes)),
        PartRepair("quotation_marks", _has('"', "“", "”"), _each(text.unquote)),
        PartRepair("speaker_labels", _has(":", "：", "[", "<", "@", " - ", " – ", " — ", " | "), _unlabel),
        PartRepair("unknown_tags", _has("<"), _each(tags.strip_unknown)),
        PartRepair("tags", _has("<"), _all(tags.split_tags)),
        PartRepair(
            "leaked_instructions",
            lambda said: may_leak(said.words, grams),
            lambda messages, _: machine.drop_leaks(messages, grams),
        ),
        PartRepair("spacing", _has_spaces, _each(text.tidy_spaces)),
        PartRepair("empty", lambda said: not all(map(str.strip, said.messages)), _all(shape.drop_empty)),
    )


def _has(*pieces: str) -> Callable[[Said], bool]:
    return lambda said: any(piece in said.text for piece in pieces)


def _has_invisible(said: Said) -> bool:
    return not (said.text.isprintable() or said.text.replace("\n", " ").isprintable())


def _has_spaces(said: Said) -> bool:
    return not said.one_line_each or list(map(str.strip, said.messages)) != said.messages


def _each(change: Callable[[str], str]) -> Callable[[list[str], Writer], list[str]]:
    return lambda messages, _: [change(message) for message in messages]


def _all(change: Callable[[list[str]], list[str]]) -> Callable[[list[str], Writer], list[str]]:
    return lambda messages, _: change(messages)


def _unlabel(messages: list[str], writer: Writer) -> list[str]:
    return [strip_label(message, writer.own, writer.other) for message in messages]


_HERE = re.compile("here(?:['’]s| is| are)", re.IGNORECASE)


class UnsettledError(Exception):
    """A chat that changes with every pass of the repairs."""


class Repairer:
    """The repairs of one config, ready to be made.

    Args:
        config: Which of them, and how.
        grams: What a recited prompt is found by.
    """

    def __init__(self, config: CleanConfig, grams: PromptGrams) -> None:
        self._config = config
        self._repairs = [one for one in part_repairs(grams) if getattr(config.repairs, one.name)]

    def repair(self, said: Said) -> tuple[Said, list[Change]]:
        """Return what was said, repaired, and what was changed; the same object when nothing was.

        Raises:
            UnsettledError: It does not come to rest.
        """
        changes: list[Change] = []
        for _ in range(MAX_PASSES):
            before: list[Part] = [(part.sender, part.messages) for part in said.chat.chat_parts]
            after = self._pass(said, before, changes)
            if after == before:
                return said, changes
            said = Said(_with_parts(said.chat, after), said.shingle_words)
        raise UnsettledError

    def _pass(self, said: Said, parts: list[Part], changes: list[Change]) -> list[Part]:
        active = [repair for repair in self._repairs if repair.may_apply(said)]
        if not active:
            return self._reshape(parts, changes)
        writers = _writers(said.chat) if any(repair.name == "speaker_labels" for repair in active) else {}
        made: list[Part] = []
        for sender, messages in parts:
            kept = messages
            for repair in active:
                repaired = repair.apply(kept, writers.get(sender, Writer()))
                if repaired != kept:
                    changes.append(Change(repair.name, " ⏎ ".join(kept), " ⏎ ".join(repaired)))
                    kept = repaired
            made.append((sender, kept))
        return self._reshape(made, changes)

    def _reshape(self, parts: list[Part], changes: list[Change]) -> list[Part]:
        steps: tuple[tuple[str, Callable[[list[Part]], list[Part]]], ...] = (
            ("empty", shape.drop_empty_parts),
            ("merged_parts", shape.merge_parts),
            ("end_tags", lambda found: shape.settle_end(found, self._config.min_turns)),
        )
        for name, step in steps:
            after = step(parts) if getattr(self._config.repairs, name) else parts
            if after != parts:
                changes.append(Change(name, _outline(parts), _outline(after)))
                parts = after
        return parts


def _writers(chat: Chat) -> dict[str, Writer]:
    one, two = chat.experience.persona1, chat.experience.persona2
    names_one, names_two = names_of(one), names_of(two)
    return {two.id: Writer(names_two, names_one), one.id: Writer(names_one, names_two)}


def _with_parts(chat: Chat, parts: list[Part]) -> Chat:
    made = [ChatPart.model_construct(sender=sender, messages=messages) for sender, messages in parts]
    return chat.model_copy(update={"chat_parts": made})


def _outline(parts: list[Part]) -> str:
    return f"{len(parts)} parts: … {' ⏎ '.join(parts[-1][1]) if parts else ''}"
