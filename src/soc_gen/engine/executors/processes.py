"""Lines to outcomes: read a line as a chat, examine it; in this process or in several, in order."""

from __future__ import annotations

import json
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
from typing import NamedTuple

from pydantic import ValidationError

from soc_gen.errors import SocError
from soc_gen.io import jsonl
from soc_gen.io.lines import Line
from soc_gen.models import Chat
from soc_gen.stages.clean.dedup import Fingerprint
from soc_gen.stages.clean.examine import Rules, examine
from soc_gen.stages.clean.repairs.repairer import Change, Repairer

CHUNK_LINES = 256
CHUNK_BYTES = 4 << 20


class Outcome(NamedTuple):
    """What became of one line by itself."""

    where: str
    as_read: bytes
    line: bytes = b""
    """As it would be written; empty where it is rejected."""
    reason: str = ""
    detail: str = ""
    is_json: bool = True
    changes: tuple[Change, ...] = ()
    fingerprint: Fingerprint | None = None
    """None where it is rejected."""


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


def examine_line(line: Line, rules: Rules, repairer: Repairer) -> Outcome:
    """Read ``line`` as a chat and examine it."""
    if line.trouble == "line_too_long":
        detail = (
            f"{line.length:,} bytes, at most {rules.config.max_line_mb:g} MiB; only the beginning is kept"
        )
        return Outcome(line.where, line.data, reason="line_too_long", detail=detail, is_json=False)
    try:
        chat = Chat.model_validate_json(line.data)
    except ValidationError as error:
        return _invalid(line, jsonl.explain(error))
    written = chat.to_json()
    twice = _repeated_key(line.data) if written != line.data else None
    if twice is not None:
        return _invalid(line, f"the key {twice!r} comes twice in one object")
    found = examine(chat, rules, repairer)
    changes = tuple(found.changes)
    if found.fingerprint is None:
        is_json = written == line.data or jsonl.is_json(line.data)
        return Outcome(line.where, line.data, b"", found.reason or "", found.detail, is_json, changes)
    if found.chat is not chat:
        written = found.chat.to_json()
    return Outcome(line.where, line.data, written, changes=changes, fingerprint=found.fingerprint)


def _invalid(line: Line, why: str) -> Outcome:
    is_json = jsonl.is_json(line.data)
    if line.trouble == "torn_line" and not is_json:
        why = "the file ends in the middle of this line; is it still being written?"
        return Outcome(line.where, line.data, reason="torn_line", detail=why, is_json=False)
    return Outcome(line.where, line.data, reason="invalid_record", detail=why[:2000], is_json=is_json)


def _repeated_key(data: bytes) -> str | None:
    """Return a key that some object in ``data``, which is JSON, has twice."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                found.append(key)
            keys.add(key)

    json.loads(data, object_pairs_hook=look, parse_int=str)
    return found[0] if found else None


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
