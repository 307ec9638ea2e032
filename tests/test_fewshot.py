"""Examples come from the seeds and from finished rounds, whoever finishes first."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from soc_gen.models import Experience, Persona
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.experiences.examples import ExamplePool

_CONFIG = ExperiencesConfig(block_size=10, round_size=4, examples=2)
_PERSONA = Persona(
    name="Ann", username=None, age=30, traits=[], background="", chatting_style="", model="", id="a"
)


def _experience(name: str) -> Experience:
    return Experience(
        persona1=_PERSONA, persona2=_PERSONA, relationship="r", situation=name, topic="t", id=name
    )


_SEEDS = [_experience(f"seed {number}") for number in range(5)]


def _hub(config: ExperiencesConfig = _CONFIG, random_seed: int = 1) -> ExamplePool:
    return ExamplePool(_SEEDS, config, random_seed)


def _play(count: int, failed: set[int], order: random.Random) -> dict[int, tuple[str, ...]]:
    """Run jobs that end in a shuffled order; return the names of the examples each was given."""

    async def run() -> dict[int, tuple[str, ...]]:
        hub, given, started = _hub(), dict[int, tuple[str, ...]](), list[int]()

        async def job(index: int) -> None:
            given[index] = tuple(one.id for one in await hub.examples(index))
            started.append(index)

        tasks = [asyncio.create_task(job(index)) for index in range(count)]
        while not all(task.done() for task in tasks) or started:
            for _ in range(5):
                await asyncio.sleep(0)
            done = started.pop(order.randrange(len(started)))
            hub.report(done, None if done in failed else _experience(f"made {done}"))
        return given

    return asyncio.run(asyncio.wait_for(run(), 10))


@given(
    failed=st.sets(st.integers(0, 22)),
    one=st.integers(0, 99),
    two=st.integers(0, 99),
    count=st.integers(1, 23),
)
def test_the_order_in_which_jobs_end_changes_nothing(
    failed: set[int], one: int, two: int, count: int
) -> None:
    """Also not which jobs come after: a short run shows what a long one shows."""
    short = _play(count, failed, random.Random(one))
    assert short == {
        index: names for index, names in _play(23, failed, random.Random(two)).items() if index < count
    }


def test_examples_come_from_earlier_rounds_of_the_same_block_only() -> None:
    """Rounds of 4 in blocks of 10: the last round has 2; job 10 begins a new block."""
    given = _play(23, set(), random.Random(0))
    for index, names in given.items():
        begin = index - index % 10
        earlier = range(begin, begin + (index - begin) // 4 * 4)
        allowed = {seed.id for seed in _SEEDS} | {f"made {number}" for number in earlier}
        assert len(set(names)) == 2
        assert set(names) <= allowed
    assert any(name.startswith("made") for names in given.values() for name in names)


def test_a_failed_experience_is_never_an_example() -> None:
    """Its round is finished all the same."""
    given = _play(8, {0, 1, 2, 3}, random.Random(0))
    assert {name for names in given.values() for name in names} <= {seed.id for seed in _SEEDS}


def test_the_first_outcome_counts() -> None:
    """A failure on record that a later run obtains changes no prompt of its block."""

    async def examples(*reports: tuple[int, Experience | None]) -> list[tuple[Experience, ...]]:
        hub = _hub()
        for index, outcome in reports:
            hub.report(index, outcome)
        return [await hub.examples(index) for index in range(4, 8)]

    others = [(index, _experience(f"made {index}")) for index in range(1, 4)]
    failed = asyncio.run(examples((0, None), *others))
    obtained = asyncio.run(examples((0, None), (0, _experience("made late")), *others))
    assert failed == obtained


def test_a_job_waits_for_the_whole_round_before_it() -> None:
    """Three of four outcomes are not enough; the first round waits for nobody."""

    async def run() -> None:
        hub = _hub()
        assert len(await hub.examples(3)) == 2
        waiting = asyncio.create_task(hub.examples(4))
        for index in range(4):
            await asyncio.sleep(0)
            assert not waiting.done()
            hub.report(index, None)
        assert len(await waiting) == 2

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_pool_smaller_than_wished_gives_what_it_has() -> None:
    """No seeds: no examples in the first round."""

    async def run() -> tuple[Experience, ...]:
        return await ExamplePool([], _CONFIG, 1).examples(0)

    assert asyncio.run(run()) == ()


def test_examples_follow_the_random_seed() -> None:
    """Another seed shows other examples to some job."""

    async def run(random_seed: int) -> list[tuple[Experience, ...]]:
        hub = _hub(ExperiencesConfig(), random_seed)
        return [await hub.examples(index) for index in range(20)]

    assert asyncio.run(run(1)) == asyncio.run(run(1)) != asyncio.run(run(2))


def test_a_finished_block_is_forgotten() -> None:
    """Memory is that of the blocks under way, not of the run."""
    config = ExperiencesConfig(block_size=4, round_size=2)
    hub = _hub(config)
    for index in range(10):
        hub.report(index, _SEEDS[0])
    assert sorted(hub._outcomes) == [8, 9]
