"""The embedded model: a llama.cpp server in a child process, an endpoint like any other.

Nothing else in the package knows that it is special: ``embedded_server`` yields a base URL.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from soc_gen.errors import EmbeddedModelError, MissingExtraError
from soc_gen.llm.embedded.catalog import cache_folder
from soc_gen.llm.embedded.child import ServerPlan
from soc_gen.llm.embedded.machine import usable_cores

STOP_SECONDS = 5.0
KILLED = -9
# With libgomp's default, threads that wait spin: on a busy machine 23 tokens/s became 0.7.
SPIN = {"GOMP_SPINCOUNT": "1000"}

Child = subprocess.Popen[bytes]


@contextmanager
def embedded_server(
    weights: Path,
    slots: int,
    *,
    port: int = 0,
    log_dir: Path | None = None,
    ready_timeout: float = 180.0,
) -> Iterator[str]:
    """Serve ``weights`` on loopback while the block runs; yield the base URL, ``http://127.0.0.1:…/v1``.

    The server ends with the block, also on an error or Ctrl-C, and by itself when this process is killed.

    Args:
        weights: A GGUF file; its name without the suffix is the model's name.
        slots: Conversations answered at once, each with 4096 tokens of context.
        port: 0 takes a free one.
        log_dir: Where the server's log is while it runs, and stays if it fails; the cache by default.
        ready_timeout: Seconds that loading the model may take.

    Raises:
        MissingExtraError: The extra ``local`` is not installed.
        EmbeddedModelError: The server did not start in time, or died; the message names its log.
    """
    need_engine()
    log = _new_log(log_dir or cache_folder() / "logs")
    child = _start(ServerPlan(str(weights), weights.stem, slots, port, usable_cores()), log)
    healthy = False
    try:
        url = _ready_url(child, ready_timeout, log)
        try:
            yield f"{url}/v1"
        finally:
            if child.poll() is not None:
                _fail("stopped by itself", child, log)
            healthy = True
    finally:
        _stop(child)
        if healthy:
            log.unlink(missing_ok=True)


def need_engine() -> None:
    """Make sure of what the extra ``local`` installs, before a gigabyte of weights is fetched for it.

    Raises:
        MissingExtraError: It is not installed.
    """
    for package in ("xllamacpp", "psutil"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "local")


def _new_log(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="embedded-", suffix=".log", dir=folder)
    except OSError as error:
        raise EmbeddedModelError(f"no log can be written ({error.strerror})", where=str(folder)) from None
    os.close(handle)
    return Path(name)


def _start(plan: ServerPlan, log: Path) -> Child:
    command = [sys.executable, "-P", "-m", "soc_gen.llm.embedded.child", plan.to_json()]
    with log.open("wb") as stderr:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=SPIN | os.environ,
            start_new_session=True,  # a terminal's Ctrl-C is for the parent, which drains first
        )


def _ready_url(child: Child, timeout: float, log: Path) -> str:
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(_pipe(child.stdout).readline()), daemon=True).start()
    try:
        line = lines.get(timeout=timeout)
    except queue.Empty:
        _fail(f"was not ready after {timeout:g} s", child, log)
    if not line:
        child.wait()
        _fail("did not start", child, log)
    return str(json.loads(line)["url"])


def _stop(child: Child) -> None:
    _pipe(child.stdin).close()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _pipe(child.stdout).close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - for the type checker: both are pipes
    return stream


def _fail(what: str, child: Child, log: Path) -> NoReturn:
    text = log.read_text("utf-8", "replace").strip()
    complaint = re.search(r"^\S+ E (.+)$", text, re.MULTILINE)  # llama.cpp's first error is the cause
    why = complaint[1] if complaint else text.rpartition("\n")[2]
    if child.returncode == KILLED:
        why = "it was killed; out of memory?"
    raise EmbeddedModelError(
        f"the embedded model's server {what}" + (f" ({why})" if why else ""), hint=f"Its log: {log}"
    )
