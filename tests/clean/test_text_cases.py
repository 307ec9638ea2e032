"""Chats of public trouble with what must become of each: turns of templates, thoughts, tokens, web pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from soc_gen.models import Chat, Rejection
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import clean_chats

CASES = Path(__file__).parent / "cases"
NAMES = ("echoed-turns", "thought-tags", "half-removed-tokens", "html-left")


def _cases() -> list[tuple[bytes, str]]:
    """Return each chat and the line that says what becomes of it."""
    return [
        pair
        for name in NAMES
        for pair in zip(
            (CASES / f"{name}.jsonl").read_bytes().splitlines(),
            (CASES / f"{name}.expected.txt").read_text("utf-8").splitlines(),
            strict=True,
        )
    ]


@pytest.mark.parametrize(("line", "expected"), _cases(), ids=lambda value: str(value)[:22])
def test_a_case_becomes_what_it_must(line: bytes, expected: str) -> None:
    """An expected line is the id and the messages of all parts but the first and the last, or the reason."""
    chat = Chat.model_validate_json(line)
    (made,) = clean_chats([chat], CleanConfig())
    if isinstance(made, Rejection):
        became = f"rejected {made.reason}"
    else:
        became = json.dumps([part.messages for part in made.chat_parts[1:-1]], ensure_ascii=False)
    assert f"{chat.chat_id}\t{became}" == expected
