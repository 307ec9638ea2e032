"""``soc rollout --dry-run``: the forecast, printed."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from soc_gen.cli.console import err, out, print_json, table

if TYPE_CHECKING:
    from soc_gen.config import Config
    from soc_gen.stages.rollout.forecast import JournalProgress


def show_forecast(
    source: Path, config: Config, limit: int | None, chats: Path | None, *, as_json: bool
) -> None:
    """Print the forecast of rolling out ``source``, without the replies that earlier runs obtained."""
    from soc_gen.io.jsonl import BadLine, read_jsonl
    from soc_gen.io.manifest import sidecar_path
    from soc_gen.llm.types import CHARACTERS_PER_TOKEN
    from soc_gen.models import Experience
    from soc_gen.stages.rollout import forecast

    records = islice(read_jsonl(source, Experience), limit)
    before = _paid(sidecar_path(chats, "journal.jsonl"), config) if chats else None
    prices = config.endpoint_of("rollout").prices
    expected = forecast.forecast(
        (record for record in records if not isinstance(record, BadLine)),
        config.rollout,
        random_seed=config.random_seed,
        prices=prices,
        before=before,
    )
    if as_json:
        print_json(asdict(expected))
        return
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in list(asdict(expected).items())[:-1]]
    rows.append(
        (
            "cost",
            f"${expected.cost:.2f}" if prices.given else "no prices in the config",
        )
    )
    table("Expected; nothing was asked", ("what", "how much"), rows)
    if not expected.conversations:
        out.print("Nothing is left to be asked.")
        return
    out.print(
        f"From the real prompts at {CHARACTERS_PER_TOKEN:g} characters a token, with chats of "
        f"{expected.calls / max(1, expected.conversations):.0f} turns and "
        f"{expected.completion_tokens / max(1, expected.calls):.0f} tokens a reply; nothing asked twice.",
    )


def _paid(journal: Path, config: Config) -> JournalProgress:
    """Return the progress in ``journal``; empty, with a message, when it belongs to another run."""
    from soc_gen.engine.compatibility import RESTART_HINT, differences
    from soc_gen.stages.rollout import forecast
    from soc_gen.stages.rollout.run import rollout_inputs

    before = forecast.paid(journal)
    model = config.endpoint_of("rollout").model or before.inputs.get(
        "model", ""
    )  # the endpoint is not asked for its models
    other = before.inputs and differences(
        before.inputs, rollout_inputs(config.rollout, config.random_seed, model)
    )
    if not other:
        return before
    err.print(f"{journal}: not counted, it is of another run: {other}. {RESTART_HINT}.")
    return forecast.JournalProgress()
