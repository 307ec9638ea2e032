"""The bounds of the engine, each one below, at and above."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from soc_gen.engine.compatibility import VERSION, check_header, differences
from soc_gen.engine.concurrency import AdaptiveConcurrency, Slots
from soc_gen.engine.execute import run_facts
from soc_gen.engine.journal import Journal, Totals
from soc_gen.engine.metrics import RunMetrics, cost
from soc_gen.engine.stop import Stop
from soc_gen.errors import JournalError
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router
from soc_gen.llm.types import Reply, Usage
from soc_gen.settings import Budget, Prices
from tests.support.job_runs import Server, active
from tests.support.journals import INPUTS, request


@pytest.mark.parametrize(("tokens", "stops"), [(999, False), (1000, True), (1001, True)])
def test_a_token_budget_is_spent_when_it_is_reached(tokens: int, stops: bool) -> None:
    """Prompt and completion tokens count, and those of the stages before."""
    for before in (0, 400):
        stop, metrics = Stop(), RunMetrics(tokens_before=before)
        stop.check(Budget(max_tokens=1000), Totals(1, Usage(tokens - before - 100, 0, 100)), metrics)
        assert stop.is_set() is stops


@pytest.mark.parametrize(("tokens", "stops"), [(499_999, False), (500_000, True), (500_001, True)])
def test_a_money_budget_is_spent_when_it_is_reached(tokens: int, stops: bool) -> None:
    """Half a million prompt tokens at $2 a million are $1."""
    stop = Stop()
    stop.check(Budget(max_cost=1.0), Totals(1, Usage(tokens, 0, 0)), RunMetrics(prices=Prices(input=2.0)))
    assert stop.is_set() is stops


def test_tokens_from_the_cache_cost_their_own_price_where_one_is_set() -> None:
    """Dollars for a million tokens; without a price of their own they cost as much as any other."""
    usage = Usage(prompt=3_000_000, cached=1_000_000, completion=1_000_000)
    assert cost(Prices(input=2.0, output=10.0, cached_input=0.5), usage) == 2 * 2.0 + 0.5 + 10.0
    assert cost(Prices(input=2.0, output=10.0, cached_input=0.0), usage) == 2 * 2.0 + 10.0
    assert cost(Prices(input=2.0, output=10.0), usage) == 3 * 2.0 + 10.0


@pytest.mark.parametrize(
    ("tokens", "dollars"),
    [(4, 0.0), (6, 0.000001), (14, 0.000001), (16, 0.000002), (12_345_674, 1.234567), (12_345_676, 1.234568)],
)
def test_the_manifest_has_the_cost_to_a_millionth_of_a_dollar(
    tmp_path: Path, tokens: int, dollars: float
) -> None:
    """Prompt tokens at $0.1 a million; rounded, not cut off."""
    with Journal(tmp_path / "out.journal.jsonl", INPUTS) as journal:
        asyncio.run(journal.add_reply(request(), Reply("hey", "stop", Usage(tokens, 0, 0))))
        metrics = RunMetrics(prices=Prices(input=0.1))
        router = Router([Replica(Server(), AdaptiveRateLimiter())], 1.0)
        run = active(router, journal, Slots(1), Stop(), metrics=metrics, budget=Budget())
        assert run_facts(run.context, run.connection, journal)["cost"] == dollars


@pytest.mark.parametrize(
    ("length", "shown"), [(39, "x" * 39), (40, "x" * 40), (41, "x" * 37 + "…"), (400, "x" * 37 + "…")]
)
def test_a_value_that_differs_is_shown_with_40_characters_at_most(length: int, shown: str) -> None:
    assert differences({"a": "x" * length}, {"a": None}) == f"a was {shown}, is not set"


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_a_journal_of_another_version_is_refused_in_one_line(version: int) -> None:
    header = {"kind": "header", "version": VERSION, "inputs": {}}
    check_header(header, {}, Path("a.journal.jsonl"))
    with pytest.raises(JournalError, match="not a journal of this version") as refused:
        check_header(header | {"version": version}, {}, Path("a.journal.jsonl"))
    assert "--restart" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("wanted", "limit"), [(-1, 1), (0, 1), (1, 1), (2, 2)])
def test_there_is_always_one_slot(wanted: int, limit: int) -> None:
    slots = Slots(4)
    slots.resize(wanted)
    assert slots.limit == limit


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (3, 2), (10, 7)])
def test_overload_cuts_by_three_tenths_but_never_below_one_slot(before: int, after: int) -> None:
    assert AdaptiveConcurrency(before).overloaded(now=10.0, sent_at=9.0) == after
