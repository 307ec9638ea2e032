"""The whole of it: `soc run` as a process against a real HTTP server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from soc_gen.config import load_config
from soc_gen.llm.embedded.weights import FALLBACK, resolve_weights
from tests.support.command import soc
from tests.support.loopback_endpoint import Behaviour, LoopbackEndpoint

SCHEMA = ["chat_id", "experience", "chat_parts", "model"]


@pytest.fixture
def endpoint() -> Iterator[LoopbackEndpoint]:
    with LoopbackEndpoint(Behaviour(end_rate=0.3)) as running:
        yield running


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_200_conversations_go_through_all_stages(endpoint: LoopbackEndpoint, tmp_path: Path) -> None:
    """200 experiences become 200 chats, in their order, and every chat is kept or rejected."""
    done = soc("run", "--count", "200", "--base-url", endpoint.url, "--concurrency", "64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = tmp_path / "data"
    experiences, chats = rows(data / "experiences.jsonl"), rows(data / "chats.jsonl")
    assert [chat["experience"]["id"] for chat in chats] == [row["id"] for row in experiences]
    assert len(chats) == 200
    assert len(rows(data / "clean.jsonl")) + len(rows(data / "clean.rejected.jsonl")) == 200
    for name in ("experiences.jsonl", "chats.jsonl", "clean.jsonl"):
        assert f"data/{name}" in done.stdout
    assert "figures like people's" in done.stdout


def test_each_stage_asks_its_own_endpoint(tmp_path: Path) -> None:
    """From one config: experiences of one server, chats of another."""
    with LoopbackEndpoint() as one, LoopbackEndpoint(Behaviour(end_rate=0.3)) as two:
        (tmp_path / "two.toml").write_text(
            f'[endpoint]\nbase_urls = ["{one.url}"]\n[rollout.endpoint]\nbase_urls = ["{two.url}"]\n'
        )
        done = soc("run", "--config", "two.toml", "--count", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    data = tmp_path / "data"
    asked = {
        name: json.loads((data / f"{name}.manifest.json").read_text("utf-8"))["endpoint"]["urls"]
        for name in ("experiences", "chats")
    }
    assert asked == {"experiences": [one.url], "chats": [two.url]}
    assert len(rows(data / "chats.jsonl")) == 3


@pytest.mark.real_model
def test_the_main_job_with_the_real_small_model(tmp_path: Path) -> None:
    """No endpoint, no key: two talks of a real model, each of which comes to an end of its own length."""
    resolve_weights(FALLBACK)
    done = soc("run", "--count", "2", "--embedded-model", FALLBACK, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    data, preset = tmp_path / "data", load_config("quickstart")
    experiences, chats = rows(data / "experiences.jsonl"), rows(data / "chats.jsonl")
    owed = rows(data / "experiences.failures.jsonl") + rows(data / "chats.failures.jsonl")
    assert chats
    assert len(chats) + len(owed) == 2
    for chat in chats:
        assert chat["chat_parts"][-1]["messages"][-1] == "<end/>"
        # An end without words belongs to the turn before it: then there is one part fewer than turns.
        assert preset.rollout.min_turns <= len(chat["chat_parts"]) <= preset.rollout.max_turns
        assert chat["experience"] in experiences
        assert chat["model"] == FALLBACK
    assert len(rows(data / "clean.jsonl")) + len(rows(data / "clean.rejected.jsonl")) == len(chats)
    assert "(end)" in done.stdout


def test_nothing_made_suggests_no_next_step(tmp_path: Path) -> None:
    """A run whose prompts do not fit the server says so, and not what to do with an empty file."""
    behaviour = Behaviour(context_tokens=1)
    with LoopbackEndpoint(behaviour) as endpoint:
        done = soc("generate", "experiences", "--count", "1", "--base-url", endpoint.url, cwd=tmp_path)
    assert done.returncode == 1
    assert "Next:" not in done.stdout


def test_a_second_run_pays_for_nothing(endpoint: LoopbackEndpoint, tmp_path: Path) -> None:
    """The same command again asks nothing and leaves the same bytes; a larger count only adds."""
    command = ("run", "--base-url", endpoint.url, "--concurrency", "8", "--count")
    assert soc(*command, "6", cwd=tmp_path).returncode == 0
    asked, before = endpoint.answers, (tmp_path / "data/chats.jsonl").read_bytes()
    assert soc(*command, "6", cwd=tmp_path).returncode == 0
    assert endpoint.answers == asked
    assert (tmp_path / "data/chats.jsonl").read_bytes() == before
    assert soc(*command, "9", cwd=tmp_path).returncode == 0
    after = (tmp_path / "data/chats.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == 9
    assert endpoint.repeated == 0


def test_concurrency_changes_nothing_that_is_asked(endpoint: LoopbackEndpoint, tmp_path: Path) -> None:
    """One slot and 32 slots: the same experiences, the same prompts, the same chats."""
    files, prompts = [], []
    for slots in ("1", "32"):
        folder = tmp_path / slots
        folder.mkdir()
        endpoint.log.clear()
        command = ("run", "--count", "45", "--base-url", endpoint.url, "--seed", "5", "--concurrency", slots)
        assert soc(*command, cwd=folder).returncode == 0
        files.append(
            [(folder / f"data/{name}.jsonl").read_bytes() for name in ("experiences", "chats", "clean")]
        )
        prompts.append(sorted(exchange.key for exchange in endpoint.log))
    assert files[0] == files[1]
    assert prompts[0] == prompts[1]


def test_a_clean_file_loads_with_the_columns_of_soc_2508(endpoint: LoopbackEndpoint, tmp_path: Path) -> None:
    """`datasets` reads it, and every row has these keys and no others."""
    assert soc("run", "--count", "12", "--base-url", endpoint.url, cwd=tmp_path).returncode == 0
    clean = tmp_path / "data/clean.jsonl"
    loaded = load_dataset("json", data_files=str(clean), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == SCHEMA
    person = ["name", "username", "age", "traits", "background", "chatting_style", "model", "id"]
    for row in rows(clean):
        assert list(row) == SCHEMA
        assert list(row["experience"]) == ["persona1", "persona2", "relationship", "situation", "topic", "id"]
        assert list(row["experience"]["persona1"]) == list(row["experience"]["persona2"]) == person
        assert all(list(part) == ["sender", "messages"] for part in row["chat_parts"])


def test_a_budget_is_for_the_whole_of_it(endpoint: LoopbackEndpoint, tmp_path: Path) -> None:
    """Not for each stage anew: what the experiences took is not there for the chats."""
    command = ("run", "--count", "12", "--base-url", endpoint.url, "--concurrency", "2", "--json")
    done = soc(*command, "--max-total-tokens", "20000", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)[:2]
    assert first["records"] == 12
    spent = [sum(stage["tokens"][kind] for kind in ("prompt", "completion")) for stage in (first, second)]
    assert min(spent) > 1000
    assert 20_000 <= sum(spent) <= 20_000 + 2 * 3000
    assert "20,000 tokens" in second["stopped"]


def test_the_summary_can_be_read_by_a_script(endpoint: LoopbackEndpoint, tmp_path: Path) -> None:
    """`--json` prints one JSON value on stdout, and nothing else."""
    done = soc("run", "--count", "3", "--base-url", endpoint.url, "--json", cwd=tmp_path)
    stages = json.loads(done.stdout)
    assert [stage["stage"] for stage in stages] == ["experiences", "rollout", "clean"]
    assert stages[1]["records"] == 3
