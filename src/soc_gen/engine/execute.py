"""Runs a stage that asks a model, with its files: journal, output, failures, manifest.

A stage is a small class that describes the work (see ``Stage``); the engine does the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from soc_gen.engine.connect import Connection, connect
from soc_gen.engine.context import RunContext
from soc_gen.engine.journal import Journal
from soc_gen.engine.metrics import RunMetrics, cost
from soc_gen.engine.ordered_output import OrderedOutput
from soc_gen.engine.runner import ActiveRun, Job, Session, run_jobs
from soc_gen.errors import OutputError
from soc_gen.io.files import path_to_text
from soc_gen.io.jsonl import write_jsonl
from soc_gen.io.manifest import sidecar_path, write_manifest
from soc_gen.llm.types import Usage
from soc_gen.log import log
from soc_gen.models import Failure, Record
from soc_gen.prompts.loader import prompt_hashes
from soc_gen.settings import Settings
from soc_gen.urls import public_url

J = TypeVar("J")
ACCOUNT_SECONDS = 10.0
"""Seconds between two entries of the run's time in the journal; a killed run loses at most that much."""


class Stage(Protocol[J]):
    """What a stage provides for ``run_stage``. Derive from it: optional members have a default here."""

    name: str
    """Name in the manifest."""
    model: str = ""
    """Name of the model that answers; ``run_stage`` sets it before it calls anything below."""
    rows: bytes = b""
    """Digests of the input's records, ``ROW_BYTES`` each, where records may be added between runs."""

    @property
    def config(self) -> Settings:
        """Return the stage's own settings."""
        ...

    @property
    def total(self) -> int:
        """Return how many records the stage is to make."""
        ...

    def inputs(self) -> dict[str, Any]:
        """Return what the result depends on; a journal that began with other inputs is refused."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return further entries of the manifest: ``inputs`` (files read) and ``prompts`` (hashes)."""
        return {}

    def jobs(self) -> Iterator[Job[J]]:
        """Yield a job for each record, in order; consumed as slots become free, so there may be many."""
        ...

    async def process(self, job: Job[J], session: Session) -> Record:
        """Make the record of one job, asking the model through ``session`` only.

        Raises:
            ConversationError: It cannot be made; the next run tries again.
        """
        ...

    def on_result(self, index: int, record: bytes | None) -> None:  # noqa: ARG002 - most do not care
        """Receive the result of job ``index``: its record as JSON, or None for a failure.

        Failures of earlier runs come first, before any job starts, with the positions they had then. Without
        ``rows`` jobs never move, so these are also their positions now.
        """
        return


@dataclass(frozen=True)
class StageResult:
    """The result of running a stage."""

    stage: str
    out: Path
    records: int
    """Number of records in the output, including those of earlier runs."""
    metrics: RunMetrics
    model: str = ""
    failures: tuple[Failure, ...] = ()
    stopped: str = ""
    """Why the run ended early, or ""."""
    spent: Usage = field(default_factory=Usage)
    """Tokens used by all runs of this output."""


async def run_stage(stage: Stage[J], out: Path, context: RunContext) -> StageResult:
    """Run ``stage`` and write its records to ``out``; finished records of earlier runs are kept.

    Args:
        stage: The work to do.
        out: JSONL file of the records; journal, failures and manifest are written beside it.
        context: The endpoint, the budget, the counters.

    Raises:
        SocError: The run cannot go on; finished work is kept and counted in the manifest.
    """
    async with connect(context.endpoint, context.stop.sleep, context.on_wait) as connection:
        context.metrics.total = stage.total
        stage.model = connection.model
        inputs = stage.inputs()
        path = sidecar_path(out, "journal.jsonl")
        with Journal(path, inputs, row_digests=stage.rows, restart=context.restart) as journal:
            output = OrderedOutput(out, journal, restart=context.restart)
            if journal.damaged:
                log.warning("%s", journal.damage())
            if output.was_damaged:
                log.warning("%s: was damaged or changed; written again from its journal", out)
            for index in journal.failed_indexes:
                stage.on_result(index, None)
            run = ActiveRun(context, connection, journal)
            ledger = _TimeLedger(journal, context.metrics)
            keeping = asyncio.create_task(ledger.run_periodically())
            try:
                failures = await run_jobs(run, stage.jobs(), stage.process, output, stage.on_result)
            finally:
                context.metrics.ended = time.monotonic()
                keeping.cancel()
                await ledger.flush()
                _write_sidecars(out, stage, inputs, run)
            if journal.distrusted:
                log.warning("%s: %d conversations did not fit; asked for again", path, journal.distrusted)
        return StageResult(
            stage=stage.name,
            out=out,
            records=journal.done,
            metrics=context.metrics,
            model=connection.model,
            failures=tuple(failures),
            stopped=context.stop.reason,
            spent=journal.totals.usage,
        )


def _write_sidecars(out: Path, stage: Stage[J], inputs: dict[str, Any], run: ActiveRun) -> None:
    """Write the failures and the manifest of ``out``; called also when the run ended with an error."""
    journal = run.journal
    failures = [journal.pending[index] for index in sorted(journal.pending)]
    write_jsonl(sidecar_path(out, "failures.jsonl"), failures)
    facts = run_facts(run.context, run.connection, journal) | {"inputs_of_the_run": inputs} | stage.facts()
    facts["outputs"] = [{"path": path_to_text(out.name), "records": journal.done}]
    facts["reasons"] = Counter(failure.reason for failure in failures)
    write_manifest(out, stage.name, facts)


@dataclass
class _TimeLedger:
    """Writes the run's time and retries to the journal at intervals, since the run may be killed."""

    journal: Journal
    metrics: RunMetrics
    seconds: float = 0.0
    """Part of the time that is already in the journal; the same for ``retries``."""
    retries: Counter[str] = field(default_factory=Counter)

    async def flush(self) -> None:
        """Write the time and retries since the last call."""
        seconds, retries = self.metrics.seconds, self.metrics.retries.copy()
        due = seconds - self.seconds, retries - self.retries
        self.seconds, self.retries = seconds, retries
        await self.journal.add_time(*due)

    async def run_periodically(self) -> None:
        """Flush every ``ACCOUNT_SECONDS`` until cancelled."""
        # If the journal cannot be written, the run itself fails with that error.
        with suppress(OutputError):
            while True:
                await asyncio.sleep(ACCOUNT_SECONDS)
                await self.flush()


def hashes_of(*prefixes: str) -> dict[str, str]:
    """Return the sha256 of the prompts whose names begin with one of ``prefixes``."""
    return {name: digest for name, digest in prompt_hashes().items() if name.startswith(prefixes)}


def _changed_fields(renamed: Mapping[str, str]) -> dict[str, Any]:
    """Return the request fields that were dropped or sent under another name, if there are any."""
    dropped = sorted(name for name, new in renamed.items() if not new)
    sent_as = {name: new for name, new in renamed.items() if new}
    facts = {"dropped_fields": dropped, "renamed_fields": sent_as}
    return {name: value for name, value in facts.items() if value}


def run_facts(context: RunContext, connection: Connection, journal: Journal) -> dict[str, Any]:
    """Return the manifest's facts of the run: settings, endpoint, counts, tokens, cost in US dollars."""
    metrics, totals = context.metrics, journal.totals
    return {
        "random_seed": context.random_seed,
        "config": context.settings,
        "model": connection.model,
        "endpoint": {
            "kind": "embedded" if context.embedded else "openai-compatible",
            "urls": [] if context.embedded else [public_url(url) for url in context.endpoint.base_urls],
            "structure": connection.capabilities.response_format,
            **_changed_fields(connection.capabilities.renamed),
        },
        "counts": {
            "in": metrics.total,
            "kept": journal.done,
            "failed": len(journal.pending),
            "replies": totals.replies,
            "replies_this_run": metrics.replies,
            "replayed_this_run": metrics.replayed,
        },
        "tokens": asdict(totals.usage),
        "cost": round(cost(metrics.prices, totals.usage), 6),
        "retries": journal.retries,
        "rerolls": journal.notes.get("reroll", {}),
        "repairs": journal.notes.get("repair", {}),
        "seconds": round(journal.seconds, 1),
        "seconds_this_run": round(metrics.seconds, 1),
        "stopped": context.stop.reason,
    }
