"""What a rollout would take, from the real prompts, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os.path import commonprefix

from soc_gen.config import Config, RolloutConfig
from soc_gen.formats import Format, Turn
from soc_gen.llm import Usage
from soc_gen.meter import cost
from soc_gen.models import Experience
from soc_gen.stages.rollout import FORMATS

CHARACTERS_PER_TOKEN = 4.0
"""Of English text and Qwen's tokenizer, roughly; other scripts take more tokens."""


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
    form = FORMATS[config.rollout.format]
    first = ""  # prompt of the first conversation; the others begin like it
    conversations = calls = prompt = cached = 0
    for experience in experiences:
        opening = "".join(message["content"] for message in form.render(experience, [], 0, "").messages)
        sizes = _prompt_sizes(experience, form, config.rollout)
        conversations += 1
        calls += len(sizes)
        prompt += sum(sizes)
        cached += len(commonprefix([first, opening])) + sum(sizes[:-1])  # noqa: RUF071 - of texts, not paths
        first = first or opening
    usage = Usage(
        round(prompt / CHARACTERS_PER_TOKEN), round(cached / CHARACTERS_PER_TOKEN), calls * form.REPLY_TOKENS
    )
    price = cost(config.endpoint.prices, usage)
    return Forecast(conversations, calls, usage.prompt, usage.cached, usage.completion, price)


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
