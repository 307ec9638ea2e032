"""Words that scripts are made of: what is sent, and when.

In templates, THOUGHT is what a model thinks aloud, DRAFT an answer it thinks of and ANSWER the one it gives.
Thoughts and drafts have MARK in them, so that they are found wherever they get to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import orjson

from tests.support.scripted_server import Answer, Asked, Script, good

MARK = "qwdraft"
THOUGHT = f"Okay, {MARK}, they want the next one. Short, a little annoyed, {MARK}."
When = Callable[[Asked], bool]


# --- when --------------------------------------------------------------------------------------------


def always(_: Asked) -> bool:
    return True


def first_try(asked: Asked) -> bool:
    """Whatever is asked for the first time."""
    return asked.attempt == 0


def every(count: int) -> When:
    """The first try of each ``count``-th request."""
    return lambda asked: asked.number % count == 1 and asked.attempt == 0


def before(number: int) -> When:
    """The first ``number`` requests."""
    return lambda asked: asked.number < number


def at(number: int) -> When:
    """One request."""
    return lambda asked: asked.number == number


def in_conversation(*numbers: int) -> When:
    """Some conversations, from their first request on."""
    return lambda asked: asked.conversation in numbers


def longer_than(characters: int) -> When:
    """Prompts that have more than so many characters of talk in them."""
    return lambda asked: _talk(asked.body["messages"]) > characters


def _talk(messages: list[dict[str, str]]) -> int:
    if messages[-1]["role"] == "assistant":
        return len(messages[-1]["content"].rpartition("\n\n")[2])
    return sum(len(message["content"]) for message in messages[2:])


def has(name: str) -> When:
    """Requests with this field in the body."""
    return lambda asked: name in asked.body


# --- what --------------------------------------------------------------------------------------------


def answers(
    status: int,
    body: object = b"",
    *,
    when: When = always,
    then: Script = good,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
    seconds: float = 0.0,
) -> Script:
    """Send ``body`` when it is time for it, else what ``then`` sends."""
    answer = Answer(body, status, headers or {}, content_type, seconds)
    return lambda asked: answer if when(asked) else then(asked)


def error(message: str, **more: object) -> dict[str, Any]:
    """Return the body of an error in OpenAI's form."""
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | more
    }


def says(
    content: object = None,
    *,
    finish: str | None = "stop",
    when: When = always,
    then: Script = good,
    **more: object,
) -> Script:
    """Send a completion whose message is made from templates.

    Args:
        content: Of the message.
        finish: Its finish reason.
        when: When it does so.
        then: What it does else.
        more: Further fields of the message.
    """

    def script(asked: Asked) -> Answer:
        return changed(lambda choice: _spoken(choice, asked, content, finish, more))(asked)

    return lambda asked: script(asked) if when(asked) else then(asked)


def _spoken(
    choice: dict[str, Any], asked: Asked, content: object, finish: str | None, more: Mapping[str, object]
) -> None:
    answer = choice["message"]["content"]
    text = _filled(content, answer)
    if isinstance(text, str):
        text = _stopped(text, asked.body.get("stop", ()))
    choice["message"] = {"role": "assistant", "content": text} | {
        name: _filled(value, answer) for name, value in more.items()
    }
    choice["finish_reason"] = finish


def _filled(template: object, answer: str) -> Any:
    if isinstance(template, str):
        filled = template.replace("THOUGHT", THOUGHT)
        return filled.replace("DRAFT", draft_of(answer)).replace("ANSWER", answer.strip())
    if isinstance(template, Mapping):
        return {name: _filled(value, answer) for name, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, answer) for value in template]
    return template


def draft_of(answer: str) -> str:
    """Return an answer of the same kind that was not given; one that would pass for it."""
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return f"{answer.strip()} {MARK}"
    if "messages" in found:
        drafts: dict[str, Any] = {"messages": [f"{MARK} {text}" for text in found["messages"]]}
    else:
        drafts = {name: f"{str(text).rstrip('.')} {MARK}." for name, text in found.items()}
    return orjson.dumps(drafts).decode()


def _stopped(text: str, stops: object) -> str:
    """Return ``text`` up to where a server would have stopped."""
    for stop in stops if isinstance(stops, list) else ():
        text = text.partition(stop)[0]
    return text


def changed(change: Callable[[dict[str, Any]], None], *, when: When = always, then: Script = good) -> Script:
    """Send the right completion with its choice changed."""

    def script(asked: Asked) -> Answer:
        if not when(asked):
            return then(asked)
        whole = deepcopy(asked.good)
        change(whole["choices"][0])
        return Answer(whole)

    return script


def whole(change: Callable[[dict[str, Any]], object], *, when: When = always, **sent: Any) -> Script:
    """Send what ``change`` makes of the right completion: its result, or the completion as it left it."""

    def script(asked: Asked) -> Answer:
        if not when(asked):
            return good(asked)
        completion = deepcopy(asked.good)
        made = change(completion)
        return Answer(completion if made is None else made, **sent)

    return script


def usage(*counts: Mapping[str, object] | None) -> Script:
    """Send the right completion with these token counts in it, the last of them again and again."""

    def script(asked: Asked) -> Answer:
        found = counts[min(asked.number, len(counts) - 1)]
        completion = {name: value for name, value in asked.good.items() if name != "usage"}
        return Answer(completion if found is None else completion | {"usage": found})

    return script
