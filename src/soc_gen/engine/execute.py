"""A stage that asks a model, with its files: journal, output, failures, manifest."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from soc_gen.config import Config
from soc_gen.engine.connect import Connection
from soc_gen.engine.journal import Journal
from soc_gen.engine.metrics import RunMetrics, cost
from soc_gen.engine.ordered_output import OrderedOutput
from soc_gen.engine.runner import Job, Run, Session, run_jobs
from soc_gen.engine.stop import Stop
from soc_gen.errors import OutputError
from soc_gen.io.files import path_to_text
from soc_gen.io.jsonl import write_jsonl
from soc_gen.io.manifest import sidecar_path, write_manifest
from soc_gen.llm.types import Usage
from soc_gen.models import Failure, Record
from soc_gen.prompts.loader import prompt_hashes
from soc_gen.settings import EndpointConfig
from soc_gen.urls import public_url

J = TypeVar("J")
ACCOUNT_SECONDS = 10.0
"""How often the journal is told how long the run has taken: what a killed run may miss."""


@dataclass(frozen=True)
class Asking:
    """How a stage that asks a model is set up, watched and stopped."""

    config: Config
    endpoint: EndpointConfig
    """With URLs in it."""
    stop: Stop
    meter: RunMetrics
    restart: bool = False
    limit: int | None = None
    """Records at most, from the start of the input."""
    say: Callable[[str], None] = lambda _: None
    """Is told, a line at a time, what the user should know at once."""

    def notice(self, text: str) -> None:
        """Say what the run waits for."""
        self.meter.notice = text


@dataclass(frozen=True)
class Work(Generic[J]):
    """What a stage brings to be run."""

    stage: str
    inputs: dict[str, Any]
    """What its result depends on; a journal that began with others is refused."""
    jobs: Iterable[Job[J]]
    make: Callable[[Job[J], Session, int], Awaitable[Record]]
    """Makes one record; is told how many runs have given it up before."""
    settled: Callable[[int, bytes | None], None] | None = None
    """Is told of each outcome: the index, and the record as JSON or None."""
    rows: bytes = b""
    """The records of the input, as ``Journal`` takes them."""
    facts: dict[str, Any] = field(default_factory=dict)
    """More for the manifest."""


@dataclass(frozen=True)
class Report:
    """What a stage did."""

    stage: str
    out: Path
    records: int
    """In the output now."""
    meter: RunMetrics
    model: str = ""
    failures: tuple[Failure, ...] = ()
    stopped: str = ""
    """Why it ended before it was through, if it did."""
    spent: Usage = field(default_factory=Usage)
    """By all runs of this output."""


async def ask(work: Work[J], out: Path, asking: Asking, connection: Connection) -> Report:
    """Do ``work`` into ``out``; whatever was done before is not done again.

    Raises:
        SocError: The run cannot go on; what is done is kept, and the manifest says how far it came.
    """
    path = sidecar_path(out, "journal.jsonl")
    with Journal(path, work.inputs, rows=work.rows, restart=asking.restart) as journal:
        output = OrderedOutput(out, journal, restart=asking.restart)
        run = Run(
            fleet=connection.fleet,
            journal=journal,
            slots=connection.slots,
            stop=asking.stop,
            meter=asking.meter,
            budget=asking.config.budget,
            give_up_seconds=asking.endpoint.give_up_seconds,
            auto=connection.auto,
        )

        async def make(job: Job[J], session: Session) -> Record:
            return await work.make(job, session, journal.given_up[job.id])

        if work.settled is not None:
            for index in journal.failed_indexes:
                work.settled(index, None)
        account = _Account(journal, asking.meter)
        accounting = asyncio.create_task(account.keep())
        try:
            failures = await run_jobs(run, work.jobs, make, output, work.settled)
        finally:
            asking.meter.ended = time.monotonic()
            accounting.cancel()
            await account.settle()
            _write_beside(out, work, asking, connection, journal)
    return Report(
        stage=work.stage,
        out=out,
        records=journal.done,
        meter=asking.meter,
        model=connection.model,
        failures=tuple(failures),
        stopped=asking.stop.reason,
        spent=journal.totals.usage,
    )


def _write_beside(out: Path, work: Work[J], asking: Asking, connection: Connection, journal: Journal) -> None:
    """Write the failures and the manifest of ``out``, however the run ended."""
    owed = [journal.owed[index] for index in sorted(journal.owed)]
    write_jsonl(sidecar_path(out, "failures.jsonl"), owed)
    facts = _facts(asking, connection, journal) | {"inputs_of_the_run": work.inputs} | work.facts
    facts["outputs"] = [{"path": path_to_text(out.name), "records": journal.done}]
    facts["reasons"] = Counter(failure.reason for failure in owed)
    write_manifest(out, work.stage, facts)


@dataclass
class _Account:
    """The time and the repeats of a run, put into its journal as they come, since it may be killed."""

    journal: Journal
    meter: RunMetrics
    seconds: float = 0.0
    """In the journal already, as are the retries."""
    retries: Counter[str] = field(default_factory=Counter)

    async def settle(self) -> None:
        """Put there what is not there yet."""
        seconds, retries = self.meter.seconds, self.meter.retries.copy()
        due = seconds - self.seconds, retries - self.retries
        self.seconds, self.retries = seconds, retries
        await self.journal.add_time(*due)

    async def keep(self) -> None:
        """Do so again and again."""
        # What cannot be written fails the run itself, which says so.
        with suppress(OutputError):
            while True:
                await asyncio.sleep(ACCOUNT_SECONDS)
                await self.settle()


def hashes_of(*prefixes: str) -> dict[str, str]:
    """Return the sha256 of the prompts whose names begin with one of ``prefixes``."""
    return {name: digest for name, digest in prompt_hashes().items() if name.startswith(prefixes)}


def _facts(asking: Asking, connection: Connection, journal: Journal) -> dict[str, Any]:
    meter, totals = asking.meter, journal.totals
    return {
        "random_seed": asking.config.random_seed,
        "config": asking.config.model_dump(mode="json"),
        "model": connection.model,
        "endpoint": {
            "kind": "openai-compatible" if asking.config.endpoint.base_urls else "embedded",
            "urls": [public_url(url) for url in asking.config.endpoint.base_urls],
            "structure": connection.capabilities.structure,
        },
        "counts": {
            "in": meter.total,
            "kept": journal.done,
            "failed": len(journal.owed),
            "replies": totals.replies,
            "replies_this_run": meter.replies,
            "replayed_this_run": meter.replayed,
        },
        "tokens": asdict(totals.usage),
        "cost": round(cost(meter.prices, totals.usage), 6),
        "retries": journal.retries,
        "rerolls": journal.notes.get("reroll", {}),
        "repairs": journal.notes.get("repair", {}),
        "seconds": round(journal.seconds, 1),
        "seconds_this_run": round(meter.seconds, 1),
        "stopped": asking.stop.reason,
    }
