"""Which conversations come into the mix: split by cluster, then drawn by the seed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from soc_gen.errors import UsageError
from soc_gen.mix.config import Mix, exact, label_of
from soc_gen.mix.draw import Feasible, feasible, quotas, take
from soc_gen.mix.duplicates import Judged, clusters
from soc_gen.mix.spool import Spool

_SCALE = 1 << 64


class Chosen(NamedTuple):
    """One row of the mix."""

    source: int
    """Place of its source."""
    place: int
    """Its place in the spool."""
    split: str
    cluster: int
    copy: int = 0
    """Which repetition it is."""


class Pool(NamedTuple):
    """What a source can give, in the order of the draw."""

    train: list[int]
    test: list[int]
    contaminated: list[int]
    duplicates: list[int]
    clusters: dict[int, int]
    """Of each place that is kept."""


class Selection(NamedTuple):
    """What is drawn, and what could have been."""

    chosen: list[Chosen]
    """Train then test, each shuffled."""
    quotas: list[int]
    possible: Feasible


def is_for_testing(random_seed: int, cluster: int, test_size: float) -> bool:
    """Whether a cluster is held out: about ``test_size`` of them are."""
    return draw_key(random_seed, "split", cluster) < test_size * _SCALE


def draw_key(random_seed: int, *parts: object) -> int:
    """Return the place in a draw: a number of 64 bits that depends on all arguments."""
    return xxh3_64_intdigest("\x1f".join(map(str, (random_seed, *parts))).encode())


def pools(spools: Sequence[Spool], judged: Judged, mix: Mix) -> list[Pool]:
    """Return what each source can give; ``spools`` are in the order in which ``judged`` numbers them."""
    hashes = (int(value) for spool in spools for value in spool.facts["number"])
    smallest = clusters(judged, hashes)
    made: list[Pool] = []
    start = 0
    for spool in spools:
        made.append(_pool(spool, start, judged, smallest, mix))
        start += len(spool.facts)
    return made


def _pool(spool: Spool, start: int, judged: Judged, smallest: dict[int, int], mix: Mix) -> Pool:
    pool = Pool([], [], [], [], {})
    for place in range(len(spool.facts)):
        if start + place in judged.duplicates:
            pool.duplicates.append(place)
        elif spool.facts["contaminated"][place]:
            pool.contaminated.append(place)
        else:
            cluster = smallest[judged.unions.find(start + place)]
            pool.clusters[place] = cluster
            held_out = is_for_testing(mix.random_seed, cluster, mix.mix.test_size)
            (pool.test if held_out else pool.train).append(place)
    numbers = spool.facts["number"]
    for places in (pool.train, pool.test):
        places.sort(key=lambda place: draw_key(mix.random_seed, "draw", int(numbers[place])))
    return pool


def select(spools: Sequence[Spool], given: Sequence[Pool], mix: Mix) -> Selection:
    """Draw the rows of the mix.

    Raises:
        UsageError: A source cannot fill its share, and the config says to fail then.
    """
    shares = [exact(source.share) for source in mix.sources]
    weights = [_weights(spool, mix) for spool in spools]
    possible = feasible(_capacities(given, weights, mix), shares)
    total = possible.total if mix.mix.total == "max" else min(mix.mix.total, possible.total)
    if mix.mix.total != "max" and total < mix.mix.total and mix.mix.when_short == "fail":
        short = label_of(mix.sources[possible.limited_by])
        what = f"{short} cannot fill its share of {mix.mix.total:,}: it caps the mix at {possible.total:,}"
        raise UsageError(what, hint='Lower its share or --total, or set when_short = "shrink"')
    wanted = quotas(total, shares)
    chosen: list[Chosen] = []
    for source, (pool, weight, quota) in enumerate(zip(given, weights, wanted, strict=True)):
        for split, places in _draw(pool, weight, quota, mix).items():
            seen: dict[int, int] = {}
            for place in places:
                copy = seen.get(place, 0)
                seen[place] = copy + 1
                chosen.append(Chosen(source, place, split, pool.clusters[place], copy))
    return Selection(_shuffled(chosen, spools, mix.random_seed), wanted, possible)


def _weights(spool: Spool, mix: Mix) -> Sequence[int]:
    if mix.mix.unit == "tokens":
        return [int(count) for count in spool.facts["tokens"]]
    return [1] * len(spool.facts)


def _capacities(given: Sequence[Pool], weights: Sequence[Sequence[int]], mix: Mix) -> list[int]:
    epochs = Fraction(repr(mix.mix.max_epochs))
    return [
        sum(weight[place] for place in pool.test) + int(sum(weight[place] for place in pool.train) * epochs)
        for pool, weight in zip(given, weights, strict=True)
    ]


def _draw(pool: Pool, weight: Sequence[int], quota: int, mix: Mix) -> dict[str, list[int]]:
    """Return the places for train and test: as much of the quota is for testing as ``test_size`` says."""
    there = sum(weight[place] for place in pool.test)
    rounds = int(mix.mix.max_epochs) + 1 if mix.mix.max_epochs > 1 else 1
    most = int(sum(weight[place] for place in pool.train) * Fraction(repr(mix.mix.max_epochs)))
    testing = min(there, max(round(quota * mix.mix.test_size), quota - most))
    test = take(pool.test, weight, testing)
    train = take(pool.train * rounds, weight, quota - sum(weight[place] for place in test))
    return {"train": train, "test": test}


def _shuffled(chosen: list[Chosen], spools: Sequence[Spool], random_seed: int) -> list[Chosen]:
    def key(row: Chosen) -> tuple[bool, int, int]:
        number = int(spools[row.source].facts["number"][row.place])
        return row.split == "test", draw_key(random_seed, "order", number, row.copy), row.copy

    return sorted(chosen, key=key)
