"""A small piece of this stage's work with which ``soc check`` tests an endpoint: two turns of a chat."""

from __future__ import annotations

from soc_gen.engine.probe import Trial
from soc_gen.llm.types import LLM
from soc_gen.models import Experience
from soc_gen.stages.rollout.config import RolloutConfig
from soc_gen.stages.rollout.stage import Rules, roll_out

_OTHER_FORMAT = {
    "json": 'Set rollout.format = "transcript", which small models can do',
    "transcript": 'Set rollout.format = "json", for servers that continue no message',
}
_TURNS = 2


def rollout_trial(config: RolloutConfig, experience: Experience) -> Trial:
    """Return the trial: the first turn of each person."""

    async def play(llm: LLM) -> str:
        short = config.model_copy(update={"max_turns": _TURNS})
        chat = await roll_out(experience, llm, Rules(short, 0, "check", config.max_attempts))
        return " / ".join(message for part in chat.chat_parts for message in part.messages)

    question = f"writes the first turns of a chat ({config.format})"
    return Trial("rollout", question, play, _OTHER_FORMAT[config.format])
