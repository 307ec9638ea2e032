"""``soc rollout`` as people run it: a process, an endpoint, files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson
import pytest

from tests.support.command import soc
from tests.support.loopback_endpoint import Behaviour, Exchange, LoopbackEndpoint
from tests.support.runs import KEY, Project, experiences, in_input_order, write_experiences


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
    ("field", "text"),
    [
        ("relationship", "dating for three weeks"),
        ("situation", "Maya has a crush on Tim."),
        ("topic", "Maya asks Tim out."),
    ],
)
def test_romance_with_a_minor_in_somebody_elses_experiences_is_not_played(
    project: Project, field: str, text: str
) -> None:
    """It is a failure with its reason, nothing is asked, and the others become chats."""
    adults, other = experiences(2)
    adults = adults.model_copy(update={field: text})
    young = adults.persona2.model_copy(update={"age": 17})
    refused = other.model_copy(update={field: text, "persona2": young})
    write_experiences(project.source, [adults, refused])
    with LoopbackEndpoint() as endpoint:
        assert project.soc(endpoint.url).returncode == 0
    assert [chat.experience.id for chat in project.chats()] == [adults.id]
    (failure,) = project.out.with_name("chats.failures.jsonl").read_bytes().splitlines()
    assert orjson.loads(failure)["reason"] == "minor_in_romance"


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


@pytest.mark.parametrize(("named", "most"), [((), 0), (("--model", "m"), 4)], ids=["listed", "named"])
def test_a_wrong_key_is_one_line_and_no_more_than_the_first_are_asked(
    project: Project, named: tuple[str, ...], most: int
) -> None:
    """A server that repeats the key in its refusal does not get it onto the screen."""
    with LoopbackEndpoint(Behaviour(key="another", echo_key=True)) as endpoint:
        done = project.soc(endpoint.url, *named, "--concurrency", "4", SOC_API_KEY=KEY)
        assert endpoint.requests <= most
        assert endpoint.answers == 0
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


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_a_file_of_another_stage_is_refused_before_the_endpoint_is_looked_for(
    tmp_path: Path, dry: tuple[str, ...]
) -> None:
    """Nothing is written, and no failure is recorded."""
    (tmp_path / "people.csv").write_text("name,age\nAda,31\n")
    words = ("rollout", "people.csv", "--base-url", "http://127.0.0.1:9/v1")
    done = soc(*words, *dry, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: people.csv:1: no line of it is an experience")
    assert "soc generate experiences" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]


@pytest.mark.skipif(
    sys.platform != "linux", reason="file names that are not valid UTF-8 are a thing of Linux"
)
def test_a_file_name_that_is_no_text_stops_nothing(tmp_path: Path) -> None:
    """The manifest, the summary and --json have it with escapes."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    project = Project(folder, 1)
    with LoopbackEndpoint(Behaviour(end_rate=0.5)) as endpoint:
        done = project.soc(endpoint.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert "caf\\udce9/chats.jsonl" in done.stdout
        assert orjson.loads(project.soc(endpoint.url, "--json").stdout)[0]["records"] == 1
    assert project.manifest()["inputs"][0]["path"].endswith("caf\\udce9/experiences.jsonl")


def test_a_stream_that_cannot_write_a_character_gets_its_number(project: Project) -> None:
    """As on Windows, where a pipe is not UTF-8."""
    folder = project.folder / "日記"
    folder.mkdir()
    with LoopbackEndpoint(Behaviour(end_rate=0.5)) as endpoint:
        done = project.soc(endpoint.url, "--out", str(folder / "chats.jsonl"), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u65e5\\u8a18/chats.jsonl" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="named pipes are files on Unix alone")
def test_the_output_is_no_device_and_no_pipe(project: Project) -> None:
    """Such as /dev/null, which root would replace by a file, or /dev/stdout."""
    pipe = project.folder / "pipe"
    os.mkfifo(pipe)
    done = soc("rollout", str(project.source), "--out", str(pipe), "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert "is a pipe or a device" in done.stderr
    assert pipe.is_fifo()


def test_a_replica_that_does_not_answer_is_told(project: Project) -> None:
    """The run begins without it; a check says no."""
    with LoopbackEndpoint() as gone:
        dead = gone.url
    with LoopbackEndpoint(Behaviour(end_rate=0.5)) as endpoint:
        done = project.soc(endpoint.url, "--base-url", dead)
        assert done.returncode == 0
        assert f"{dead} does not answer; the others are asked until it does" in done.stderr
        checked = soc("check", "--base-url", endpoint.url, "--base-url", dead, cwd=project.folder)
    assert checked.returncode == 1
    assert f"not {dead}" in checked.stdout
    assert "every replica answers: NO. Start it, or leave it out." in checked.stdout
