"""What came of one source, on disk: its conversations, and in memory only what duplicates are found by."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from soc_gen import __version__
from soc_gen.engine.executors.processes import map_chunks
from soc_gen.io.files import atomic_write, wrap_write_errors
from soc_gen.mix.config import source_of
from soc_gen.mix.prepare import Job, Result, preparer
from soc_gen.mix.records import Rejected, Unit
from soc_gen.mix.sources.base import units

_CHUNK = 200  # units
_FACTS = np.dtype(
    [
        ("offset", "u8"),
        ("size", "u4"),
        ("tokens", "u4"),
        ("number", "u8"),
        ("text", "u8"),
        ("masked", "u8"),
        ("prompt", "u8"),
        ("group", "u8"),
        ("join", "u8"),
        ("redacted", "?"),
        ("contaminated", "?"),
        ("sketch", "u8"),
        ("sketch_size", "u2"),
    ]
)


class Spool(NamedTuple):
    """The prepared conversations of one source."""

    folder: Path
    rows: int
    """Rows read."""
    rejected: dict[str, int]
    """By reason."""
    facts: Any
    """A numpy array of ``_FACTS``."""

    def record(self, place: int) -> dict[str, Any]:
        """Return the conversation at ``place``."""
        return next(self.records([place]))

    def records(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Yield the conversations at ``places``."""
        with (self.folder / "conversations.jsonl").open("rb") as handle:
            for place in places:
                handle.seek(int(self.facts[place]["offset"]))
                yield orjson.loads(handle.read(int(self.facts[place]["size"])))

    def sketches(self) -> Iterator[bytes]:
        """Yield the MinHash of each conversation, in order."""
        with (self.folder / "sketches.bin").open("rb") as handle:
            for size in self.facts["sketch_size"]:
                yield handle.read(int(size))

    def rejections(self) -> Iterator[dict[str, str]]:
        """Yield what was rejected, in order."""
        with (self.folder / "rejected.jsonl").open("rb") as handle:
            yield from map(orjson.loads, handle)


def make_spool(folder: Path, job: Job, paths: Sequence[Path], workers: int) -> Spool:
    """Return what comes of the files of a source; what an earlier run has finished is taken from ``folder``.

    Raises:
        UsageError: A file is of a wrong form.
        OutputError: ``folder`` cannot be written.
    """
    state = _state(job, paths)
    done = folder / "done.json"
    if done.is_file():
        told = orjson.loads(done.read_bytes())
        if told["state"] == state:
            return _opened(folder, told)
        done.unlink()
    with wrap_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        rows, rejected = _write(folder, _results(job, paths, workers))
        told = {"state": state, "rows": rows, "rejected": dict(sorted(rejected.items()))}
        with atomic_write(done) as handle:
            handle.write(orjson.dumps(told))
    return _opened(folder, told)


def _opened(folder: Path, told: dict[str, Any]) -> Spool:
    facts = np.fromfile(folder / "facts.bin", dtype=_FACTS)
    return Spool(folder, told["rows"], told["rejected"], facts)


def _state(job: Job, paths: Sequence[Path]) -> str:
    """Return what the result depends on, as a digest."""
    files = [(str(path), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths]
    benchmarks = [(name, Path(name).stat().st_size, Path(name).stat().st_mtime_ns) for name in job.benchmarks]
    settings = job.settings.model_dump(exclude={"share"}, mode="json")
    tokens = (job.tokenizer, job.profile)
    return hashlib.sha256(orjson.dumps([__version__, settings, tokens, benchmarks, files])).hexdigest()


def _results(job: Job, paths: Sequence[Path], workers: int) -> Iterator[tuple[int, list[Result]]]:
    read = units(source_of(job.settings), paths, job.settings)
    chunks = iter(lambda: list(islice(read, _CHUNK)), [])
    if workers == 1:
        prepare = preparer(job)
        done: Iterable[tuple[Sequence[Unit], list[list[Result]]]] = (
            (chunk, prepare(chunk)) for chunk in chunks
        )
    else:
        done = map_chunks(chunks, preparer, job, workers)
    for chunk, results in done:
        for unit, made in zip(chunk, results, strict=True):
            yield unit.rows, made


def _refusal_line(item: Rejected) -> bytes:
    told = {"id": item.source_id, "reason": item.reason, "detail": item.detail}
    return orjson.dumps(told) + b"\n"


def _write(folder: Path, results: Iterator[tuple[int, list[Result]]]) -> tuple[int, Counter[str]]:
    rows, offset, sketch, rejected = 0, 0, 0, Counter[str]()
    with (
        (folder / "conversations.jsonl").open("wb") as conversations,
        (folder / "sketches.bin").open("wb") as sketches,
        (folder / "facts.bin").open("wb") as facts,
        (folder / "rejected.jsonl").open("wb") as refused,
    ):
        for count, made in results:
            rows += count
            bad = [item for item in made if isinstance(item, Rejected)]
            rejected.update(item.reason for item in bad)
            refused.writelines(map(_refusal_line, bad))
            for item in [item for item in made if not isinstance(item, Rejected)]:
                conversations.write(item.line + b"\n")
                sketches.write(item.minhash)
                hashes = (item.number, item.text, item.masked, item.prompt, item.group, item.join)
                marks = (item.redacted, item.contaminated, sketch, len(item.minhash))
                entry = (offset, len(item.line), item.tokens, *hashes, *marks)
                facts.write(np.array([entry], dtype=_FACTS).tobytes())
                offset += len(item.line) + 1
                sketch += len(item.minhash)
    return rows, rejected
