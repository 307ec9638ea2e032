"""What has to come of each behaviour of a server, in a real process against a real server.

``-k`` takes a row's name or its point: ``pytest tests/endpoints -k "07 or Groq"``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoints.behaviours import CASES
from tests.endpoints.cases import Case
from tests.endpoints.document import PAGE, page
from tests.endpoints.play import differences, play, summary
from tests.support.soc_process import SocProcesses

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are forks of a process")


@pytest.fixture(scope="session")
def soc() -> Iterator[SocProcesses]:
    """One process that has loaded ``soc``."""
    with SocProcesses() as processes:
        yield processes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_behaviour(case: Case, soc: SocProcesses, tmp_path: Path) -> None:
    """The row holds: exit code, rows, requests, words, reasons."""
    outcome = play(case, soc, tmp_path)
    found = differences(case, outcome)
    assert not found, f"{'; '.join(found)} ({summary(outcome)})"


def test_every_point_has_rows() -> None:
    """There are sixteen, and none is left to one example; no two rows are called the same."""
    rows = Counter(case.point for case in CASES)
    assert set(rows) == set(range(1, 17))
    assert min(rows.values()) >= 4
    assert len({case.id for case in CASES}) == len(CASES)


def test_the_page_is_the_table() -> None:
    """``python -m tests.endpoints.document`` writes it."""
    assert PAGE.read_text("utf-8") == page()
