"""A few small questions that show what an endpoint can do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from soc_gen.engine.connect import Connection, connect
from soc_gen.llm.json_reply import parse_json_object
from soc_gen.llm.types import PromptMessage, Reply, Request
from soc_gen.settings import Endpoint, Sampling

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["city", "inhabitants"],
    "additionalProperties": False,
}
_SAMPLING = Sampling(temperature=0.2, max_tokens=120)


@dataclass(frozen=True, slots=True)
class Finding:
    """One question about the endpoint, and what was found."""

    question: str
    good: bool
    answer: str
    hint: str = ""
    """What to do where it is not good."""


async def probe(config: Endpoint) -> list[Finding]:
    """Ask one structured question and one plain one, and have one message continued.

    Raises:
        SocError: The endpoint cannot be used at all.
    """
    async with connect(config, asyncio.sleep, lambda _: None) as connection:
        structured = await _ask(connection, 0, "Name a city and its inhabitants, as JSON.", schema=_SCHEMA)
        plain = await _ask(connection, 1, "Write one text message to a friend who is late, and nothing else.")
        continued = await _ask(
            connection,
            2,
            "Continue this chat, one line for each message.",
            prefill="Ana: where are you\nBen: almost there\nAna:",
        )
    return [
        Finding("is there, with this model", good=True, answer=connection.model),
        *[_absent(url) for url in connection.absent],
        _structured(structured, connection),
        _text("answers in plain text", plain, "Is it a chat model, with thinking switched off?"),
        _text("continues a transcript", continued, 'Needed for rollout.format = "transcript" alone'),
        Finding(
            "counts tokens",
            plain.usage.prompt > 0,
            _counted(continued),
            "--max-cost and --max-total-tokens cannot be kept to; --max-minutes can",
        ),
        Finding("how fast", good=True, answer=_speed(plain)),
    ]


async def _ask(
    connection: Connection,
    turn: int,
    question: str,
    *,
    schema: dict[str, Any] | None = None,
    prefill: str | None = None,
) -> Reply:
    messages: tuple[PromptMessage, ...] = ({"role": "user", "content": question},)
    if prefill:
        messages = (*messages, {"role": "assistant", "content": prefill})
    stop = ("\n",) if prefill else ()
    request = Request("probe", turn, 0, messages, _SAMPLING, 1, schema, stop, continue_final=bool(prefill))
    return await connection.router.ask(request)


def _structured(reply: Reply, connection: Connection) -> Finding:
    found = parse_json_object(reply.text) or {}
    structure = connection.capabilities.response_format
    return Finding(
        "answers in JSON",
        good=found.keys() == {"city", "inhabitants"},
        answer=f"with response_format {structure}: {reply.text.strip()[:60]}",
        hint='Set rollout.format = "transcript" and experiences.format = "lines"',
    )


def _absent(url: str) -> Finding:
    return Finding("every replica answers", good=False, answer=f"not {url}", hint="Start it, or leave it out")


def _text(question: str, reply: Reply, hint: str) -> Finding:
    said = reply.text.strip()
    return Finding(question, bool(said), said[:60], hint)


def _counted(reply: Reply) -> str:
    usage = reply.usage
    return f"{usage.prompt} in, {usage.cached} of them cached, {usage.completion} out"


def _speed(reply: Reply) -> str:
    rate = reply.usage.completion / reply.seconds if reply.seconds else 0.0
    return f"{reply.seconds:.1f} s for a reply, {rate:.0f} tokens/s alone"
