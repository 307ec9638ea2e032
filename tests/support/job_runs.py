"""Running jobs against a server that is scripted in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soc_gen.engine.concurrency import Slots
from soc_gen.engine.connect import Connection
from soc_gen.engine.context import RunContext
from soc_gen.engine.journal import Journal
from soc_gen.engine.metrics import RunMetrics
from soc_gen.engine.ordered_output import OrderedOutput
from soc_gen.engine.runner import ActiveRun, Job, Session, run_jobs
from soc_gen.engine.stop import Stop
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router
from soc_gen.llm.types import Reply, Request, Usage
from soc_gen.llm.wire import Capabilities
from soc_gen.models import Failure, Persona
from soc_gen.settings import Budget, Endpoint, Sampling
from tests.support.journals import INPUTS, persona

TURNS = 3


@dataclass
class Server:
    """Answers with the number of the turn, or with what ``fault`` gives for a request."""

    fault: Callable[[Request], Exception | None] = lambda _: None
    url: str = "http://127.0.0.1:1/v1"
    asked: list[Request] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0

    async def ask(self, request: Request) -> Reply:
        self.asked.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        if error := self.fault(request):
            raise error
        return Reply(f"{request.conversation}.{request.turn}", "stop", Usage(100, 50, 10))


async def talk(job: Job[str], session: Session) -> Persona:
    """Ask three times; the record is what was answered."""
    said: list[str] = []
    for turn in range(TURNS):
        request = Request(job.id, turn, 0, ({"role": "user", "content": " ".join(said)},), Sampling(), turn)
        said.append((await session.complete(request)).text)
    return persona(" ".join(said))


@dataclass
class Outcome:
    failures: list[Failure]
    meter: RunMetrics
    stop: Stop
    written: str


def active(
    router: Router, journal: Journal, slots: Slots, stop: Stop, *, metrics: RunMetrics, budget: Budget
) -> ActiveRun:
    """Return a run of these parts, at an endpoint that nobody listens at."""
    endpoint = Endpoint(base_urls=("http://127.0.0.1:9/v1",))
    context = RunContext(endpoint, budget=budget, stop=stop, metrics=metrics)
    return ActiveRun(context, Connection(router, "m", Capabilities(), slots), journal)


def run(
    folder: Path,
    server: Server,
    *,
    count: int = 5,
    slots: int = 2,
    stop: Stop | None = None,
    meter: RunMetrics | None = None,
    budget: Budget | None = None,
    work: Any = talk,
    jobs: Callable[[], Iterator[Job[str]]] | None = None,
    replica: Replica | None = None,
) -> Outcome:
    out = folder / "out.jsonl"
    stop, meter = stop or Stop(), meter or RunMetrics()

    async def main() -> list[Failure]:
        with Journal(folder / "out.journal.jsonl", INPUTS) as journal:
            fleet = Router([replica or Replica(server, AdaptiveRateLimiter())], 0.5, stop.sleep)
            going = active(fleet, journal, Slots(slots), stop, metrics=meter, budget=budget or Budget())
            work_list = jobs() if jobs else (Job(n, f"c{n}", "") for n in range(count))
            return await run_jobs(going, work_list, work, OrderedOutput(out, journal))

    failures = asyncio.run(main())
    return Outcome(failures, meter, stop, out.read_text() if out.exists() else "")
