"""What a rollout would take, from the real prompts, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from soc_gen.config import Config
from soc_gen.formats import Turn
from soc_gen.llm import Usage
from soc_gen.meter import cost
from soc_gen.models import Experience
from soc_gen.stages.rollout import FORMATS

CHARACTERS_PER_TOKEN = 4.0
"""Of English text and Qwen's tokenizer, roughly; other scripts take more tokens."""
REPLY_TOKENS = 45
"""Of one turn in the json format, with its JSON."""
SHARE_OF_MAX_TURNS = 0.6
"""Where chats end, as a share of ``max_turns``."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected figures of a whole rollout."""

    conversations: int
    calls: int
    prompt_tokens: int
    cached_tokens: int
    """Part of the prompt that a server with a prefix cache has seen before."""
    completion_tokens: int
    cost: float
    """US dollars."""


def forecast(experiences: Iterable[Experience], config: Config) -> Forecast:
    """Return what rolling out ``experiences`` is expected to take, with no reply asked twice."""
    turns = max(2, round(config.rollout.max_turns * SHARE_OF_MAX_TURNS))
    form = FORMATS[config.rollout.format]
    conversations = calls = prompt = cached = completion = 0
    for experience in experiences:
        history: list[Turn] = []
        before = 0.0
        for number in range(turns):
            rendered = form.render(experience, history, number % 2, "")
            size = sum(len(message["content"]) for message in rendered.messages) / CHARACTERS_PER_TOKEN
            prompt += round(size)
            cached += round(before)
            before = size
            filler = "x" * round(REPLY_TOKENS * CHARACTERS_PER_TOKEN)
            history.append(Turn(number % 2, (filler,), filler))
        conversations += 1
        calls += turns
        completion += turns * REPLY_TOKENS
    price = cost(config.endpoint.prices, Usage(prompt, cached, completion))
    return Forecast(conversations, calls, prompt, cached, completion, price)
