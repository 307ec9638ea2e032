"""Point 2: a run whose replies cannot be used stops early, at about twenty conversations given up."""

from __future__ import annotations

from typing import Any

from tests.endpoints.answers import says
from tests.endpoints.cases import Case, Command, Expected
from tests.support.scripted_server import Asked, Behaviour, Script

_ATTEMPTS = 2
_STOPPED = (15.0 * _ATTEMPTS, 30.0 * _ATTEMPTS)
_SORRY = "I'm sorry, but I can't help with writing for these people."


def _settings(command: Command) -> dict[str, Any]:
    stage = "experiences" if command in {"experiences", "lines"} else "rollout"
    return {stage: {"max_attempts": _ATTEMPTS}}


def _hopeless(
    name: str, script: Script, *says_what: str, command: Command = "rollout", runs: int = 1
) -> Case:
    """It stops, with one line, and has paid for a third of the run at most."""
    reason = "bad_experience" if command in {"experiences", "lines"} else "bad_turn"
    asked = (_STOPPED[0], runs * _STOPPED[1])
    expected = Expected(
        exit=1, rows=0, asked=asked, says=says_what, once="error:", reasons=frozenset({reason})
    )
    return Case(2, Behaviour(name, script), expected, command, _settings(command), count=90, runs=runs)


def _mostly(name: str, text: str, command: Command, asked: tuple[float, float]) -> Case:
    """Every tenth conversation is good: the run goes through."""

    def bad(asked: Asked) -> bool:
        return asked.conversation % 10 != 0

    reason = "bad_experience" if command == "experiences" else "bad_turn"
    expected = Expected(rows=5, asked=asked, reasons=frozenset({reason}))
    return Case(2, Behaviour(name, says(text, when=bad)), expected, command, _settings(command), count=45)


CASES = (
    _hopeless("every reply is a refusal", says(_SORRY), "I'm sorry"),
    _hopeless("every reply is a refusal, two runs", says(_SORRY), "I'm sorry", runs=2),
    _hopeless("every reply is prose", says("Sure! Here is what they would say next."), "Sure! Here is"),
    _hopeless("every reply is an object of another kind", says('{"city": "Oslo"}'), "city"),
    _hopeless("every reply is empty", says("")),
    _hopeless("every reply is cut", says("DRAFT", finish="length"), "max_tokens|max-tokens"),
    _hopeless("every reply is thoughts, cut", says("<think>THOUGHT", finish="length"), "think"),
    _hopeless(
        "every reply is thoughts in reasoning_content",
        says(None, finish="length", reasoning_content="THOUGHT"),
        "think",
    ),
    _hopeless(
        "every line is an assistant's",
        says("How may I assist you today?"),
        "assist you",
        command="transcript",
    ),
    _hopeless("every reply is a refusal", says(_SORRY), "I'm sorry", command="experiences"),
    _hopeless(
        "every reply is cut", says("DRAFT", finish="length"), "max_tokens|max-tokens", command="experiences"
    ),
    _hopeless("every line is empty", says(""), command="lines"),
    _mostly("nine replies of ten are a refusal", _SORRY, "rollout", (95, 110)),
    _mostly("nine replies of ten are a refusal", _SORRY, "experiences", (80, 95)),
)
