"""The stages with their inputs and outputs, in order: each ``run_…`` is one command, less the printing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from soc_gen.asking import Asking, Report, Work, ask, hashes_of
from soc_gen.errors import ConversationFailed, UsageError
from soc_gen.jsonl import BadLine, open_input, read_jsonl
from soc_gen.llm.connect import connect
from soc_gen.manifest import file_sha256
from soc_gen.models import Chat, Experience
from soc_gen.runner import Job, Session
from soc_gen.stages.rollout import Rules, chat_id, roll_out


async def run_rollout(source: Path, out: Path, asking: Asking) -> Report:
    """Play the experiences in ``source`` into ``out``.

    Raises:
        SocError: The input cannot be read, or the run cannot go on.
    """
    total = _count(source, asking.limit)
    digest = file_sha256(source)
    config, rollout = asking.config, asking.config.rollout
    async with connect(asking.endpoint, asking.stop.sleep, asking.notice) as connection:
        asking.meter.total = total

        def jobs() -> Iterator[Job[Experience | BadLine]]:
            for index, record in enumerate(islice(read_jsonl(source, Experience), asking.limit)):
                if isinstance(record, BadLine):
                    yield Job(index, f"{digest[:12]}:{index}", record)
                else:
                    yield Job(index, chat_id(record, connection.model, config.random_seed), record)

        async def play(job: Job[Experience | BadLine], session: Session, given_up: int) -> Chat:
            if isinstance(job.payload, BadLine):
                raise ConversationFailed("bad_record", f"{job.payload.where}: {job.payload.why}")
            attempts = rollout.max_attempts * (1 + given_up)
            rules = Rules(rollout, config.random_seed, connection.model, attempts, asking.note)
            return await roll_out(job.payload, session, rules)

        prompts = hashes_of("rollout_", "persona_card")
        inputs = {
            "experiences": digest,
            "model": connection.model,
            "random_seed": config.random_seed,
            "prompts": prompts,
            "rollout": rollout.model_dump(mode="json", exclude={"max_attempts"}),
        }
        facts = {"inputs": [{"path": str(source), "sha256": digest, "records": total}], "prompts": prompts}
        return await ask(Work("rollout", inputs, jobs(), play, facts=facts), out, asking, connection)


def _count(path: Path, limit: int | None) -> int:
    """Return how many lines of ``path`` are to be done.

    Raises:
        UsageError: The file cannot be read, or has none.
    """
    with open_input(path) as handle:
        count = sum(1 for _ in islice((line for line in handle if line.strip()), limit))
    if not count:
        raise UsageError("is empty: there is nothing to do", where=str(path))
    return count
