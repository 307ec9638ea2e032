"""``soc rollout`` as people run it: a process, an endpoint, files."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from tests.engine.runs import KEY, Project, in_input_order
from tests.loopback_endpoint import Behaviour, Exchange, LoopbackEndpoint
from tests.test_cli import soc


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_every_experience_becomes_a_chat_in_input_order(project: Project) -> None:
    """One chat for each, in order, none longer than asked; the summary and the manifest say so."""
    with LoopbackEndpoint(Behaviour(end_rate=0.3)) as endpoint:
        done = project.soc(endpoint.url, "--json")
        assert done.returncode == 0, done.stderr
        assert endpoint.requests == endpoint.answers
    chats = project.chats()
    assert len(chats) == project.count
    assert in_input_order(project)
    assert all(2 <= len(chat.chat_parts) <= 8 for chat in chats)
    summary = orjson.loads(done.stdout)[0]
    assert summary["records"] == project.count
    assert summary["replies"] == endpoint.answers == project.manifest()["counts"]["replies"]


def test_a_second_run_asks_nothing(project: Project) -> None:
    """The same command again finds everything done and leaves the same bytes."""
    with LoopbackEndpoint() as endpoint:
        assert project.soc(endpoint.url).returncode == 0
        before, asked = project.out.read_bytes(), endpoint.requests
        assert project.soc(endpoint.url).returncode == 0
        assert endpoint.requests == asked
    assert project.out.read_bytes() == before


@pytest.mark.parametrize(
    ("place", "fault"), [("environment", "reset"), ("password", ""), ("query", "http_401"), ("query", "")]
)
def test_the_key_is_sent_and_written_nowhere(project: Project, place: str, fault: str) -> None:
    """Not in the output, the journal, the manifest, the lock, the failures, the screen or a trace."""
    config = project.folder / "short.toml"
    config.write_text("[endpoint]\ngive_up_seconds = 0.2\n")

    def plan(exchange: Exchange) -> str | None:
        return fault if exchange.number >= 20 else None

    with LoopbackEndpoint(Behaviour(key=KEY if place == "environment" else None, plan=plan)) as endpoint:
        urls = {
            "environment": endpoint.url,
            "password": endpoint.url.replace("http://", f"http://user:{KEY}@"),
            "query": f"{endpoint.url}?key={KEY}",
        }
        given = {"SOC_API_KEY": KEY} if place == "environment" else {}
        done = project.soc(urls[place], "--config", str(config), SOC_VERBOSE="1", **given)
        assert endpoint.answers >= 20
    assert done.returncode == bool(fault), done.stderr
    assert ("Traceback" in done.stderr) == bool(fault)
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    assert {"chats.jsonl", "chats.journal.jsonl", "chats.manifest.json"} <= {path.name for path in files}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in done.stdout + done.stderr


def test_a_wrong_key_is_one_line_and_nothing_is_asked(project: Project) -> None:
    """A server that repeats the key in its refusal does not get it onto the screen."""
    with LoopbackEndpoint(Behaviour(key="another", echo_key=True)) as endpoint:
        done = project.soc(endpoint.url, SOC_API_KEY=KEY)
        assert endpoint.requests == 0
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "--api-key-env" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert KEY not in done.stderr + done.stdout


def test_the_output_is_no_input(project: Project) -> None:
    """Not with --restart either, which would throw the input away."""
    before = project.source.read_bytes()
    words = ("rollout", str(project.source), "--out", str(project.source), "--restart")
    done = soc(*words, "--base-url", "http://127.0.0.1:9/v1")
    assert (done.returncode, project.source.read_bytes()) == (2, before)
    assert "is an input and would be replaced" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="named pipes are files on Unix alone")
def test_the_output_is_no_device_and_no_pipe(project: Project) -> None:
    """Such as /dev/null, which root would replace by a file, or /dev/stdout."""
    pipe = project.folder / "pipe"
    os.mkfifo(pipe)
    done = soc("rollout", str(project.source), "--out", str(pipe), "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert "is a device or a pipe" in done.stderr
    assert pipe.is_fifo()
