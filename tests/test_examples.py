"""The examples run as they stand, against a real endpoint and with the real embedded model."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from soc_gen.models import Chat
from tests.support.loopback_endpoint import LoopbackEndpoint
from tests.support.people import TALK, chat

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run an example as a script."""
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_clean_and_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that is no chat and a chat that comes twice are counted; the rest becomes rows."""
    chats = [
        chat(
            *TALK[:2],
            [f"something about {word} that nobody else would say"],
            *TALK[3:],
            chat_id=word,
            experience_id=word,
        )
        for word in ("harbours", "accordions", "beetles", "snow")
    ]
    chats.append(chats[0])
    source = tmp_path / "chats.jsonl"
    source.write_bytes(b"".join(one.to_json() + b"\n" for one in chats) + b"{}\n")
    run("clean_and_export.py", str(source), str(tmp_path / "export"), monkeypatch=monkeypatch)
    shown = capsys.readouterr().out
    assert "5 read, 1 lines were no chats" in shown
    assert "'duplicate_id': 1" in shown
    assert "train.jsonl" in shown


def test_endpoint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Three experiences become chats, which are printed."""
    with LoopbackEndpoint() as server:
        run("endpoint.py", server.url, monkeypatch=monkeypatch)
    shown = capsys.readouterr()
    assert "not finished" not in shown.out
    assert shown.out.count("\n") > 3 * 4


@pytest.mark.real_model
def test_embedded_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The small real model writes a conversation; a second call reads it from the folder."""
    example = runpy.run_path(str(EXAMPLES / "embedded_model.py"))
    first = example["main"](str(tmp_path), count=1)
    again = example["main"](str(tmp_path), count=1)
    assert list(first) == list(again)
    assert all(isinstance(one, Chat) for one in first)
    assert "kept" in capsys.readouterr().out
