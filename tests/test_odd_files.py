"""Files and names that are not what they should be: every command says so in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from soc_gen.config import load_config
from soc_gen.errors import SocError, UsageError
from soc_gen.io.files import check_output
from soc_gen.io.manifest import read_object
from soc_gen.settings import Endpoint
from tests.support.publishing import chat, write_chats
from tests.support.runs import experiences, write_experiences
from tests.support.soc_process import SocProcesses

DEEP = 5000
CONFIGS: dict[str, str | bytes] = {
    "arrays": "x = " + "[" * DEEP + "]" * DEEP,
    "inline tables": "x = " + "{a = " * DEEP + "1" + "}" * DEEP,
    "dotted key": ".".join(["a"] * DEEP) + " = 1",
    "dotted table": "[" + ".".join(["a"] * DEEP) + "]",
    "dotted in a body": "[rollout.sampling.extra_body]\n" + ".".join(["a"] * DEEP) + " = 1",
    "deep body": "[rollout.sampling.extra_body]\nx = " + "[" * 300 + "]" * 300,
    "huge integer": "random_seed = " + "9" * 5000,
    "large integer": "random_seed = " + "9" * 30,
    "large integer in a body": "[rollout.sampling.extra_body]\nx = " + "9" * 30,
    "inf": "[endpoint]\ntimeout_seconds = inf",
    "nan": "[endpoint]\ngive_up_seconds = nan",
    "minutes": "[budget]\nmax_minutes = inf",
    "rate": "[endpoint]\nrequests_per_minute = inf",
    "price": "[endpoint.prices]\ninput = nan",
    "temperature": "[rollout.sampling]\ntemperature = nan",
    "inf in a body": "[rollout.sampling.extra_body]\nx = [{y = -inf}]",
    "date in a body": "[rollout.sampling.extra_body]\nx = 2026-01-01",
    "time for text": "[endpoint]\nmodel = 07:30:00",
    "date for a number": "random_seed = 2026-01-01T00:00:00Z",
    "number for a table": "endpoint = 3",
    "text for a table": 'rollout = "x"',
    "list for a table": "[[rollout]]\n[[rollout]]",
    "table for a number": "[random_seed]\na = 1",
    "number for text": "[endpoint]\nmodel = 3",
    "truth for a number": "[rollout]\nmax_turns = true",
    "text for a list": '[endpoint]\nbase_urls = "http://h/v1"',
    "numbers for texts": "[endpoint]\nbase_urls = [1, [2]]",
    "duplicated table": "[rollout]\n[rollout]",
    "duplicated key": "random_seed = 1\nrandom_seed = 2",
    "header of the client": '[endpoint]\naffinity_header = "Authorization"',
    "header with line breaks": '[endpoint]\naffinity_header = "X-A\\r\\nX-B: c"',
    "empty header": '[endpoint]\naffinity_header = ""',
    "header in letters of no header": '[endpoint]\naffinity_header = "X-Sitzung-ß"',
    "control in a url": '[endpoint]\nbase_urls = ["http://h\\u0007/v1"]',
    "not UTF-8": b"x = '\xff\xfe'",
    "binary": bytes(range(256)) * 8,
    "NULs": bytes(4096),
    "UTF-16": "random_seed = 1".encode("utf-16"),
}
"""What is wrong with it, and the config."""


@pytest.fixture(scope="module")
def soc() -> Iterator[SocProcesses]:
    with SocProcesses() as processes:
        yield processes


def told(soc: SocProcesses, folder: Path, *words: str | Path) -> tuple[int | None, str]:
    """Run ``soc`` to an error; return its exit code and its one line."""
    done = soc.run(map(str, words), folder, environment={"SOC_CACHE": str(folder / "c")}, seconds=60)
    assert done.stderr.startswith("error: "), done.stderr[-2000:]
    assert done.stderr.count("\n") == 1, done.stderr[-2000:]
    assert len(done.stderr) < 1500
    return done.exit, done.stderr


@pytest.mark.parametrize("name", CONFIGS)
def test_an_odd_config_is_one_line(tmp_path: Path, name: str) -> None:
    """With exit code 2, and its name."""
    content = CONFIGS[name]
    path = tmp_path / "soc.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=r"soc\.toml") as caught:
        load_config(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", CONFIGS)
def test_an_odd_config_under_options_makes_no_other_error(tmp_path: Path, name: str) -> None:
    """An option may replace what is odd."""
    content = CONFIGS[name]
    path = tmp_path / "soc.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with suppress(UsageError):
        sampling = {"sampling": {"temperature": 0.5}}
        endpoint = {"base_urls": ("http://127.0.0.1:9/v1",), "model": "m"}
        load_config(str(path), {"endpoint": endpoint, "random_seed": 1, "rollout": sampling})


@pytest.mark.parametrize("name", list(CONFIGS)[:6])
def test_a_command_tells_it_in_one_line(soc: SocProcesses, tmp_path: Path, name: str) -> None:
    (tmp_path / "soc.toml").write_text(str(CONFIGS[name]))
    assert told(soc, tmp_path, "run", "--config", "soc.toml")[0] == 2


@pytest.mark.parametrize("personas", ["a\\u0000b", "p" * 300, "\\u001b[2J"])
def test_an_odd_path_in_a_config_is_one_line(soc: SocProcesses, tmp_path: Path, personas: str) -> None:
    (tmp_path / "soc.toml").write_text(f'[experiences]\npersonas = "{personas}"')
    assert told(soc, tmp_path, "run", "--config", "soc.toml")[0] == 2


@pytest.mark.parametrize("name", [".", "folder.toml", "p" * 300, f"{'p' * 300}.toml", "none", "none.toml"])
def test_a_config_that_is_no_file_is_one_line(soc: SocProcesses, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert told(soc, tmp_path, "run", "--config", name)[0] == 2


@pytest.mark.parametrize("header", ["X-Session-ID", "x-smg-routing-key", "Session", "x_y.z~1"])
def test_a_header_of_its_own_is_taken(header: str) -> None:
    assert Endpoint(affinity_header=header).affinity_header == header


@pytest.mark.parametrize(
    "header", ["host", "Content-Length", "COOKIE", "proxy-authorization", "api-key", "te", "a b", "a:", "é"]
)
def test_a_header_that_means_something_else_is_refused(header: str) -> None:
    with pytest.raises(UsageError, match="affinity_header"):
        load_config(None, {"endpoint": {"affinity_header": header}})


@pytest.mark.parametrize(("levels", "taken"), [(40, True), (41, False)])
def test_what_is_sent_may_be_nested_so_deep(levels: int, taken: bool) -> None:
    body: object = 1
    for _ in range(levels):
        body = {"a": body}
    given = {"rollout": {"sampling": {"extra_body": body}}}
    if taken:
        assert load_config(None, given).rollout.sampling.extra_body == body
    else:
        with pytest.raises(UsageError, match="nested too deeply"):
            load_config(None, given)


# --- outputs -----------------------------------------------------------------------------------------


def outputs(folder: Path) -> dict[str, Path]:
    (folder / "folder").mkdir()
    (folder / "file").write_text("")
    (folder / "loop").symlink_to("loop")
    return {
        "long": folder / ("x" * 300),
        "long folder": folder / ("x" * 300) / "out.jsonl",
        "folder": folder / "folder",
        "in a file": folder / "file" / "out.jsonl",
        "device": Path("/dev/null"),
        "no permission": Path("/proc/none/out.jsonl"),
        "in a loop": folder / "loop" / "out.jsonl",
    }


@pytest.mark.parametrize(
    "kind", ["long", "long folder", "folder", "in a file", "device", "no permission", "in a loop"]
)
def test_an_output_that_cannot_be_is_one_line(soc: SocProcesses, tmp_path: Path, kind: str) -> None:
    """And nobody is asked before: the endpoint is not there."""
    out = outputs(tmp_path)[kind]
    chats = write_chats(tmp_path / "chats.jsonl", [chat(0)])
    source = write_experiences(tmp_path / "experiences.jsonl", experiences(1))
    asked = ("--base-url", "http://127.0.0.1:9/v1")
    codes = [
        told(soc, tmp_path, "clean", chats, "--out", out)[0],
        told(soc, tmp_path, "rollout", source, "--out", out, *asked)[0],
        told(soc, tmp_path, "generate", "experiences", "--out", out, *asked)[0],
    ]
    if kind in {"long", "folder", "device", "long folder"}:
        assert codes == [2, 2, 2]
    if kind != "folder":
        told(soc, tmp_path, "init", out)
        told(soc, tmp_path, "export", chats, "--out", out)
        told(soc, tmp_path, "run", "--out-dir", out, *asked)


def test_a_name_leaves_room_for_what_lies_beside_it(soc: SocProcesses, tmp_path: Path) -> None:
    check_output(tmp_path / ("x" * 220))
    with pytest.raises(UsageError, match="220 bytes"):
        check_output(tmp_path / ("x" * 221))
    with pytest.raises(UsageError, match="220 bytes"):
        check_output(tmp_path / ("ß" * 111))
    chats = write_chats(tmp_path / "chats.jsonl", [chat(0)])
    out = tmp_path / f"{'x' * 205}.jsonl"  # with .rejected in its name it has 220
    done = soc.run(["clean", str(chats), "--out", str(out)], tmp_path, environment={}, seconds=60)
    assert done.exit == 0
    assert out.is_file()


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    """No shell passes one; Python does."""
    with pytest.raises(UsageError):
        check_output(tmp_path / "a\0b")


# --- manifests and streams ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"config": ' + "[" * 300 + "]" * 300 + "}",
        '{"config": ' + "[" * DEEP + "]" * DEEP + "}",
        '{"a":' * 900 + "1" + "}" * 900,
        "[]",
        "null",
        "",
        "\0" * 4096,
        '{"config": 1e999}',
        '{"x": "\\ud800"}',
    ],
)
def test_an_odd_manifest_is_one_line(soc: SocProcesses, tmp_path: Path, text: str) -> None:
    chats = write_chats(tmp_path / "clean.jsonl", [chat(0)])
    (tmp_path / "clean.manifest.json").write_text(text)
    with pytest.raises(SocError):
        read_object(tmp_path / "clean.manifest.json")
    told(soc, tmp_path, "push-to-hub", chats, "mia/chats", "--dry-run")


@pytest.mark.parametrize(
    "words",
    [
        ("clean", "--help"),
        ("--version",),
        ("clean", "chats.jsonl"),
        ("clean", "chats.jsonl", "--json"),
    ],
)
@pytest.mark.parametrize("stream", ["full", "closed", "no reader"])
def test_an_output_stream_that_takes_nothing(tmp_path: Path, words: tuple[str, ...], stream: str) -> None:
    """A full one is an error of one line; that the reader has gone is nothing to tell."""
    write_chats(tmp_path / "chats.jsonl", [chat(0)])
    soc = f"{sys.executable} -c 'from soc_gen.cli import main; main()' {' '.join(words)}"
    line = {"full": f"{soc} >/dev/full", "closed": f"{soc} >&-", "no reader": f"(sleep 0.1; {soc}) | true"}
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line[stream]}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if stream == "full":
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: ")
        assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("words", [("init",), ("clean", "none.jsonl"), ("--nonsense",)])
def test_messages_that_nobody_takes_change_no_exit_code(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Stderr is for people: that it is full or closed ends no run."""
    soc = f"{sys.executable} -c 'from soc_gen.cli import main; main()' {' '.join(words)}"
    codes = []
    for number, target in enumerate(("/dev/null", "/dev/full", "&-")):
        (tmp_path / str(number)).mkdir()
        codes.append(
            subprocess.run(
                ["bash", "-c", f"{soc} 2>{target}"],
                cwd=tmp_path / str(number),
                capture_output=True,
                check=False,
                timeout=60,
            ).returncode
        )
    assert len(set(codes)) == 1


def test_a_config_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "soc.toml"
    path.write_text(json.dumps("x"))
    with pytest.raises(UsageError, match=r"soc\.toml"):
        load_config(str(path))
