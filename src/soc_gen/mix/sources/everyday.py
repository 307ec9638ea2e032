"""Everyday conversations: 2,260 short talks with an assistant, written by Llama 3.1.

Hub id: HuggingFaceTB/everyday-conversations-llama3.1-2k. Licence: Apache-2.0. Access: open.
Columns: topic, subtopic, subsubtopic, full_topic, prompt, completion, token_length, messages.

    {"full_topic": "Food/Breakfast", "messages": [{"role": "user", "content": "Hi"}, …], …}

Odd: each opens with one of four greetings and the same reply, which say nothing about likeness. There is no
id.
"""

from __future__ import annotations

from collections.abc import Iterator

from soc_gen.mix.convert import read_messages
from soc_gen.mix.records import Conversation, Unit
from soc_gen.mix.sources.base import Source, SourceSettings, text_of

_LONGEST_GREETING = 12  # characters


def convert(unit: Unit, _: SourceSettings) -> Iterator[Conversation]:
    """Yield the conversation of a row."""
    messages = read_messages(unit.data["messages"])
    greets = len(messages) > 2 and len(messages[0]["content"].strip()) <= _LONGEST_GREETING
    topic = text_of(unit.data, "full_topic")
    yield Conversation("", messages, lang="en", opening=2 if greets else 0, meta={"topic": topic})


SOURCE = Source(
    "everyday-conversations-llama3.1-2k",
    "apache-2.0",
    convert,
    hub_id="HuggingFaceTB/everyday-conversations-llama3.1-2k",
    columns=("messages",),
    default_lang="en",
)
