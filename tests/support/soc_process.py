"""Run ``soc`` in a process of its own, two hundred times a minute.

Loading it takes a second. So one process loads it, once, and each run is a fork of that: a real process with
its own standard streams, exit code and signals, in 0.05 s. Nothing of the package is named here but its
entry point.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_NOWHERE = ("--base-url", "http://127.0.0.1:9/v1")
_WARM_UP = (
    ("check", *_NOWHERE),
    ("rollout", str(ROOT / "seeds" / "experiences.jsonl"), *_NOWHERE),
    ("generate", "experiences", *_NOWHERE),
    ("clean", "missing.jsonl"),
)
"""Commands that fail, but not before they have loaded what they need."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    exit: int | None
    """None: it had to be killed."""
    stdout: str
    stderr: str
    seconds: float
    megabytes: float
    """Of memory, at most."""


class SocProcesses:
    """Starts ``soc``, one run at a time; hold it with ``with``."""

    def __enter__(self) -> SocProcesses:
        command = [sys.executable, "-m", "tests.support.soc_process"]
        self._parent = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment({})
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate(timeout=10)

    def run(
        self,
        words: Iterable[str],
        folder: Path,
        *,
        environment: Mapping[str, str],
        seconds: float,
        meanwhile: Callable[[int], None] = lambda _: None,
    ) -> Ended:
        """Run ``soc`` with ``words``.

        Args:
            words: What is typed after ``soc``.
            folder: Where it is typed; its standard streams are kept there.
            environment: Variables; no other one that means anything to soc is seen.
            seconds: After which it is killed.
            meanwhile: Is told the process's id while it runs.
        """
        order = {"words": list(words), "folder": str(folder), "environment": _environment(environment)}
        began = time.monotonic()
        self._say(order)
        pid = int(self._heard())
        killed = threading.Event()
        timer = threading.Timer(seconds, _kill, (pid, killed))
        timer.start()
        meanwhile(pid)
        code, megabytes = self._heard().split()
        timer.cancel()
        took = time.monotonic() - began
        out, err = ((folder / name).read_text("utf-8", "backslashreplace") for name in ("stdout", "stderr"))
        return Ended(None if killed.is_set() else int(code), out, err, took, float(megabytes))

    def _say(self, order: dict[str, Any]) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()

    def _heard(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline()


def _kill(pid: int, killed: threading.Event) -> None:
    killed.set()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOC_", "OPENAI_"))}
    return {**kept, "NO_COLOR": "1", **more}


# --- the process that has it loaded ------------------------------------------------------------------


def _main() -> Callable[[], None]:
    (entry, *_) = entry_points(group="console_scripts", name="soc")
    main: Callable[[], None] = entry.load()
    return main


def _warm_up() -> None:
    main, streams = _main(), (sys.stdout, sys.stderr)
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        os.chdir(folder)
        sys.stdout = sys.stderr = nowhere
        for words in _WARM_UP:
            sys.argv = ["soc", *words]
            with suppress(SystemExit):
                main()
        sys.stdout, sys.stderr = streams
        os.chdir(ROOT)


def _become(order: dict[str, Any]) -> None:
    """Be the run: what comes of it, a trace too, goes where a shell would put it."""
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    for number, (name, mode) in enumerate(((os.devnull, "r"), ("stdout", "w"), ("stderr", "w"))):
        with Path(name).open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - they are the process's own
        for number, mode in enumerate("rww")
    )
    sys.argv = ["soc", *order["words"]]
    _main()()
    sys.exit(0)


def _serve() -> None:
    _warm_up()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status, used = os.wait4(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {used.ru_maxrss / 1024:.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
