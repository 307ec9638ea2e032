"""What version 0.1.0 left on disk is taken up by this one: journals, manifests, configs.

The files and how they were made: ``tests/golden/v0.1.0/README.md``. Only the installed command is used.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.golden.make import CLEAN, CUTS, INPUTS, REPLIES, commands, environment
from tests.support.loopback_endpoint import LoopbackEndpoint

GOLDEN = Path(__file__).parent / "golden/v0.1.0"
SOC = Path(sys.executable).with_name("soc")
RUNS = [pytest.param(kind, name, id=f"{kind}-{name}") for kind in INPUTS for name in CUTS]
MAY_DIFFER = {"soc_gen", "config", "inputs_of_the_run", "endpoint", "counts", "seconds", "seconds_this_run"}
"""What a later run may write otherwise into a manifest: times, its address, new settings, its own counts."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the golden files."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "golden"))


@pytest.fixture
def endpoint() -> Iterator[LoopbackEndpoint]:
    with LoopbackEndpoint(REPLIES) as running:
        yield running


def soc(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run ``soc`` in ``folder``."""
    return subprocess.run(
        [SOC, *words],
        cwd=folder,
        env=environment() | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def resume(copy: Path, kind: str, where: str, name: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run the command of ``name`` over what is in the folder ``where``."""
    return soc(copy / kind, *commands(kind, where)[name], "--base-url", url)


def entries(journal: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal."""
    lines = journal.read_bytes().splitlines(keepends=True)
    return [orjson.loads(line) for line in lines if line.endswith(b"\n")]


def replies(journal: Path) -> set[str]:
    """Return the fingerprints of the requests that ``journal`` has a reply to."""
    return {entry["request"] for entry in entries(journal) if entry["kind"] == "reply"}


def failures(path: Path) -> list[tuple[Any, ...]]:
    """Return the failures without their details, which are words for people."""
    records = map(orjson.loads, path.read_bytes().splitlines())
    return [(record["index"], record["id"], record["reason"]) for record in records]


def manifest(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = orjson.loads(path.read_bytes())
    return fields


@pytest.mark.parametrize(("kind", "name"), RUNS)
def test_a_finished_run_asks_nothing_again(
    copy: Path, endpoint: LoopbackEndpoint, kind: str, name: str
) -> None:
    """The output has the same bytes, its journal is only added to, and the manifest counts the same."""
    done = resume(copy, kind, "finished", name, endpoint.url)
    assert done.returncode == 0, done.stderr
    assert endpoint.requests == 0
    old, new = GOLDEN / kind / "finished", copy / kind / "finished"
    assert (new / f"{name}.jsonl").read_bytes() == (old / f"{name}.jsonl").read_bytes()
    before = (old / f"{name}.journal.jsonl").read_bytes()
    assert (new / f"{name}.journal.jsonl").read_bytes().startswith(before)
    assert failures(new / f"{name}.failures.jsonl") == failures(old / f"{name}.failures.jsonl")
    was, now = manifest(old / f"{name}.manifest.json"), manifest(new / f"{name}.manifest.json")
    for key in was.keys() - MAY_DIFFER:
        assert now[key] == was[key], key
    for key in ("in", "kept", "failed", "replies"):
        assert now["counts"][key] == was["counts"][key], key


@pytest.mark.parametrize("name", CUTS)
def test_a_lost_output_is_written_from_the_journal(copy: Path, endpoint: LoopbackEndpoint, name: str) -> None:
    """Without a request, byte for byte."""
    out = copy / f"json/finished/{name}.jsonl"
    out.unlink()
    done = resume(copy, "json", "finished", name, endpoint.url)
    assert (done.returncode, endpoint.requests) == (0, 0), done.stderr
    assert out.read_bytes() == (GOLDEN / f"json/finished/{name}.jsonl").read_bytes()


@pytest.mark.parametrize(("kind", "name"), RUNS)
def test_an_unfinished_run_asks_for_what_is_missing(
    copy: Path, endpoint: LoopbackEndpoint, kind: str, name: str
) -> None:
    """No reply of the journal is asked for again, and it ends as the run that was not interrupted."""
    old, new = GOLDEN / kind, copy / kind
    whole = replies(old / f"finished/{name}.journal.jsonl")
    kept = replies(old / f"unfinished/{name}.journal.jsonl")
    assert kept < whole
    done = resume(copy, kind, "unfinished", name, endpoint.url)
    assert done.returncode == 0, done.stderr
    assert endpoint.requests == endpoint.answers == len(whole - kept)
    assert replies(new / f"unfinished/{name}.journal.jsonl") == whole
    finished = old / f"finished/{name}.jsonl"
    assert (new / f"unfinished/{name}.jsonl").read_bytes() == finished.read_bytes()
    owed = failures(new / f"unfinished/{name}.failures.jsonl")
    assert owed == failures(old / f"finished/{name}.failures.jsonl")


@pytest.mark.parametrize(("where", "finished"), [("finished", 6), ("unfinished", 2)])
def test_the_forecast_knows_what_the_journal_has(copy: Path, where: str, finished: int) -> None:
    """``--dry-run`` counts the chats that are there, and asks nothing."""
    words = [*commands("json", where)["chats"], "--base-url", "http://127.0.0.1:9/v1", "--dry-run", "--json"]
    done = soc(copy / "json", *words)
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    assert (found["finished"], found["conversations"]) == (finished, 6 - finished)
    assert done.stderr == ""


@pytest.mark.parametrize("name", CUTS)
def test_a_journal_of_a_newer_version_is_refused_in_one_line(
    copy: Path, endpoint: LoopbackEndpoint, name: str
) -> None:
    """It says which file and what to do; nothing is asked, and nothing is changed."""
    folder = copy / "json/finished"
    journal = folder / f"{name}.journal.jsonl"
    header, _, rest = journal.read_bytes().partition(b"\n")
    journal.write_bytes(orjson.dumps({**orjson.loads(header), "version": 99}) + b"\n" + rest)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = resume(copy, "json", "finished", name, endpoint.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: finished/{name}.journal.jsonl: ")
    assert done.stderr.count("\n") == 1
    assert "version" in done.stderr
    assert "--restart" in done.stderr
    assert endpoint.requests == 0
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", CUTS)
def test_a_run_with_other_settings_is_refused_in_one_line(
    copy: Path, endpoint: LoopbackEndpoint, name: str
) -> None:
    """Old journals are compared by value: the setting that differs is named."""
    config = copy / "json/soc.toml"
    config.write_text(config.read_text().replace("random_seed = 7", "random_seed = 8"))
    done = resume(copy, "json", "finished", name, endpoint.url)
    assert (done.returncode, done.stderr.count("\n"), endpoint.requests) == (1, 1, 0)
    assert "random_seed was 7, is 8" in done.stderr


def test_cleaning_gives_the_same_bytes_over_an_old_output(copy: Path) -> None:
    """Its manifest says that a clean run wrote it, so it may be replaced."""
    done = soc(copy / "json", *CLEAN)
    assert done.returncode == 0, done.stderr
    old, new = GOLDEN / "json/finished", copy / "json/finished"
    for name in ("clean.jsonl", "clean.rejected.jsonl"):
        assert (new / name).read_bytes() == (old / name).read_bytes(), name
    was, now = manifest(old / "clean.manifest.json"), manifest(new / "clean.manifest.json")
    for key in was.keys() - MAY_DIFFER:
        assert now[key] == was[key], key
    for key in was["counts"].keys() - {"seconds"}:
        assert now["counts"][key] == was["counts"][key], key


def test_chats_are_not_kept_twice_against_an_old_clean_file(copy: Path) -> None:
    """All that 0.1.0 kept repeats what it kept."""
    words = ("--against", "finished/clean.jsonl", "--out", "again.jsonl", "--json")
    done = soc(copy / "json", "clean", "finished/clean.jsonl", *words)
    facts = orjson.loads(done.stdout)
    assert (done.returncode, facts["kept"], facts["against"]) == (1, 0, 16)
    assert facts["rejected_by_reason"] == {"duplicate_id": 16}


def test_a_card_is_written_from_old_manifests(copy: Path) -> None:
    """It tells of all three stages, and the settings it finds are a config."""
    done = soc(copy / "json", "push-to-hub", "finished/clean.jsonl", "mia/golden", "--dry-run")
    assert done.returncode == 0, done.stderr
    folder = copy / "json/finished/clean.hub"
    assert (folder / "data.jsonl").read_bytes() == (GOLDEN / "json/finished/clean.jsonl").read_bytes()
    names = ["1-experiences.manifest.json", "2-chats.manifest.json", "3-clean.manifest.json"]
    assert sorted(path.name for path in (folder / "manifests").iterdir()) == names
    rows = {
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in (folder / "README.md").read_text("utf-8").splitlines()
        if line.startswith("|")
    }
    sampling = "temperature 0.8, max_tokens"
    made = ("0.1.0", "loopback-model", "openai-compatible")
    assert ("experiences", *made, f"{sampling} 400", "7", "2004708aff7e") in rows
    assert ("messages", *made, f"{sampling} 512", "7", "49db06ae937f") in rows
    assert ("cleaning", "0.1.0", "none", "none", "none", "7", "none") in rows
    assert ("cleaning", "22", "16", "6", "–") in rows
    assert ("near_duplicate", "1") in rows
    assert ("speaker_labels", "2") in rows
    assert ("messages", "57,521", "54,076", "1,072", "0.00 USD", "0 s") in rows
    settings = ("--config", "finished/clean.hub/generation.toml", "--dry-run", "--out", "new.jsonl")
    forecast = soc(copy / "json", "rollout", "finished/experiences.jsonl", *settings)
    assert forecast.returncode == 0, forecast.stderr


@pytest.mark.parametrize("config", ["../every-key.toml", "soc.toml"])
def test_an_old_config_is_accepted(copy: Path, config: str) -> None:
    """By the stage that says what it would take, and by cleaning."""
    options = ("--config", config, "--out", "new.jsonl")
    for words in (("rollout", INPUTS["json"], "--dry-run"), ("clean", "finished/chats.jsonl")):
        done = soc(copy / "json", *words, *options)
        assert (done.returncode, "error" in done.stderr) == (0, False), done.stderr
