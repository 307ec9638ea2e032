"""Work done in several processes, in order: chunks go out as workers come free, results come back in turn."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from soc_gen.errors import SocError

C = TypeVar("C")
R = TypeVar("R")
S = TypeVar("S")


def map_chunks(
    chunks: Iterable[C], prepare: Callable[[S], Callable[[C], R]], settings: S, workers: int
) -> Iterator[tuple[C, R]]:
    """Yield each chunk with its result, in order; at most two chunks for each worker are read ahead.

    Args:
        chunks: What is to be worked on, a piece at a time; can be pickled, as can the results.
        prepare: A function of a module, called once in every worker: makes the function that works on a
            chunk.
        settings: What ``prepare`` is given.
        workers: Processes.

    Raises:
        SocError: A worker was killed.
    """
    try:
        yield from _in_processes(iter(chunks), prepare, settings, workers)
    except BrokenProcessPool:
        raise SocError("a worker process was killed", hint="Try fewer --workers") from None


_work: Callable[[Any], Any] | None = None  # of this process, when it is a worker


def _start(prepare: Callable[[S], Callable[[C], R]], settings: S) -> None:
    global _work  # noqa: PLW0603 - an executor's initializer has no other way to leave something
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _work = prepare(settings)
    Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent process dies; otherwise workers block on each other's pipes."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work_on(chunk: Any) -> Any:  # noqa: ANN401 - whatever the caller's chunks and results are
    if _work is None:
        msg = "not a worker"
        raise RuntimeError(msg)
    return _work(chunk)


def _in_processes(
    chunks: Iterator[C], prepare: Callable[[S], Callable[[C], R]], settings: S, workers: int
) -> Iterator[tuple[C, R]]:
    waiting: deque[tuple[C, Future[R]]] = deque()
    # Not fork: the parent may have threads, and Windows and macOS have no safe one.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (prepare, settings)) as pool:
        try:
            first = list(islice(chunks, 2 * workers))
            with _interrupts_blocked():
                waiting.extend((chunk, pool.submit(_work_on, chunk)) for chunk in first)
            while waiting:
                chunk, future = waiting.popleft()
                result = future.result()
                waiting.extend((more, pool.submit(_work_on, more)) for more in islice(chunks, 1))
                yield chunk, result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block ends; processes started in it never see Ctrl-C.

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
