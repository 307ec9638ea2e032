"""The pool of examples: experiences that a new one is told to be unlike (after ConvoGen, 2025).

Jobs are grouped in blocks, and blocks in rounds. The first round of a block uses only the seed experiences,
so that the model's own habits are not fed back without end; each later round also draws from the results of
the *finished earlier rounds* of its block. So the examples of a job depend on earlier rounds of its block and
on ``random_seed``, never on concurrency or on the order in which jobs end.

Only the first result of a job counts. A failed job adds nothing to its block, even if a later run succeeds:
report the recorded failures to the pool of a resumed run before anything else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from soc_gen.models import Experience
from soc_gen.seeding import child_seed
from soc_gen.stages.experiences.config import ExperiencesConfig


class ExamplePool:
    """The pool of examples, for one run.

    Every job must be reported in the end: jobs of later rounds of its block wait for it. A waiting job
    needs no slot, and jobs started in the order of their index cannot deadlock. A run that stops early
    cancels the waiting jobs.
    """

    def __init__(self, seeds: Sequence[Experience], config: ExperiencesConfig, random_seed: int) -> None:
        self._seeds = tuple(seeds)
        self._config = config
        self._random_seed = random_seed
        self._outcomes: dict[int, Experience | None] = {}
        self._finished: dict[range, asyncio.Event] = {}

    async def examples(self, index: int) -> tuple[Experience, ...]:
        """Return the examples of job ``index``, as soon as the earlier rounds of its block are finished."""
        earlier = self._earlier_rounds(index)
        for jobs in earlier:
            await self._event(jobs).wait()
        made = [self._outcomes[job] for jobs in earlier for job in jobs]
        pool = [*self._seeds, *(experience for experience in made if experience)]
        rng = random.Random(child_seed(self._random_seed, "hub", index))
        return tuple(rng.sample(pool, min(self._config.examples, len(pool))))

    def report(self, index: int, outcome: Experience | None) -> None:
        """Report the result of job ``index``: its experience, or None for a failure."""
        self._outcomes.setdefault(index, outcome)
        jobs = self._rounds_of(index)[-1]
        if all(job in self._outcomes for job in jobs):
            self._event(jobs).set()
            self._forget_block(index)

    def _forget_block(self, index: int) -> None:
        """Remove a block that is no longer needed, so that memory does not grow with the run."""
        begin = index - index % self._config.block_size
        block = range(begin, begin + self._config.block_size)
        # A resumed run tries a failed job again, and then needs the results of its block.
        if all(self._outcomes.get(job) for job in block):
            for job in block:
                del self._outcomes[job]
            for jobs in self._rounds_of(block[-1]):
                self._finished.pop(jobs, None)

    def _event(self, jobs: range) -> asyncio.Event:
        return self._finished.setdefault(jobs, asyncio.Event())

    def _earlier_rounds(self, index: int) -> list[range]:
        return self._rounds_of(index)[:-1]

    def _rounds_of(self, index: int) -> list[range]:
        """Return the rounds of the job's block, up to its own."""
        block, size = self._config.block_size, self._config.round_size
        begin = index - index % block
        return [range(start, min(start + size, begin + block)) for start in range(begin, index + 1, size)]
