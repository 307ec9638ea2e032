"""Lines to outcomes: read a line as a chat, examine it; in this process or in several, in order."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread

from soc_gen.errors import SocError
from soc_gen.io.lines import Line
from soc_gen.stages.clean.examine import Outcome, Rules, examine_line
from soc_gen.stages.clean.repairs.repairer import Repairer

CHUNK_LINES = 256
CHUNK_BYTES = 4 << 20


def examined_lines(lines: Iterable[Line], rules: Rules, workers: int) -> Iterator[Outcome]:
    """Yield the outcome of each line, in order.

    Raises:
        SocError: A worker was killed.
    """
    if workers == 1:
        repairer = rules.repairer()
        yield from (examine_line(line, rules, repairer) for line in lines)
        return
    try:
        for outcomes in _in_processes(_chunks(lines), rules, workers):
            yield from outcomes
    except BrokenProcessPool:
        raise SocError("a worker process was killed", hint="Try fewer --workers") from None


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.data)
        if len(chunk) >= CHUNK_LINES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


_worker: tuple[Rules, Repairer] | None = None  # of this process, when it is a worker


def _start(rules: Rules) -> None:
    global _worker  # noqa: PLW0603 - an executor's initializer has no other way to leave something
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _worker = (rules, rules.repairer())
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave when the parent was killed: workers hold each other's pipes open, and would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _examine_chunk(chunk: list[Line]) -> list[Outcome]:
    """Examine a chunk in a worker; what the parent has already is not sent back."""
    if _worker is None:
        msg = "not a worker"
        raise RuntimeError(msg)
    rules, repairer = _worker
    outcomes = (examine_line(line, rules, repairer) for line in chunk)
    return [
        one._replace(where="", as_read=b"", line=b"" if one.line == line.data else one.line)
        for one, line in zip(outcomes, chunk, strict=True)
    ]


def _in_processes(chunks: Iterator[list[Line]], rules: Rules, workers: int) -> Iterator[list[Outcome]]:
    waiting: deque[tuple[list[Line], Future[list[Outcome]]]] = deque()
    # Not fork: the parent may have threads, and Windows and macOS have no safe one.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (rules,)) as pool:
        try:
            first = list(islice(chunks, 2 * workers))
            with _interrupts_waiting():
                waiting.extend((chunk, pool.submit(_examine_chunk, chunk)) for chunk in first)
            while waiting:
                chunk, future = waiting.popleft()
                outcomes = [_whole(one, line) for one, line in zip(future.result(), chunk, strict=True)]
                for following in islice(chunks, 1):
                    waiting.append((following, pool.submit(_examine_chunk, following)))
                yield outcomes
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block ends; for processes started in it, Ctrl-C waits for ever.

    So it is this process that stops the workers, and none of them writes a trace.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _whole(outcome: Outcome, line: Line) -> Outcome:
    unchanged = outcome.fingerprint is not None and not outcome.line
    written = line.data if unchanged else outcome.line
    return outcome._replace(where=line.where, as_read=line.data, line=written)
