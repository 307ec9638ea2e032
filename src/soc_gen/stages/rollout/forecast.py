"""Forecast of the requests, tokens, time and cost of a rollout, from the real prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os.path import commonprefix
from pathlib import Path
from typing import Any

import orjson

from soc_gen.engine.metrics import cost
from soc_gen.llm.types import CHARACTERS_PER_TOKEN, Usage
from soc_gen.models import Experience
from soc_gen.settings import Prices
from soc_gen.stages.rollout.config import RolloutConfig
from soc_gen.stages.rollout.formats.base import Format, Turn
from soc_gen.stages.rollout.stage import FORMATS, chat_id


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected figures of the requests that are still to be made."""

    finished: int
    """Conversations finished by earlier runs; the figures below do not include them."""
    conversations: int
    calls: int
    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens that a server with a prefix cache has in its cache."""
    completion_tokens: int
    cost: float
    """US dollars."""


@dataclass(frozen=True, slots=True)
class JournalProgress:
    """Progress of earlier runs, read from the journal."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Inputs of those runs."""
    finished: frozenset[str] = frozenset()
    """Ids of the finished chats."""
    turns: Mapping[str, int] = field(default_factory=dict)
    """Number of turns with a reply of each other chat, by id."""


def paid(journal: Path) -> JournalProgress:
    """Read the undamaged lines of ``journal``, which may be missing or in use."""
    if not journal.is_file():
        return JournalProgress()
    inputs: Mapping[str, Any] = {}
    turns: dict[str, int] = {}
    finished: set[str] = set()
    with journal.open("rb") as lines:
        for line in lines:
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:  # damaged, or the last line of a killed run
                continue
            match entry:
                case {"kind": "header", "inputs": dict(header_inputs)}:
                    inputs = header_inputs
                case {"kind": "reply", "id": str(key), "turn": int(turn)}:
                    turns[key] = turn + 1
                case {"kind": "done", "id": str(key)}:
                    finished.add(key)
                    turns.pop(key, None)
    return JournalProgress(inputs, frozenset(finished), turns)


def forecast(
    experiences: Iterable[Experience],
    config: RolloutConfig,
    *,
    random_seed: int = 0,
    prices: Prices | None = None,
    before: JournalProgress | None = None,
) -> Forecast:
    """Return the expected figures of rolling out ``experiences``, without replies that exist already.

    Args:
        experiences: All experiences of the input.
        config: Settings of the rollout.
        random_seed: Seed of the run.
        prices: Prices of the endpoint; without them the cost is 0.
        before: Progress of earlier runs.
    """
    form, before = FORMATS[config.format], before or JournalProgress()
    model = before.inputs.get("model", "")
    first = ""  # prompt of the first conversation; the others begin like it
    finished = conversations = calls = prompt = cached = 0
    for experience in experiences:
        key = chat_id(experience, model, random_seed)
        if key in before.finished:
            finished += 1
            continue
        opening = "".join(message["content"] for message in form.render(experience, [], 0, "").messages)
        sizes = _prompt_sizes(experience, form, config)
        begun = min(before.turns.get(key, 0), len(sizes) - 1)
        conversations += 1
        calls += len(sizes) - begun
        prompt += sum(sizes[begun:])
        known = len(commonprefix([first, opening]))  # noqa: RUF071 - of texts, not paths
        cached += sum([known, *sizes][begun:-1])
        first = first or opening
    usage = Usage(
        round(prompt / CHARACTERS_PER_TOKEN), round(cached / CHARACTERS_PER_TOKEN), calls * form.REPLY_TOKENS
    )
    price = cost(prices or Prices(), usage)
    return Forecast(finished, conversations, calls, usage.prompt, usage.cached, usage.completion, price)


def _prompt_sizes(experience: Experience, form: Format, rollout: RolloutConfig) -> list[int]:
    """Return the characters of each turn's prompt, with replies of the usual length."""
    filler = "x" * round(form.REPLY_TOKENS * CHARACTERS_PER_TOKEN)
    longest = (rollout.max_chat_tokens - form.REPLY_TOKENS) * CHARACTERS_PER_TOKEN
    sizes: list[int] = []
    history: list[Turn] = []
    for number in range(form.usual_turns(experience.id, rollout.min_turns, rollout.max_turns)):
        prompt = form.render(experience, history, number % 2, "")
        sizes.append(sum(len(message["content"]) for message in prompt.messages))
        if sizes[-1] >= longest:
            break
        history.append(Turn(number % 2, (filler,), filler))
    return sizes
