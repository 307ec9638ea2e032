"""Reasons to reject a chat that depend on the chat alone. The codes are stable."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from soc_gen.errors import MissingExtraError
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.text.assistant_speak import breaks_character, is_assistant_speak, is_refusal
from soc_gen.text.farewell import is_farewell, may_be_farewell
from soc_gen.text.language import language_of
from soc_gen.text.packed_messages import packed_speakers
from soc_gen.text.repetition import is_near_duplicate, said_over, words
from soc_gen.text.tags import END
from soc_gen.text.templates import UnclearTurnsError, keep_reply
from soc_gen.text.thinking import may_think_of_task, thinks_of_task
from soc_gen.text.tokens import tokenize

REASONS = {
    "invalid_record": "not a chat: broken JSON, a missing or wrong field, a key that comes twice",
    "line_too_long": "longer than `max_line_mb`",
    "torn_line": "the file ends in the middle of it",
    "unsettled": "still changing after every pass of the repairs",
    "unknown_sender": "a part by somebody who is neither of the two personas",
    "one_sided": "only one of the two says anything",
    "too_few_parts": "fewer chat parts than `min_parts`",
    "too_few_messages": "fewer messages than `min_messages`",
    "too_few_words": "fewer words than `min_words`",
    "cut_off": "no `<end/>`, and its rollout failed or `require_end` is on",
    "breaks_character": 'a persona says they are a model ("as an AI")',
    "refusal": "the model declined to go on",
    "assistant_speak": "talks like an assistant",
    "thinking_aloud": "a message is thinking about how to write it, with no marks to cut it by",
    "template_turns": "turns of a chat template, and not exactly one that is the reply",
    "speaks_for_other": "a line is labelled as the other one's",
    "looping": "says the same over and over (`max_repetition`)",
    "echo": "one side repeats the other (`max_echo`)",
    "farewell_loop": "does not stop saying goodbye (`max_farewells`)",
    "wrong_language": "not in `language`",
    "duplicate_id": "an earlier chat has this id",
    "duplicate_text": "an earlier chat has the same words",
    "same_experience": "an earlier chat was made from the same experience",
    "near_duplicate": "nearly the same words as another chat that is kept",
}
"""Code and meaning of each reason."""

_WORTH_A_LOOK = 0.1  # share of repeated runs under which nothing echoes
_FEW_WORDS = 4  # of a part that may stand between two goodbyes ("haha you too")
_ENOUGH_WORDS = 20  # to tell a language
_ROLES = frozenset({"user", "human", "system", "assistant", "gpt"})
"""Who speaks in JSON of an API, of which nobody can say whose words are whose."""

Check = Callable[[ChatFeatures, CleanConfig], str | None]
"""Returns what is wrong, or None."""


def reject(features: ChatFeatures, config: CleanConfig) -> tuple[str, str] | None:
    """Return the reason and the detail of the first check that fails."""
    for reason, check in CHECKS.items():
        detail = check(features, config)
        if detail is not None:
            return reason, detail
    return None


def _unknown_sender(features: ChatFeatures, _: CleanConfig) -> str | None:
    known = {features.chat.experience.persona1.id, features.chat.experience.persona2.id}
    if features.senders <= known:
        return None
    strange = next(part.sender for part in features.chat.chat_parts if part.sender not in known)
    return f"{strange[:80]!r} is neither persona1 nor persona2"


def _too_few_parts(features: ChatFeatures, config: CleanConfig) -> str | None:
    return _fewer(len(features.chat.chat_parts), config.min_parts, "parts")


def _too_few_messages(features: ChatFeatures, config: CleanConfig) -> str | None:
    return _fewer(len(features.messages), config.min_messages, "messages")


def _too_few_words(features: ChatFeatures, config: CleanConfig) -> str | None:
    if not config.min_words:
        return None
    return _fewer(sum(len(words(message)) for message in features.messages), config.min_words, "words")


def _fewer(count: int, least: int, what: str) -> str | None:
    return f"{count} {what}, at least {least} wanted" if count < least else None


def _one_sided(features: ChatFeatures, _: CleanConfig) -> str | None:
    return f"all by {next(iter(features.senders))}" if len(features.senders) == 1 else None


def _talks_like(test: Callable[[str, frozenset[bytes]], bool]) -> Check:
    def check(features: ChatFeatures, config: CleanConfig) -> str | None:
        if config.allow_assistant_speak or not features.talks_like_a_model:
            return None
        there = features.model_words
        if not test(features.text, there):
            return None
        return _quote(next((message for message in features.messages if test(message, there)), features.text))

    return check


def _speaks_for_other(features: ChatFeatures, _: CleanConfig) -> str | None:
    may_be_packed = "{" in features.marks
    if not (features.names_somebody or may_be_packed):
        return None
    for part in features.chat.chat_parts:
        reader = features.readers[part.sender]
        if foreign := features.names_somebody and reader.read(part.messages).foreign:
            return _quote(foreign)
        packed = [one for one in part.messages if may_be_packed and one.startswith(("{", "[", "```"))]
        for message in [*packed, "\n".join(part.messages)] if packed else []:
            speakers = packed_speakers(message)
            if any(map(reader.is_other, speakers)) or not _ROLES.isdisjoint(speakers):
                return _quote(message)
    return None


def _thinking_aloud(features: ChatFeatures, config: CleanConfig) -> str | None:
    if not config.repairs.thinking or not may_think_of_task(features.words):
        return None
    return next((_quote(message) for message in features.messages if thinks_of_task(message)), None)


def _template_turns(features: ChatFeatures, config: CleanConfig) -> str | None:
    if not config.repairs.template_tokens or not features.may_hold_turns:
        return None
    for part in features.chat.chat_parts:
        try:
            keep_reply(part.messages)
        except UnclearTurnsError:
            return _quote(" ⏎ ".join(part.messages))
    return None


def _looping(features: ChatFeatures, config: CleanConfig) -> str | None:
    share = features.repetition
    if share > config.max_repetition:
        return f"{share:.0%} of its word runs came before"
    if config.max_repetition == 1 or not features.repeats_itself:
        return None
    lines = [
        (part.sender, line)
        for part in features.chat.chat_parts
        for message in part.messages
        if not message.startswith("<")
        for line in message.split("\n")
    ]
    line = said_over(lines, config.max_repetition)
    return f"{_quote(line)} over and over" if line else None


def _echo(features: ChatFeatures, config: CleanConfig) -> str | None:
    parts = features.chat.chat_parts
    if config.max_echo == 1 or len(parts) < 3 or features.repetition < _WORTH_A_LOOK:
        return None
    pairs = itertools.pairwise(parts)
    echoes = sum(any(is_near_duplicate(m, heard.messages) for m in part.messages) for heard, part in pairs)
    return (
        f"{echoes} of {len(parts)} parts say again what was just said"
        if echoes > config.max_echo * len(parts)
        else None
    )


def _farewell_loop(features: ChatFeatures, config: CleanConfig) -> str | None:
    farewells = 0
    for part in reversed(features.chat.chat_parts):
        spoken = [message for message in part.messages if message != END]
        together = "\n".join(spoken)
        if may_be_farewell(together) and any(map(is_farewell, spoken)):
            farewells += 1
        elif len(tokenize(together)) > _FEW_WORDS:
            break
    return f"{farewells} parts at the end say goodbye" if farewells > config.max_farewells else None


def _wrong_language(features: ChatFeatures, config: CleanConfig) -> str | None:
    if config.language is None or len(features.words) < _ENOUGH_WORDS:
        return None
    language = language_of(re.sub(r"<[^<>]*>", " ", features.text))
    if language is None:
        raise MissingExtraError("py3langid", "language")
    return f"looks like {language!r}, not {config.language!r}" if language != config.language else None


def _quote(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "…")


CHECKS: dict[str, Check] = {
    "unknown_sender": _unknown_sender,
    "too_few_parts": _too_few_parts,
    "one_sided": _one_sided,
    "too_few_messages": _too_few_messages,
    "too_few_words": _too_few_words,
    "breaks_character": _talks_like(breaks_character),
    "refusal": _talks_like(is_refusal),
    "assistant_speak": _talks_like(is_assistant_speak),
    "thinking_aloud": _thinking_aloud,
    "template_turns": _template_turns,
    "speaks_for_other": _speaks_for_other,
    "looping": _looping,
    "echo": _echo,
    "farewell_loop": _farewell_loop,
    "wrong_language": _wrong_language,
}
"""In the order in which they run."""
