"""Cleans files: read, examine in several processes, decide in order, write temporary files, rename.

Every line read ends in the output or among the rejections. Each chat is examined by itself, in any process;
duplicates are decided here, in input order. So the result is the same for any number of workers. Memory is
bounded by the index of duplicates: the text of accepted chats is stored on disk, beside the output.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
from rensa import RMinHash

from soc_gen.errors import SocError, UsageError
from soc_gen.io.datasets import read_source
from soc_gen.io.file_set import FileSet, of_unfinished_run
from soc_gen.io.files import check_output, file_sha256, path_to_text, wrap_write_errors
from soc_gen.io.jsonl import BadLine, read_jsonl
from soc_gen.io.lines import LineReader, expand_globs
from soc_gen.io.manifest import manifest_bytes, read_manifest, sidecar_path
from soc_gen.models import Chat, Failure
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.clean.decide import Decider, Known, prompt_texts
from soc_gen.stages.clean.dedup import Fingerprint, fingerprint, minhash
from soc_gen.stages.clean.examine import LineResult, Rules
from soc_gen.stages.clean.features import ChatFeatures
from soc_gen.stages.clean.forms import FormCount
from soc_gen.stages.clean.repairs.repairer import Change
from soc_gen.stages.clean.spool import Spool, Spooled
from soc_gen.stages.clean.workers import map_lines
from soc_gen.text.ngrams import ngrams
from soc_gen.text.prompt_leak import index_prompts
from soc_gen.text.tokens import tokenize

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class CleanJob:
    """One run of ``soc clean``."""

    inputs: Sequence[str | Path]
    """Files or globs."""
    out: Path
    config: CleanConfig = field(default_factory=CleanConfig)
    random_seed: int = 0
    """Seed of the shuffle."""
    workers: int = 1
    """Number of processes that examine chats; 1 uses this process."""
    limit: int | None = None
    """Most records, from the start of the input."""
    examples: int = 0
    """Number of example changes of each repair to keep for display."""
    progress: Callable[[int, int, int], None] = lambda _read, _size, _records: None
    """Called with the bytes read, the total bytes, and the number of records done."""


@dataclass
class CleanReport:
    """Result of a run."""

    out: Path
    rejected_out: Path
    read: int = 0
    kept: int = 0
    repaired: int = 0
    """Kept chats in which a repair changed something."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rejections by reason."""
    repairs: Counter[str] = field(default_factory=Counter)
    """Number of chats changed by each repair, including those rejected later."""
    against: int = 0
    """Chats of other datasets that must not be repeated."""
    against_unread: int = 0
    """Records of those datasets that are not chats."""
    examples: dict[str, list[Change]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, for a script or a manifest."""
        return {
            "in": self.read,
            "kept": self.kept,
            "rejected": self.rejected.total(),
            "repaired": self.repaired,
            "rejected_by_reason": dict(sorted(self.rejected.items())),
            "repairs": dict(sorted(self.repairs.items())),
            "against": self.against,
            "against_unread": self.against_unread,
        }


def clean_files(job: CleanJob) -> CleanReport:
    """Clean the chats of ``job.inputs`` into ``job.out``; write rejections and a manifest beside it.

    Raises:
        UsageError: An input that cannot be read, has no records, or would be replaced by the output; or
            an output that ``soc clean`` did not write.
        SocError: Nothing was kept, and the existing output with chats would be lost.
        OutputError: The output cannot be written; the old one is unchanged.
    """
    paths = expand_globs(job.inputs)
    with wrap_write_errors(job.out):
        report = CleanReport(job.out, _check_outputs(job, paths))
    reader = LineReader(paths, int(job.config.max_line_mb * MEBIBYTE))
    hashes = {path: file_sha256(path) for path in paths}
    manifest = sidecar_path(job.out, "manifest.json")
    with wrap_write_errors(job.out), FileSet(last=manifest) as files:
        rejected = files.open(report.rejected_out)
        with Spool(job.out) as spool:
            run = _Run(job, report, spool, rejected)
            run.load_reference()
            run.process_all(reader, paths)
            run.write(files.open(job.out))
        run.check_counts()
        _refuse_empty_output(job.out, report)
        written = {path: files.close(path) for path in (report.rejected_out, job.out)}
        facts = _facts(job, report, reader, hashes, written)
        files.open(manifest).write(manifest_bytes("clean", facts))
        files.commit()
    return report


def _check_outputs(job: CleanJob, paths: Sequence[Path]) -> Path:
    """Return the path for rejections, after checking that all outputs may be written."""
    inputs: tuple[str | Path, ...] = (*paths, *job.config.against)
    check_output(job.out, inputs)
    rejected, manifest = sidecar_path(job.out, "rejected.jsonl"), sidecar_path(job.out, "manifest.json")
    for path in (job.out, rejected, manifest):
        check_output(path, inputs)
        if path.exists() and path.stat().st_size and not _is_of_a_clean_run(path, manifest):
            raise UsageError(
                "is there, and no clean run wrote it",
                where=str(path),
                hint="Choose another --out, or remove it",
            )
    return rejected


def _is_of_a_clean_run(path: Path, manifest: Path) -> bool:
    """Whether ``path`` may be replaced: its manifest, or an interrupted run's note, shows it is ours."""
    if of_unfinished_run(path, manifest):
        return True
    try:
        return manifest.exists() and read_manifest(manifest).stage in {"clean", "unknown"}
    except UsageError:  # damaged, but only soc_gen writes files of that name
        return True


class _Run:
    """The decisions of one run, made in input order."""

    def __init__(self, job: CleanJob, report: CleanReport, spool: Spool, rejected: IO[bytes]) -> None:
        self._job = job
        self._report = report
        self._spool = spool
        self._rejected = rejected
        self._decider = Decider(job.config, self._known)
        self._others = 0  # numbers below it are chats of other datasets
        self._gone: set[int] = set()
        self._repaired: set[int] = set()
        self._forms = FormCount()

    def load_reference(self) -> None:
        """Read the datasets that must not be repeated.

        Raises:
            UsageError: One of them has no chats.
        """
        for source in self._job.config.against:
            before = self._report.against
            for index, record in enumerate(read_source(source, Chat)):
                if isinstance(record, BadLine):
                    self._report.against_unread += 1
                else:
                    self._report.against += 1
                    self._add_reference(record, f"{path_to_text(source)}:{index + 1}")
            if self._report.against == before:
                raise UsageError("has no chats to compare with", where=source)
        self._others = len(self._spool)
        self._decider.freeze_reference()

    def _add_reference(self, chat: Chat, where: str) -> None:
        chat_fingerprint = fingerprint(ChatFeatures(chat, self._job.config.shingle_words))
        if self._decider.add_reference(chat_fingerprint):
            line = chat.to_json()
            self._spool.add(_spooled(chat_fingerprint, where, line, line))

    def process_all(self, reader: LineReader, paths: Sequence[Path]) -> None:
        """Examine every line and decide on it.

        Raises:
            UsageError: There is no line, or every row of a file has another known form.
        """
        rules = Rules(self._job.config, index_prompts(prompt_texts()), failed_ids(paths))
        lines = islice(iter(reader), self._job.limit)
        for result in map_lines(lines, rules, self._job.workers):
            self._report.read += 1
            self._process(result)
            if self._report.read % 256 == 0:
                self._job.progress(reader.position, reader.size, self._report.read)
        if not self._report.read:
            raise UsageError("is empty: there is nothing to do", where=", ".join(map(str, paths)))
        self._forms.refuse_foreign_file()

    def _process(self, result: LineResult) -> None:
        if result.changes:
            self._count_repairs(result.changes)
        if result.reason not in {"torn_line", "line_too_long"}:
            self._forms.add(result.where, result.as_read, is_chat=result.reason != "invalid_record")
        chat_fingerprint = result.fingerprint
        if chat_fingerprint is None:
            self._reject(result.reason, result.detail, result.where, result.as_read, is_json=result.is_json)
            return
        decision = self._decider.decide(lambda: _name(result.line, result.where), chat_fingerprint)
        if decision.reason is not None:
            self._reject(decision.reason, decision.detail, result.where, result.as_read)
            return
        if result.changes:
            self._repaired.add(len(self._spool))
        self._spool.add(_spooled(chat_fingerprint, result.where, result.line, result.as_read))
        for replaced in decision.replaced:
            was = self._spool.read(replaced.number)
            self._gone.add(replaced.number)
            self._reject("near_duplicate", replaced.detail, was.where, was.as_read)

    def _known(self, number: int) -> Known:
        """Return a stored chat, as the decider needs it."""
        was = self._spool.read(number)
        return Known(
            _name(was.line, was.where), Fingerprint(*was.keys, minhash=None), lambda: self._minhash(was.line)
        )

    def _minhash(self, line: bytes) -> RMinHash:
        """Return the MinHash of a chat in the spool, which is valid."""
        parts = orjson.loads(line)["chat_parts"]
        words = tokenize("\n".join([message for part in parts for message in part["messages"]]))
        return minhash(ngrams(words, self._job.config.shingle_words))

    def _count_repairs(self, changes: Sequence[Change]) -> None:
        self._report.repairs.update({change.repair for change in changes})
        for change in changes if self._job.examples else ():
            shown = self._report.examples.setdefault(change.repair, [])
            if len(shown) < self._job.examples:
                shown.append(change)

    def _reject(self, reason: str, detail: str, where: str, line: bytes, *, is_json: bool = True) -> None:
        self._report.rejected[reason] += 1
        record: object = orjson.Fragment(line) if is_json else line.decode("utf-8", "backslashreplace")
        rejection = {"reason": reason, "detail": detail, "where": where, "record": record}
        self._rejected.write(orjson.dumps(rejection) + b"\n")

    def write(self, handle: IO[bytes]) -> None:
        """Write the chats that were kept."""
        numbers: Sequence[int] = range(self._others, len(self._spool))
        if self._job.config.shuffle:
            numbers = list(numbers)
            random.Random(self._job.random_seed).shuffle(numbers)
        for number in numbers:
            if number not in self._gone:
                handle.write(self._spool.read(number).line + b"\n")
                self._report.kept += 1
                self._report.repaired += number in self._repaired

    def check_counts(self) -> None:
        """Raise an error when a record is missing from the result."""
        report = self._report
        if report.read != report.kept + report.rejected.total():
            raise SocError(
                "lost count of the records: this is a bug, and nothing was written", where=str(report.out)
            )


def _refuse_empty_output(out: Path, report: CleanReport) -> None:
    """Refuse to replace an output with an empty one."""
    if report.kept or not out.is_file() or not out.stat().st_size:
        return
    ((reason, count),) = report.rejected.most_common(1)
    raise SocError(
        f"nothing of {report.read:,} records would be kept ({reason}: {count:,}); left as it was",
        where=str(out),
        hint="Check the input; with another --out, the rejected are written with their reasons",
    )


def failed_ids(paths: Sequence[Path]) -> frozenset[str]:
    """Return the ids in the failures files beside ``paths``."""
    files = (sidecar_path(path, "failures.jsonl") for path in paths)
    records = (record for path in files if path.is_file() for record in read_jsonl(path, Failure))
    return frozenset(record.id for record in records if isinstance(record, Failure))


def _spooled(chat_fingerprint: Fingerprint, where: str, line: bytes, as_read: bytes) -> Spooled:
    return Spooled(
        (
            chat_fingerprint.chat_id,
            chat_fingerprint.text,
            chat_fingerprint.experience,
            chat_fingerprint.words,
        ),
        where,
        line,
        as_read,
    )


def _name(line: bytes, where: str) -> str:
    return f"{orjson.loads(line)['chat_id']} ({where})"


def _facts(
    job: CleanJob, report: CleanReport, reader: LineReader, read: dict[Path, str], written: dict[Path, str]
) -> dict[str, Any]:
    """Return the facts for the manifest; ``read`` and ``written`` are the digests of the files."""
    config = job.config.model_dump(mode="json") | {"against": list(map(path_to_text, job.config.against))}
    records = {report.out: report.kept, report.rejected_out: report.rejected.total()}
    return {
        "random_seed": job.random_seed,
        "config": {"clean": config},
        "limit": job.limit,
        "inputs": [
            {"path": path_to_text(path), "sha256": digest, "records": reader.records[path]}
            for path, digest in read.items()
        ],
        "outputs": [{"path": path_to_text(path.name), "records": count} for path, count in records.items()],
        "sha256": {path_to_text(path.name): digest for path, digest in written.items()},
        "counts": report.as_dict(),
    }
