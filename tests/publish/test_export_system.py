"""Where persona and situation go in a row, and what becomes of the tags in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from soc_gen.cli.app import app
from soc_gen.export.rows import System, fields, rows
from soc_gen.export.writers import axolotl_entry, llama_factory_entry
from soc_gen.models import Chat
from tests.support.export_strategies import PARTS, SIDES, TAGS
from tests.support.publishing import chat, write_chats
from tests.support.trainer_rules import axolotl_takes, llama_factory_takes, trl_takes


def roles(one: Chat, side: Any, start: Any, system: System) -> list[str]:
    [row] = rows(one, side, "keep", start, system)
    return [message["role"] for message in row.messages]


def test_the_system_message_is_folded_into_the_first_user_turn() -> None:
    """It stands before what the user says, a blank line between; nothing else changes."""
    [kept] = rows(chat(1), "persona2", "keep", "user")
    [folded] = rows(chat(1), "persona2", "keep", "user", "fold")
    first = folded.messages[0]
    assert first["role"] == "user"
    assert first["content"] == f"{kept.messages[0]['content']}\n\n{kept.messages[1]['content']}"
    assert folded.messages[1:] == kept.messages[2:]


def test_dropped_it_is_gone() -> None:
    """Only the turns are left."""
    [kept] = rows(chat(1), "persona2", "keep", "user")
    [dropped] = rows(chat(1), "persona2", "keep", "user", "drop")
    assert dropped.messages == kept.messages[1:]


def test_folded_before_an_assistant_who_wrote_first_it_is_a_turn_of_its_own() -> None:
    """Templates without a system role want a user at the beginning."""
    assert roles(chat(1), "persona1", "any", "fold") == ["user", "assistant", "user", "assistant"]
    assert roles(chat(1), "persona1", "any", "drop") == ["assistant", "user", "assistant"]


@given(PARTS, SIDES, TAGS, st.sampled_from(["fold", "drop"]), st.sampled_from(["user", "any"]))
def test_rows_without_a_system_message_are_what_trainers_take(
    parts: Any, side: Any, tags: Any, system: Any, start: Any
) -> None:
    """No system role at all; strict alternation, from the user on."""
    for row in rows(chat(1, parts), side, tags, start, system):
        found = [message["role"] for message in row.messages]
        assert "system" not in found
        assert found[-1] == "assistant"
        if system == "fold" or start == "user":
            assert found == ["user", "assistant"] * (len(found) // 2)
            messages, sharegpt = fields(row, "messages"), fields(row, "sharegpt")
            assert trl_takes(messages)
            assert llama_factory_takes(messages, llama_factory_entry("x", "messages"))
            assert llama_factory_takes(sharegpt, llama_factory_entry("x", "sharegpt"))
            assert axolotl_takes(messages, axolotl_entry("x", "messages"))


def tagged() -> Chat:
    one = chat(1)
    people = {
        "persona1": one.experience.persona1.model_copy(
            update={"background": "Sells <image>mugs</image> online."}
        )
    }
    told = {
        "relationship": "met by <audio>a wrong number</audio>",
        "situation": "<gif>a cat</gif>",
        "topic": "<image>a brass block</image> is this yours?",
    }
    return one.model_copy(update={"experience": one.experience.model_copy(update=people | told)})


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        (
            "keep",
            ["<image>mugs</image>", "<audio>a wrong number</audio>", "<gif>a cat</gif>", "<image>a brass"],
        ),
        ("strip", ["Sells online.", "met by a wrong number", "going on: not told", "about: is this yours?"]),
        (
            "verbalize",
            [
                "[sends a picture: mugs]",
                "[voice message: a wrong number]",
                "[sends a gif: a cat]",
                "a brass block]",
            ],
        ),
    ],
)
@pytest.mark.parametrize("system", ["keep", "fold"])
def test_tags_in_the_system_message_follow_the_option(tags: Any, wanted: list[str], system: System) -> None:
    """Vision templates take <image> for a picture wherever it stands."""
    for row in rows(tagged(), "both", tags, "user", system):
        told = row.messages[0]["content"]
        assert all(words in told for words in wanted), told
        assert tags == "keep" or not any(mark in told for mark in ("<image", "<gif", "<audio"))


def export(chats: Path, *words: str | Path) -> str:
    done = CliRunner().invoke(app, ["export", str(chats), *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stderr


@pytest.mark.parametrize(("system", "first"), [("keep", "system"), ("fold", "user"), ("drop", "user")])
def test_the_option_reaches_the_rows(tmp_path: Path, system: str, first: str) -> None:
    """In every row of the file."""
    chats = write_chats(tmp_path / "c.jsonl", [chat(1), chat(2)])
    export(chats, "--out", tmp_path / "x", "--system", system)
    for line in (tmp_path / "x/train.jsonl").read_text().splitlines():
        assert json.loads(line)["messages"][0]["role"] == first


def test_chatml_text_says_that_it_is_for_pretraining(tmp_path: Path) -> None:
    """On stderr, in the note for LLaMA-Factory and in the help; axolotl's type for it is completion."""
    chats = write_chats(tmp_path / "c.jsonl", [chat(1)])
    assert "stage: pt" in export(chats, "--out", tmp_path / "x", "--format", "chatml-text")
    note = json.loads((tmp_path / "x/dataset_info.json").read_text())["soc_train"]
    assert note == {"file_name": "train.jsonl", "columns": {"prompt": "text"}, "stage": "pt"}
    axolotl = yaml.safe_load((tmp_path / "x/axolotl.yaml").read_text())
    assert axolotl["datasets"][0]["type"] == "completion"
    assert "stage: pt" not in export(chats, "--out", tmp_path / "y")
    assert "stage: pt" in " ".join(
        CliRunner().invoke(app, ["export", "--help"], env={"COLUMNS": "300"}).stdout.split()
    )
