"""Small chats that went wrong once, and what is right: ``cases/NAME.jsonl``, ``NAME.expected.txt``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soc_gen.models import Chat
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import clean_chats

CASES = Path(__file__).parent / "cases"
NAMES = ("wrong-speaker", "words-lost", "label-variants")


def _cases() -> list[tuple[str, Chat, str]]:
    found = []
    for name in NAMES:
        chats = (CASES / f"{name}.jsonl").read_text("utf-8").splitlines()
        right = {
            line.split("\t")[0]: line.split("right: ")[1]
            for line in (CASES / f"{name}.expected.txt").read_text("utf-8").splitlines()
        }
        found += [(one.chat_id, one, right[one.chat_id]) for one in map(Chat.model_validate_json, chats)]
    return found


@pytest.mark.parametrize(("chat", "right"), [case[1:] for case in _cases()], ids=[c[0] for c in _cases()])
def test_a_case_comes_out_right(chat: Chat, right: str) -> None:
    (made,) = clean_chats([chat], CleanConfig())
    reason = "" if isinstance(made, Chat) else made.reason
    if right.startswith("rejected"):
        assert reason == right.split()[1].strip(",:")
        return
    if "or rejected" in right and reason:
        assert reason == "speaks_for_other"
        return
    assert isinstance(made, Chat)
    expected = chat.chat_parts[2].messages
    if quoted := re.match("'([^']+)'", right):
        expected = [quoted[1]]
    assert made.chat_parts[2].messages == expected
    assert [part.messages for part in made.chat_parts[:2]] == [part.messages for part in chat.chat_parts[:2]]
