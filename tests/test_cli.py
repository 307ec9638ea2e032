"""The command line as a user meets it: as a process."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from soc_gen.io.resources import shipped
from tests.support.command import soc
from tests.support.loopback_endpoint import LoopbackEndpoint

COMMANDS = [
    ("generate", "experiences"),
    ("rollout",),
    ("clean",),
    ("push-to-hub",),
    ("export",),
    ("mix",),
    ("run",),
    ("serve",),
    ("check",),
    ("init",),
]
HEAVY = {"pydantic", "openai", "datasets", "huggingface_hub", "numpy", "aiohttp", "pyarrow", "tenacity"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples(command: tuple[str, ...]) -> None:
    """`--help` of every command shows how it is typed."""
    done = soc(*command, "--help")
    assert done.returncode == 0
    assert f"soc {' '.join(command)}" in done.stdout.partition("example")[2]


def test_help_imports_nothing_heavy() -> None:
    """`soc --help` leaves the libraries of the stages alone, in a fresh process."""
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from soc_gen.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(done.stdout.split())


def test_an_unknown_option_names_the_nearest_right_one() -> None:
    """Wrong use is exit code 2, with a suggestion."""
    done = soc("rollout", "x.jsonl", "--max-turn", "3")
    assert done.returncode == 2
    assert "--max-turns" in done.stderr


def test_an_error_is_one_line_without_a_trace(tmp_path: Path) -> None:
    """A missing input is told with its name; exit code 2."""
    done = soc("rollout", "missing.jsonl", "--base-url", "http://127.0.0.1:9/v1", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == "error: missing.jsonl: no such file"


@pytest.mark.parametrize(
    "words", [("--verbose", "rollout", "missing.jsonl"), ("rollout", "missing.jsonl", "--verbose")]
)
def test_verbose_adds_the_trace(words: tuple[str, ...], tmp_path: Path) -> None:
    """Wherever it stands; the line and the exit code are the same."""
    done = soc(*words, "--base-url", "http://127.0.0.1:9/v1", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("error: missing.jsonl: no such file\n")


def test_a_budget_in_money_needs_prices(tmp_path: Path) -> None:
    """Without them it would never be reached."""
    done = soc("rollout", "x.jsonl", "--base-url", "http://127.0.0.1:9/v1", "--max-cost", "5", cwd=tmp_path)
    assert done.returncode == 2
    assert "[endpoint.prices]" in done.stderr


def test_nobody_listening_is_told_at_once(tmp_path: Path) -> None:
    """A closed port is a failed run, exit code 1, before anything is written."""
    source = tmp_path / "experiences.jsonl"
    source.write_bytes((shipped("seeds") / "experiences.jsonl").read_bytes())
    done = soc("rollout", str(source), "--base-url", "http://127.0.0.1:9/v1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nobody answers at http://127.0.0.1:9/v1. ")
    assert list(tmp_path.iterdir()) == [source]


def test_a_url_without_a_scheme_is_put_right_in_the_message(tmp_path: Path) -> None:
    """The message shows the URL as it should be written."""
    done = soc("check", "--base-url", "localhost:8000/v1", cwd=tmp_path)
    assert done.returncode == 2
    assert "http://localhost:8000/v1" in done.stderr


@pytest.mark.parametrize("command", ["run", "check", "serve"])
@pytest.mark.parametrize("package", ["xllamacpp", "psutil"])
def test_without_the_extra_for_it_the_embedded_model_is_one_line(
    command: str, package: str, tmp_path: Path
) -> None:
    """Before any weights are looked for: a plain `pip install soc-gen` has no engine."""
    code = f"import sys; sys.modules[{package!r}] = None; from soc_gen.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if not key.startswith("SOC_")}
        | {"SOC_CACHE": str(tmp_path / "cache")},
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == f"error: {package} is not installed. Run: pip install 'soc-gen[local]'\n"
    assert not list(tmp_path.iterdir())


def test_init_writes_a_config_that_loads(tmp_path: Path) -> None:
    """What `soc init` writes is a valid config, and it does not overwrite one."""
    from soc_gen.config import load_config

    assert soc("init", cwd=tmp_path).returncode == 0
    assert load_config(str(tmp_path / "soc.toml")) == load_config("qwen3-235b")
    again = soc("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("run", "--cuont", "3"), "error: No such option: --cuont; did you mean --count?"),
        (("clean",), "error: Missing argument 'chats'"),
        (("run", "--count", "x"), "error: Invalid value for '--count': Input should be a valid integer"),
        (("rnu",), "error: No such command 'rnu'"),
    ],
)
def test_wrong_use_is_one_line(words: tuple[str, ...], line: str) -> None:
    """What is wrong and the nearest right option; exit code 2."""
    done = soc(*words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(line)


@pytest.mark.parametrize("words", [(), ("generate",)])
def test_no_words_at_all_show_the_help(words: tuple[str, ...]) -> None:
    done = soc(*words)
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage:" in done.stdout


def test_ctrl_c_before_anything_is_asked_is_one_line() -> None:
    """Whatever the command waits for: here, an endpoint that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        command = [sys.executable, "-c", "from soc_gen.cli import main; main()", "check", "--base-url", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert said == "Interrupted. What was there is untouched; the same command begins anew.\n"


def test_ctrl_c_while_it_is_loaded_leaves_no_trace(tmp_path: Path) -> None:
    """The imports take long enough for that."""
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    done = soc("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "")


def test_help_says_what_holds_when_an_option_is_not_given() -> None:
    """In words: what stands in brackets is markup to typer, and vanishes."""
    told = " ".join(soc("push-to-hub", "--help").stdout.replace("│", " ").split())
    assert "cc-by-4.0" in told
    assert "HF_TOKEN" in told


def test_init_makes_the_folder_and_names_the_file_as_a_shell_takes_it(tmp_path: Path) -> None:
    done = soc("init", "my runs/soc.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "soc run --config 'my runs/soc.toml'" in done.stdout
    assert (tmp_path / "my runs" / "soc.toml").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--out-dir", "file"), "error: file: is a file; --out-dir takes a folder\n"),
        (("export", "chats.jsonl", "--out", "file"), "error: file: is a file; --out takes a folder\n"),
        (("export", "empty.jsonl"), "error: empty.jsonl: is empty: there is nothing to do\n"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_done(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty.jsonl").touch()
    done = soc(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, said)


def test_personas_that_are_not_there_are_told_before_a_model_is_looked_for(tmp_path: Path) -> None:
    """Its weights may have to be fetched first, and that is 1.1 GB."""
    command = (
        "generate",
        "experiences",
        "--personas",
        "nothere.jsonl",
        "--base-url",
        "http://127.0.0.1:9/v1",
    )
    done = soc(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: nothere.jsonl")


@pytest.mark.parametrize(
    ("option", "value", "place"),
    [
        ("--temperature", 0.0, ("rollout", "sampling", "temperature")),
        ("--min-p", 0.0, ("rollout", "sampling", "min_p")),
        ("--top-k", 0, ("rollout", "sampling", "top_k")),
        ("--min-turns", 0, ("rollout", "min_turns")),
        ("--seed", 0, ("random_seed",)),
        ("--max-turns", 2, ("rollout", "max_turns")),
    ],
)
def test_an_option_wins_over_the_config_also_with_a_zero(
    tmp_path: Path, option: str, value: float, place: tuple[str, ...]
) -> None:
    """What is typed is what the manifest says was used."""
    (tmp_path / "mine.toml").write_text(
        "random_seed = 3\n[rollout]\nmin_turns = 1\nmax_turns = 4\n"
        "[rollout.sampling]\ntemperature = 0.5\nmin_p = 0.1\ntop_k = 9\n"
    )
    first = (shipped("seeds") / "experiences.jsonl").read_bytes().splitlines()[0]
    (tmp_path / "in.jsonl").write_bytes(first)
    with LoopbackEndpoint() as server:
        words = ("--config", "mine.toml", "--base-url", server.url, option, str(value))
        done = soc("rollout", "in.jsonl", "--out", "chats.jsonl", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    used = json.loads((tmp_path / "chats.manifest.json").read_text("utf-8"))["config"]
    for key in place:
        used = used[key]
    assert used == value


def test_a_bad_option_is_not_blamed_on_the_config() -> None:
    """The preset is fine; what was typed is not."""
    done = soc("rollout", "x.jsonl", "--config", "qwen3-vllm", "--concurrency", "abc")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the command line: endpoint.concurrency: ")
