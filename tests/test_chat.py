"""How a conversation is printed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from soc_gen.cli import chat
from soc_gen.models import Chat, ChatPart
from tests.support.meeting import MEETING

WORDS = " ".join(f"word{number}" for number in range(40))
TALK = Chat(
    chat_id="c",
    experience=MEETING,
    chat_parts=[
        ChatPart(sender=MEETING.persona1.id, messages=[WORDS]),
        ChatPart(sender=MEETING.persona2.id, messages=["ok", "<end/>"]),
    ],
    model="m",
)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_word_is_cut_off_on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Bubbles fold their text, and no line is wider than the terminal."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, soft_wrap=True, color_system=None)
    monkeypatch.setattr(chat, "out", console)
    chat.show_chat(TALK)
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert [word.strip("│ ") for line in lines for word in line.split() if "word" in word] == WORDS.split()
    assert "(end)" in screen.getvalue()
    assert "<end/>" not in screen.getvalue()


def test_in_a_pipe_each_message_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, with who wrote it."""
    screen = io.StringIO()
    monkeypatch.setattr(chat, "out", Console(file=screen, width=40, soft_wrap=True))
    chat.show_chat(TALK)
    assert f"Petra: {WORDS}\n" in screen.getvalue()
