"""The process that holds the embedded model: llama.cpp and its own server, until stdin closes.

Run by ``server.py`` as ``python -m soc_gen.llm.embedded.child '{"weights": …}'``. Prints one line of
JSON, ``{"url": …}``, when the model is loaded and answers. Its stdin is a pipe that its parent holds and
never writes to: when the parent ends, however it ends, the pipe closes and this process follows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass

SLOT_TOKENS = 4096
"""Context of one slot, in tokens."""
PROMPT_CACHE_MIB = 1024
"""Most host memory that prompts of idle conversations may take."""
WARNINGS = 2
"""llama.cpp's verbosity: errors and warnings, not three lines for each request."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What the parent asks for."""

    weights: str
    """Path of a GGUF file."""
    name: str
    """Model name in ``/v1/models`` and in replies."""
    slots: int
    """Conversations answered at once."""
    port: int
    """0: a free one."""
    threads: int

    def to_json(self) -> str:
        """Return the plan as the one argument of the child."""
        return json.dumps(asdict(self))


def main() -> None:
    """Serve until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent drains first, then lets go
    _end_with_stdin()
    threading.Thread(target=_follow_parent, daemon=True).start()
    ready = os.dup(1)
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log; the pipe carries one line
    server = _serve(ServerPlan(**json.loads(sys.argv[1])))
    os.write(ready, json.dumps({"url": server.listening_address}).encode() + b"\n")
    threading.Event().wait()


def _end_with_stdin() -> None:
    """Have the kernel end this process when stdin closes: loading the model keeps Python's threads waiting.

    Where there is no such signal for pipes (all but Linux), the thread sees to it after the loading.
    """
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not on Windows

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def _follow_parent() -> None:
    while os.read(0, 1):  # not sys.stdin: a thread in its buffer makes Python abort at its end
        pass
    os._exit(0)  # nothing here needs saving, and an orderly end would wait for running requests


def _serve(plan: ServerPlan):  # type: ignore[no-untyped-def] # noqa: ANN202 - xllamacpp has no types
    import xllamacpp  # noqa: PLC0415 - an extra; the parent has seen that it is there

    params = xllamacpp.CommonParams()
    params.model.path = plan.weights
    params.model_alias = {plan.name}
    params.n_parallel = plan.slots
    params.n_ctx = plan.slots * SLOT_TOKENS  # of all slots together
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.cpuparams.n_threads = plan.threads
    params.cpuparams_batch.n_threads = plan.threads
    params.port = plan.port
    params.verbosity = WARNINGS
    params.ui = False
    params.cors_origins = "localhost"  # not for any web page that a browser has open
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
