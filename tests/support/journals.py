"""What the tests of the engine write to a journal."""

from __future__ import annotations

from soc_gen.llm.types import Reply, Request, Usage
from soc_gen.models import Persona
from soc_gen.settings import Sampling

INPUTS = {"model": "m", "random_seed": 1, "rollout": {"max_turns": 8, "sampling": {"temperature": 0.8}}}


def persona(name: str) -> Persona:
    return Persona(
        name=name, username=None, age=30, traits=[], background="", chatting_style="", model="m", id=name
    )


def request(conversation: str = "c", turn: int = 0, attempt: int = 0, text: str = "hi") -> Request:
    return Request(conversation, turn, attempt, ({"role": "user", "content": text},), Sampling(), turn)


def reply(text: str = "hey") -> Reply:
    return Reply(text, "stop", Usage(10, 4, 2), 0.5, "http://127.0.0.1:1/v1")
