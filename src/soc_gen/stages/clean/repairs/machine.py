"""Removes text that the model added to messages: thinking, template tokens, JSON, notes, the prompt.

Each repair takes the messages of one chat part and returns the repaired messages.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain

from soc_gen.io.jsonl import is_json
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.text.assistant_speak import QUOTES
from soc_gen.text.end_notes import END_NOTE
from soc_gen.text.labelled_parts import NOBODY, Reader
from soc_gen.text.loose_json import strip_fence
from soc_gen.text.packed_messages import packed_speakers, unpack_messages
from soc_gen.text.prompt_leak import PromptNgramIndex, leaks_prompt
from soc_gen.text.special_tokens import SIGNS
from soc_gen.text.thinking import (
    SEAM,
    cut_spans,
    drop_thinking_aloud,
    find_thoughts,
    has_mark,
    join_apart,
    may_begin_aloud,
)

Messages = list[str]

_MARK_SIGNS = frozenset("<[{◁＜⟨【")
_THOUGHT_SIGNS = _MARK_SIGNS | {":"}


_JSON_HEAD = re.compile(
    r"\s*+(?:```(?:json)?\s*+)?+(?:\{\s*+)?+\\?\"messages?\\?\"\s*+:\s*+(?:\[\s*+)?+(?:\\?\")?", re.IGNORECASE
)
_JSON_TAIL = re.compile(r"\\?\"\s*(?:,\s*)?(?:\]\s*(?:,\s*)?\}*|\}+)\s*(?:```)?\s*$|(?<!\\)\"\s*$")
_JSON_GAP = re.compile(
    r"\\?\"\s*(?:,\s*\\?\"|\]\s*\}\s*(?:```)?\s*(?:\{\s*\\?\"messages?\\?\"\s*:\s*(?:\[\s*)?\\?\")?)"
)

_PREAMBLE = re.compile(
    r"\s*(?P<em>[*_]{0,3})(?:(?:sure|certainly|of course|absolutely|okay|ok|alright)(?: thing)?[!,.]*\s+)?"
    r"here(?:['’]s| is| are)\s(?P<what>[^\n:]{0,140}):(?P=em)[ \t]*\n*",
    re.IGNORECASE,
)
_REPLY = r"(?:turns?|messages?|responses?|repl(?:y|ies)|continuation|dialogue|conversation|json)"
_A_REPLY = re.compile(rf"\b{_REPLY}\b", re.IGNORECASE)
# "the reply" alone, or a reply called something that people never call their own message.
_MACHINE_REPLY = re.compile(
    rf"(?:the|an?) (?!turn)(?:possible )?{_REPLY}(?= as requested| you asked|$)"
    rf"|.*\b(?:next|following|requested|revised|updated|rewritten|generated) {_REPLY}\b"
    r"|.*\b(?:continuation|json)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W_]+")


def may_think(features: ChatFeatures) -> bool:
    """Whether ``drop_thinking`` may change something; fast."""
    return not _THOUGHT_SIGNS.isdisjoint(features.marks) or b"assistantfinal" in features.data


def may_hold_thoughts(features: ChatFeatures) -> bool:
    """Whether ``drop_thinking`` may change something; a closer check for the many chats with a colon."""
    marked = not _MARK_SIGNS.isdisjoint(features.marks) and has_mark(features.text)
    return marked or may_begin_aloud(features.messages)


def drop_thinking(messages: Messages) -> Messages:
    """Remove thoughts: a block that may span messages, the rest after an opener, all before a closer."""
    whole = SEAM.join(messages)
    if not _MARK_SIGNS.isdisjoint(whole) and (thoughts := find_thoughts(whole)):
        seams = [SEAM if SEAM in whole[start:end] else "" for start, end in thoughts]
        pieces = cut_spans(whole, thoughts)
        messages = join_apart(list(chain(*zip(pieces, [*seams, ""], strict=True)))).split(SEAM)
    return list(map(drop_thinking_aloud, messages))


def may_hold_tokens(features: ChatFeatures) -> bool:
    """Whether ``templates.drop_template_tokens`` may change something; fast."""
    return not SIGNS.isdisjoint(features.marks) or features.may_hold_turns


def unpack_json(messages: Messages, reader: Reader = NOBODY) -> Messages:
    """Return the texts that are packed in JSON, whole or in ruins; other messages as they are.

    What is said to be the other one's is left as it is.
    """
    if is_others(["\n".join(messages)], reader):
        return messages
    if len(messages) > 1 and messages[0].lstrip().startswith(("{", "```", "[")):
        together = unpack_messages("\n".join(messages))
        if together is not None:
            return together
    unpacked: Messages = []
    for message in messages:
        if is_others([message], reader):
            unpacked.append(message)
            continue
        found = unpack_messages(message) if "{" in message or "[" in message else None
        unpacked.extend(_from_ruins(message) if found is None else found)
    return unpacked


def is_others(messages: Messages, reader: Reader) -> bool:
    """Whether one of ``messages`` is JSON in which the other one speaks, or begins to."""
    return any(reader.is_other(name) for message in messages for name in packed_speakers(message)[:1])


def may_have_preamble(features: ChatFeatures) -> bool:
    """Whether ``drop_preambles`` may change something; fast."""
    return any(_PREAMBLE.match(message) for message in features.messages if ":" in message)


def drop_preambles(messages: Messages, names: Collection[str] = ()) -> Messages:
    """Remove "Sure! Here is Luna's next message:" from the start.

    "here's the message he sent me: no" is a quotation, and stays.

    Args:
        messages: Messages of one part.
        names: Of both speakers, from ``labels.names_of``.
    """
    return [
        message[preamble.end() :]
        if (preamble := _PREAMBLE.match(message)) and _announces(preamble["what"], names)
        else message
        for message in messages
    ]


def _announces(what: str, names: Collection[str]) -> bool:
    if QUOTES.search(what):
        return False
    if _MACHINE_REPLY.match(what):
        return True
    plain = f" {' '.join(_WORDS.findall(what.casefold()))} "
    return bool(_A_REPLY.search(what)) and any(f" {name} " in plain for name in names)


def drop_end_notes(messages: Messages) -> Messages:
    """Remove "(end of conversation)" from the end."""
    return [END_NOTE.sub("", message) if "end" in message.lower() else message for message in messages]


def drop_leaks(messages: Messages, grams: PromptNgramIndex) -> Messages:
    """Remove lines that recite the prompt."""
    return [
        "\n".join(line for line in message.split("\n") if not leaks_prompt(line, grams))
        if leaks_prompt(message, grams)
        else message
        for message in messages
    ]


def _from_ruins(message: str) -> Messages:
    """Return the texts in JSON that was cut off or split: ``{"messages": ["hey`` or ``hey"]}``."""
    head = _JSON_HEAD.match(message)
    if head and is_json(strip_fence(message)):
        return [message]
    rest = message[head.end() :] if head else message
    # Text that quotes a bracket closes all its quotation marks: 'it ends in "x"}'.
    torn = rest.count('"') % 2 == 1 and rest.rstrip()[-1:] in {"]", "}", "`"} and not {"[", "{"} & set(rest)
    tail = _JSON_TAIL.search(rest) if head or torn else None
    if not head and not tail:
        return [message]
    body = rest[: tail.start()] if tail else rest
    return [_unescape(text) for text in _JSON_GAP.split(body)]


def _unescape(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n")
