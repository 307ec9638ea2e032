"""soc_gen from Python: objects and paths in, objects out, and an import that costs nothing."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import soc_gen
from soc_gen.models import ChatPart
from tests.support.loopback_endpoint import LoopbackEndpoint
from tests.support.people import TALK, chat

HEAVY = ("pydantic", "openai", "datasets", "rich", "typer", "numpy", "aiohttp", "huggingface_hub")
SPOKEN = chat(*TALK)


def endpoint_config(url: str) -> soc_gen.Config:
    """Return a config for short chats against ``url``."""
    groups = {"endpoint": {"base_urls": (url,), "concurrency": 2}, "rollout": {"max_turns": 6}}
    return soc_gen.load_config(None, groups)


def fresh(code: str) -> str:
    """Run ``code`` in a process of its own; return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_pulls_in_nothing_heavy() -> None:
    """A fresh process that imports the package has none of the big libraries."""
    loaded = fresh(f"import sys, soc_gen; print([name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_import_takes_less_than_50_milliseconds() -> None:
    """The fastest of five fresh processes: the others may have been disturbed."""
    code = "import time; began = time.perf_counter(); import soc_gen; print(time.perf_counter() - began)"
    assert min(float(fresh(code)) for _ in range(5)) < 0.05


@pytest.mark.parametrize("name", soc_gen.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    """What the table of names promises can be used and has a docstring."""
    assert getattr(soc_gen, name).__doc__


@pytest.mark.parametrize("first", ["ExportResult", "clean", "Config", "PushResult"])
def test_export_is_the_function_whatever_is_used_first(first: str) -> None:
    """The package of the same name does not take its place."""
    code = f"import soc_gen; soc_gen.{first}; print(soc_gen.export.__name__, callable(soc_gen.export))"
    assert fresh(code) == "export True\n"


def test_a_rollout_of_objects_gives_chats_in_order() -> None:
    """No file is named, none is left."""
    experiences = soc_gen.read_experiences()[:3]
    with LoopbackEndpoint() as server:
        chats = soc_gen.rollout(experiences, config=endpoint_config(server.url))
    assert [chat.experience.id for chat in chats] == [experience.id for experience in experiences]
    assert chats.failures == ()
    assert chats.result.metrics.replies > 0


def test_a_path_and_objects_give_the_same_chats(tmp_path: Path) -> None:
    """What is asked depends on the experiences, not on where they come from."""
    experiences = soc_gen.read_experiences()[:2]
    soc_gen.write_jsonl(tmp_path / "in.jsonl", experiences)
    with LoopbackEndpoint() as server:
        config = endpoint_config(server.url)
        from_objects = soc_gen.rollout(experiences, config=config)
        from_path = soc_gen.rollout(tmp_path / "in.jsonl", config=config, out=tmp_path / "out.jsonl")
    assert list(from_objects) == list(from_path) == soc_gen.read_chats(tmp_path / "out.jsonl")


def test_the_same_call_again_asks_nothing(tmp_path: Path) -> None:
    """With an output, the journal beside it answers."""
    experiences = soc_gen.read_experiences()[:2]
    with LoopbackEndpoint() as server:
        config = endpoint_config(server.url)
        first = soc_gen.rollout(experiences, config=config, out=tmp_path / "chats.jsonl")
        again = soc_gen.rollout(experiences, config=config, out=tmp_path / "chats.jsonl")
    assert list(first) == list(again)
    assert first.result.metrics.replies > 0
    assert again.result.metrics.replies == 0


def test_it_works_inside_a_running_event_loop() -> None:
    """Plain in a thread of its own, or awaited."""
    experiences = soc_gen.read_experiences()[:1]

    async def cell(url: str) -> tuple[list[soc_gen.Chat], list[soc_gen.Chat]]:
        awaited = await soc_gen.arollout(experiences, config=endpoint_config(url))
        plain = soc_gen.rollout(experiences, config=endpoint_config(url))
        return list(awaited), list(plain)

    with LoopbackEndpoint() as server:
        awaited, plain = asyncio.run(cell(server.url))
    assert awaited == plain
    assert len(plain) == 1


def test_generate_experiences_takes_personas_and_a_count() -> None:
    """As objects; the pairs are made of them."""
    people = soc_gen.read_personas()[:4]
    with LoopbackEndpoint() as server:
        made = soc_gen.generate_experiences(people, count=3, config=endpoint_config(server.url))
    assert len(made) == 3
    assert {person.id for one in made for person in one.people} <= {person.id for person in people}


def test_an_argument_wins_over_the_config() -> None:
    """The URL of the config is not asked."""
    config = endpoint_config("http://127.0.0.1:9/v1")
    with LoopbackEndpoint() as server:
        chats = soc_gen.rollout(soc_gen.read_experiences()[:1], config=config, base_url=server.url)
    assert len(chats) == 1


def test_overrides_keep_the_secrets_of_a_url() -> None:
    """Settings are shown without them, but not laid over without them."""
    config = endpoint_config("http://user:secret@127.0.0.1:9/v1")
    from soc_gen.config import with_overrides

    kept = with_overrides(config, {"rollout": {"max_turns": 9}})
    assert kept.endpoint.base_urls == ("http://user:secret@127.0.0.1:9/v1",)
    assert kept.rollout.max_turns == 9


def test_wrong_use_is_an_error_of_one_line() -> None:
    """Before anything runs."""
    with pytest.raises(soc_gen.UsageError, match="no experiences to play"):
        soc_gen.rollout([], base_url="http://127.0.0.1:9/v1")


def test_a_bad_line_is_an_error_or_is_collected(tmp_path: Path) -> None:
    """With its place; the good lines are there all the same."""
    path = tmp_path / "chats.jsonl"
    path.write_bytes(SPOKEN.to_json() + b"\n{\n")
    with pytest.raises(soc_gen.UsageError, match=r"chats\.jsonl:2: "):
        soc_gen.read_chats(path)
    bad: list[soc_gen.BadLine] = []
    assert soc_gen.read_chats(path, bad_lines=bad) == [SPOKEN]
    assert [line.where for line in bad] == [f"{path}:2"]


def test_clean_gives_the_kept_and_the_rejected() -> None:
    """Every chat ends in one of the two."""
    cleaned = soc_gen.clean([SPOKEN, SPOKEN])
    assert list(cleaned) == [SPOKEN]
    assert [rejection.reason for rejection in cleaned.rejections] == ["duplicate_id"]


def test_clean_files_and_export_write_what_the_commands_write(tmp_path: Path) -> None:
    """Counts come back as objects."""
    soc_gen.write_jsonl(tmp_path / "chats.jsonl", [SPOKEN])
    report = soc_gen.clean_files(tmp_path / "chats.jsonl", tmp_path / "clean.jsonl")
    assert (report.read, report.kept) == (1, 1)
    exported = soc_gen.export(tmp_path / "clean.jsonl", tmp_path / "rows")
    assert exported.files == {"train.jsonl": 2}
    assert soc_gen.export([SPOKEN], tmp_path / "others", perspective="persona1").files == {"train.jsonl": 1}


def hostile() -> soc_gen.Chat:
    """Return a chat whose every text is markup."""
    evil = "<script>alert(1)</script>&[bold]"
    person = SPOKEN.experience.persona1.model_copy(update={"name": evil})
    experience = SPOKEN.experience.model_copy(
        update={"persona1": person, "situation": evil, "relationship": evil, "topic": evil}
    )
    parts = [ChatPart(sender=person.id, messages=[evil, "<end/>"])]
    return SPOKEN.model_copy(update={"experience": experience, "chat_parts": parts})


def test_a_notebook_shows_a_chat_with_every_text_escaped() -> None:
    """A message is text, never markup: title with name and relationship, situation, name, message."""
    shown = hostile()._repr_html_()
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;[bold]") == 5
    assert "&lt;end/&gt;" not in shown


@pytest.mark.parametrize("terminal", [True, False])
def test_rich_prints_a_chat_with_markup_as_text(terminal: bool) -> None:
    """On a terminal as bubbles, in a pipe as lines."""
    written = io.StringIO()
    Console(file=written, force_terminal=terminal, width=90, color_system=None).print(hostile())
    assert "[bold]" in written.getvalue()
    assert "(end)" in written.getvalue()


def test_two_people_are_told_apart_by_side() -> None:
    """The first persona's messages stand left, the second's right."""
    bubbles = SPOKEN.transcript().bubbles
    assert [(bubble.side, bubble.name) for bubble in bubbles[:3]] == [
        (0, "Luna Park"),
        (0, "Luna Park"),
        (1, "Max Okoro"),
    ]
