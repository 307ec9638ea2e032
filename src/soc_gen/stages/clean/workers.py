"""Reads each line as a chat and examines it, in this process or in several, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from soc_gen.engine.executors.processes import map_chunks
from soc_gen.io.lines import Line
from soc_gen.stages.clean.examine import LineResult, Rules, clean_line

CHUNK_LINES = 256
CHUNK_BYTES = 4 << 20


def map_lines(lines: Iterable[Line], rules: Rules, workers: int) -> Iterator[LineResult]:
    """Yield the result of each line, in order; the same for any number of ``workers``.

    Raises:
        SocError: A worker was killed.
    """
    if workers == 1:
        repairer = rules.repairer()
        yield from (clean_line(line, rules, repairer) for line in lines)
        return
    for chunk, results in map_chunks(_chunks(lines), _prepare, rules, workers):
        yield from map(_restore_bytes, results, chunk)


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


def _prepare(rules: Rules) -> Callable[[list[Line]], list[LineResult]]:
    """Return the function that processes a chunk in a worker; unchanged lines are not sent back."""
    repairer = rules.repairer()

    def clean_chunk(chunk: list[Line]) -> list[LineResult]:
        results = (clean_line(line, rules, repairer) for line in chunk)
        return [
            result._replace(where="", as_read=b"", line=b"" if result.line == line.data else result.line)
            for result, line in zip(results, chunk, strict=True)
        ]

    return clean_chunk


def _restore_bytes(result: LineResult, line: Line) -> LineResult:
    unchanged = result.fingerprint is not None and not result.line
    written = line.data if unchanged else result.line
    return result._replace(where=line.where, as_read=line.data, line=written)
