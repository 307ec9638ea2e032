"""The embedded model serves, stops, and leaves nothing behind. The real engine, the small real model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from soc_gen.errors import EmbeddedModelError
from soc_gen.llm.embedded.child import ServerPlan
from soc_gen.llm.embedded.server import embedded_server
from soc_gen.llm.embedded.weights import FALLBACK, resolve_weights

HOLD = """
import sys, threading
from pathlib import Path
from soc_gen.llm.embedded.server import embedded_server
with embedded_server(Path(sys.argv[1]), 1, log_dir=Path(sys.argv[2])) as url:
    print(url, flush=True)
    threading.Event().wait()
"""


@pytest.fixture(scope="session")
def weights() -> Path:
    """The small model, downloaded once (98 MB)."""
    return resolve_weights(FALLBACK)


@pytest.fixture(scope="session")
def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_server(weights, 2, log_dir=tmp_path_factory.mktemp("log")) as url:
        yield url


def ask(url: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.loads(response.read())  # type: ignore[no-any-return]


def one_child(parent: int) -> psutil.Process:
    """Return the only child of a process."""
    (child,) = psutil.Process(parent).children()
    return child


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.real_model
def test_it_answers_a_chat(server: str) -> None:
    """The model is known by the name of its file, and usage says what came from the cache."""
    reply = ask(server, messages=[{"role": "user", "content": "Say hello."}], max_tokens=8)
    assert reply["model"] == FALLBACK
    assert reply["choices"][0]["message"]["content"]
    assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] >= 0


@pytest.mark.real_model
def test_it_keeps_to_a_json_schema(server: str) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["glad", "cross"]}}, "required": ["mood"]}
    reply = ask(
        server,
        messages=[{"role": "user", "content": "How is Ben after the burnt cake?"}],
        max_tokens=32,
        response_format={"type": "json_schema", "json_schema": {"name": "mood", "schema": schema}},
    )
    assert json.loads(reply["choices"][0]["message"]["content"])["mood"] in {"glad", "cross"}


@pytest.mark.real_model
def test_it_goes_on_with_a_last_assistant_message_and_echoes_it(server: str) -> None:
    """The transcript format rests on this, with the two fields that vLLM needs for the same."""
    begun = "Maya: you still have my key\nBen:"
    reply = ask(
        server,
        messages=[{"role": "user", "content": "Write a chat."}, {"role": "assistant", "content": begun}],
        max_tokens=12,
        stop=["\n"],
        continue_final_message=True,
        add_generation_prompt=False,
    )
    assert reply["choices"][0]["message"]["content"].startswith(begun)
    assert reply["usage"]["completion_tokens"] <= 12


@pytest.mark.real_model
def test_a_killed_parent_leaves_no_orphan(weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(weights), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert line(parent).startswith("http://127.0.0.1:")
        child = one_child(parent.pid)
        parent.kill()
        child.wait(30)
        assert not child.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the end of a pipe")
def test_a_parent_killed_while_the_model_loads_leaves_no_orphan(tmp_path: Path) -> None:
    """Loading holds Python's lock for as long as it takes, so no thread of the child can see to it."""
    engine = "import ctypes\nc = ctypes.PyDLL(None)\nc.write(2, b'loading\\n', 8)\nc.sleep(600)\n"
    (tmp_path / "xllamacpp.py").write_text(engine)
    plan = ServerPlan("any.gguf", "any", 1, 0, 1).to_json()
    child = subprocess.Popen(
        [sys.executable, "-m", "soc_gen.llm.embedded.child", plan],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stderr is not None
    with child.stderr:
        try:
            assert child.stderr.readline() == b"loading\n"
            child.stdin.close()
            child.wait(20)
        finally:
            child.kill()
            child.wait()


@pytest.mark.real_model
def test_a_server_that_is_killed_is_one_line_with_its_log(weights: Path, tmp_path: Path) -> None:
    """As the kernel does when memory runs out."""
    doomed = tmp_path / "doomed.gguf"
    doomed.symlink_to(weights)
    with (
        pytest.raises(
            EmbeddedModelError, match=r"stopped by itself \(it was killed; out of memory\?\)\. Its log: "
        ),
        embedded_server(doomed, 1, log_dir=tmp_path / "logs"),
    ):
        child = next(p for p in psutil.Process().children() if str(doomed) in p.cmdline()[-1])
        child.kill()
        os.waitid(
            os.P_PID, child.pid, os.WEXITED | os.WNOWAIT
        )  # waits, and leaves the exit code to its owner
    assert len(list((tmp_path / "logs").iterdir())) == 1


@pytest.mark.real_model
def test_serve_prints_the_url_and_ends_cleanly_on_ctrl_c(weights: Path, tmp_path: Path) -> None:
    """The base URL alone on stdout, exit code 0, no child and no log left."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / weights.name).symlink_to(weights)
    command = [
        sys.executable,
        "-c",
        "from soc_gen.cli import main; main()",
        "serve",
        "--embedded-model",
        FALLBACK,
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = os.environ | {"SOC_CACHE": str(tmp_path)}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as serve:  # type: ignore[call-overload]
        url = line(serve)
        assert ask(url, messages=[{"role": "user", "content": "Hi"}], max_tokens=4)["choices"]
        child = one_child(serve.pid)
        serve.send_signal(signal.SIGINT)
        out, err = serve.communicate()
    assert (serve.returncode, out) == (0, "")
    assert err.endswith("Stopped.\n")
    assert not child.is_running()
    assert not list((tmp_path / "logs").iterdir())


def test_a_broken_file_is_one_line_and_its_log_is_kept(tmp_path: Path) -> None:
    """The cause is llama.cpp's first complaint; the log named has the rest."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 64)
    with (
        pytest.raises(EmbeddedModelError, match=r"did not start \(.*gguf.*\)\. Its log: ") as error,
        embedded_server(broken, 1, log_dir=tmp_path / "logs"),
    ):
        pass
    assert "\n" not in str(error.value)
    log = Path(re.findall(r"Its log: (.+)$", str(error.value))[0])
    assert "failed to load model" in log.read_text()


def test_a_server_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    """No process of this one is left."""
    before = psutil.Process().children()
    with (
        pytest.raises(EmbeddedModelError, match=r"was not ready after 0\.001 s"),
        embedded_server(tmp_path / "any.gguf", 1, log_dir=tmp_path, ready_timeout=0.001),
    ):
        pass
    assert psutil.Process().children() == before
