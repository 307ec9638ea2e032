"""Measure age-weighted pairing: CPU seconds and the most memory held, by bank and number of pairs.

Run it with ``python benchmarks/pairing.py``.
"""

from __future__ import annotations

import time
import tracemalloc
from itertools import islice

import numpy as np

from soc_gen.stages.experiences.pairing import pair_by_age

_CASES = [(150, 11_175), (5_000, 3_000_000), (100_000, 100_000), (1_000_000, 1_000_000)]


def main() -> None:
    print(f"{'personas':>10} {'pairs':>10} {'CPU s':>7} {'peak MB':>8}  (strength 2, ages 18 to 80)")
    for people, wanted in _CASES:
        ages = np.random.default_rng(1).integers(18, 81, people).tolist()
        seconds = _cpu_seconds(ages, wanted)
        tracemalloc.start()
        _cpu_seconds(ages, wanted)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        print(f"{people:>10,} {wanted:>10,} {seconds:>7.2f} {peak:>8.0f}")


def _cpu_seconds(ages: list[int], wanted: int) -> float:
    begin = time.process_time()
    drawn = sum(1 for _ in islice(pair_by_age(ages, 2.0, 1), wanted))
    if drawn != wanted:
        raise SystemExit("pairs ran out")
    return time.process_time() - begin


if __name__ == "__main__":
    main()
