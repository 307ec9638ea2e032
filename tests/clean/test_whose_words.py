"""Words of both that came in one part, in shapes beyond labelled lines: JSON, headings, other scripts."""

from __future__ import annotations

import pytest

from soc_gen.models import Chat
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import clean_chats
from tests.support.people import TALK, chat


def _becomes(*messages: str) -> list[str] | str:
    (made,) = clean_chats([chat(*TALK[:2], list(messages), *TALK[3:])], CleanConfig())
    return made.chat_parts[2].messages if isinstance(made, Chat) else made.reason


OTHERS_JSON = (
    '{"sender": "Max", "messages": ["behind the bikes"]}',
    '```json\n{"speaker": "Max", "text": "behind the bikes"}\n```',
    '[{"name": "Max", "content": "behind"}, {"name": "Luna", "content": "ok"}]',
    '{"messages": [{"sender": "max", "text": "behind the bikes"}]}',
    '{"Luna": "where is it?", "Max": "behind the bikes"}',
    "{'author': 'Max', 'message': 'behind the bikes'}",
    '{"user": "Max", "message": "behind the bikes"}',
    '[{"role": "user", "content": "where?"}, {"role": "assistant", "content": "behind"}]',
    '{"conversations": [{"from": "human", "value": "where?"}, {"from": "gpt", "value": "behind"}]}',
)


@pytest.mark.parametrize("message", OTHERS_JSON)
def test_json_in_which_the_other_one_speaks_is_not_the_writers(message: str) -> None:
    assert _becomes(message) == "speaks_for_other"


@pytest.mark.parametrize("place", [0, 1])
def test_nor_beside_a_message_of_the_writer(place: int) -> None:
    messages = ["so i went there"]
    messages.insert(place, OTHERS_JSON[0])
    assert _becomes(*messages) == "speaks_for_other"


def test_what_the_writer_has_packed_is_unpacked() -> None:
    assert _becomes('{"sender": "Luna", "messages": ["i come at six"]}') == ["i come at six"]
    both = '[{"name": "Luna", "content": "where is it?"}, {"name": "Max", "content": "behind the bikes"}]'
    assert _becomes(both) == ["where is it?"]
