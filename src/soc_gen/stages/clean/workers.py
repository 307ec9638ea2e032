"""Lines to results: each line is read as a chat and examined, in this process or in several, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from soc_gen.engine.executors.processes import map_chunks
from soc_gen.io.lines import Line
from soc_gen.stages.clean.examine import Outcome, Rules, examine_line

CHUNK_LINES = 256
CHUNK_BYTES = 4 << 20


def map_lines(lines: Iterable[Line], rules: Rules, workers: int) -> Iterator[Outcome]:
    """Yield the outcome of each line, in order; the same for any number of ``workers``.

    Raises:
        SocError: A worker was killed.
    """
    if workers == 1:
        repairer = rules.repairer()
        yield from (examine_line(line, rules, repairer) for line in lines)
        return
    for chunk, outcomes in map_chunks(_chunks(lines), _prepare, rules, workers):
        yield from map(_restore_bytes, outcomes, chunk)


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


def _prepare(rules: Rules) -> Callable[[list[Line]], list[Outcome]]:
    """Return what a worker does with a chunk; bytes that the parent has already are not sent back."""
    repairer = rules.repairer()

    def examine_chunk(chunk: list[Line]) -> list[Outcome]:
        outcomes = (examine_line(line, rules, repairer) for line in chunk)
        return [
            outcome._replace(where="", as_read=b"", line=b"" if outcome.line == line.data else outcome.line)
            for outcome, line in zip(outcomes, chunk, strict=True)
        ]

    return examine_chunk


def _restore_bytes(outcome: Outcome, line: Line) -> Outcome:
    unchanged = outcome.fingerprint is not None and not outcome.line
    written = line.data if unchanged else outcome.line
    return outcome._replace(where=line.where, as_read=line.data, line=written)
