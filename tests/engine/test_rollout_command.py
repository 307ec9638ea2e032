"""``soc rollout`` as people run it: a process, an endpoint, files."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.engine.runs import KEY, Project, in_input_order
from tests.loopback_endpoint import Behaviour, LoopbackEndpoint


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


def test_the_key_is_sent_and_written_nowhere(project: Project) -> None:
    """Not in the output, the journal, the manifest, the lock, the failures, nor on the screen."""
    with LoopbackEndpoint(Behaviour(key=KEY)) as endpoint:
        url = endpoint.url.replace("http://", f"http://user:{KEY}@") + f"?key={KEY}"
        done = project.soc(endpoint.url, MY_KEY=KEY, SOC_API_KEY=KEY)
        with_url = project.soc(url, "--restart", SOC_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert len(project.chats()) == project.count
    written = b"".join(path.read_bytes() for path in project.folder.rglob("*") if path.is_file())
    shown = done.stdout + done.stderr + with_url.stdout + with_url.stderr
    assert KEY.encode() not in written
    assert KEY not in shown


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
