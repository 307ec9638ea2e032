"""Points 11, 12 and 16: answers in other shapes, replies that were cut, damaged text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tests.endpoints.answers import MARK, changed, first_try, says, whole
from tests.endpoints.cases import SOMETIMES_AGAIN, TWICE, Case, Command, Expected
from tests.support.scripted_server import Asked, Behaviour, Script


def _read(name: str, script: Script, command: Command = "rollout", *, repaired: bool = False) -> Case:
    """It is read, at once."""
    return Case(11, Behaviour(name, script), Expected(repairs=repaired), command)


def _rewritten(write: Callable[[list[str]], str]) -> Script:
    """The messages of the right answer, written in another way."""

    def change(choice: dict[str, Any]) -> None:
        messages = orjson.loads(choice["message"]["content"])["messages"]
        choice["message"]["content"] = write([text for text in messages if "<" not in text] or ["so it is"])

    return changed(change)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _call(arguments: object) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "reply", "arguments": arguments}}


def _two_choices(found: dict[str, Any]) -> None:
    answer = found["choices"][0]
    other = answer | {"index": 1, "message": {"role": "assistant", "content": _json({"messages": [MARK]})}}
    found["choices"] = [other, answer]


def _empty_first(found: dict[str, Any]) -> None:
    empty = {"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "stop"}
    found["choices"] = [empty, found["choices"][0] | {"index": 1}]


_PART = {"type": "text", "text": "ANSWER"}
_THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "THOUGHT DRAFT"}]}
_SHAPES = (
    _read("content, a list of one part", says([_PART])),
    _read("content, a list of one part", says([_PART]), "transcript"),
    _read("content, thinking and text parts (Mistral)", says([_THINKING, _PART])),
    _read("content, thinking and text parts (Mistral)", says([_THINKING, _PART]), "experiences"),
    _read(
        "content, reasoning and output_text parts",
        says([{"type": "reasoning", "text": "THOUGHT"}, {"type": "output_text", "text": "ANSWER"}]),
    ),
    _read("content, parts of an unknown type too", says([{"type": "citation", "ref": 3}, _PART])),
    _read("content, a part whose text has a value", says([{"type": "text", "text": {"value": "ANSWER"}}])),
    _read("content, a list of texts", says(["", "ANSWER"])),
    _read("content, one part that is no list", says({"type": "text", "text": "ANSWER"})),
    _read("tool_calls hold the object", says(None, finish="tool_calls", tool_calls=[_call("ANSWER")])),
    _read(
        "tool_calls hold the object",
        says("", finish="tool_calls", tool_calls=[_call("ANSWER")]),
        "experiences",
    ),
    _read(
        "tool_calls hold the object, not text of it",
        changed(
            lambda choice: choice["message"].update(
                content=None, tool_calls=[_call(orjson.loads(choice["message"]["content"]))]
            )
        ),
    ),
    _read(
        "function_call holds the object",
        says(None, finish="function_call", function_call={"name": "reply", "arguments": "ANSWER"}),
    ),
    _read("choices in another order", whole(_two_choices)),
    _read("an empty choice first", whole(_empty_first)),
    _read(
        "content is the object, not text of it",
        changed(lambda choice: choice["message"].update(content=orjson.loads(choice["message"]["content"]))),
    ),
)
_WRITTEN = (
    _read(
        "a trailing comma",
        _rewritten(lambda texts: _json({"messages": texts}).replace("]}", ",],}")),
        repaired=True,
    ),
    _read(
        "single quotes",
        _rewritten(lambda texts: str({"messages": [text.replace("'", "’") for text in texts]})),
        repaired=True,
    ),
    _read("a bare list", _rewritten(_json), repaired=True),
    _read("a bare list in a fence", _rewritten(lambda texts: f"```json\n{_json(texts)}\n```"), repaired=True),
    _read("message for messages", _rewritten(lambda texts: _json({"message": texts[0]})), repaired=True),
    _read(
        "a list of {role, content}",
        _rewritten(lambda texts: _json([{"role": "assistant", "content": text} for text in texts])),
        repaired=True,
    ),
    _read(
        "messages of {role, content}",
        _rewritten(
            lambda texts: _json({"messages": [{"role": "assistant", "content": text} for text in texts]})
        ),
        repaired=True,
    ),
    _read("JSON inside a string", _rewritten(lambda texts: _json(_json({"messages": texts}))), repaired=True),
    _read(
        "JSON inside a string whose quotation marks are gone",
        _rewritten(lambda texts: _json(_json({"messages": texts}))[1:-1]),
        repaired=True,
    ),
    _read(
        "messages within another object",
        _rewritten(lambda texts: _json({"response": {"messages": texts}})),
        repaired=True,
    ),
    _read(
        "an escape that JSON does not know",
        _rewritten(lambda texts: _json({"messages": [f"{texts[0]} @"]}).replace("@", "¯\\_(ツ)_/¯")),
        repaired=True,
    ),
    _read(
        "keys without quotes",
        _rewritten(lambda texts: _json({"messages": texts}).replace('"messages"', "messages")),
        repaired=True,
    ),
    _read(
        "curly quotes around keys",
        _rewritten(lambda texts: _json({"messages": texts}).replace('"messages"', "“messages”")),
        repaired=True,
    ),
    _read(
        "a comment in the object",
        _rewritten(lambda texts: _json({"messages": texts}).replace("}", " // as asked\n}")),
        repaired=True,
    ),
    _read("a byte order mark first", _rewritten(lambda texts: "\ufeff" + _json({"messages": texts}))),
    _read("messages is one text", _rewritten(lambda texts: _json({"messages": texts[0]}))),
    _read("a tag around the object", _rewritten(lambda texts: f"<json>{_json({'messages': texts})}</json>")),
    _read(
        "another key beside messages", _rewritten(lambda texts: _json({"mood": "sour", "messages": texts}))
    ),
    _read(
        "a trailing comma",
        changed(
            lambda choice: choice["message"].update(content=choice["message"]["content"].replace('"}', '",}'))
        ),
        "experiences",
    ),
)

_CUT = (
    *("length", "model_length", "MAX_TOKENS", "max_tokens", "insufficient_system_resource"),
    *("model_context_window_exceeded", "content_filter", "abort", "error", "repetition"),
    *("network_error", "time_limit", "SAFETY", "cancelled"),
)
_WHOLE = ("stop", "eos_token", "end_turn", "stop_sequence", None)


def _cut(reason: str, command: Command, text: str = "DRAFT") -> Case:
    """It is asked again, whatever has come."""
    return Case(
        12,
        Behaviour(f"finish_reason {reason}", says(text, finish=reason, when=first_try)),
        Expected(each=TWICE, again="other seed"),
        command,
    )


def _first_line(asked: Asked) -> bool:
    return asked.turn == 0 and asked.attempt == 0


def _cut_line(reason: str) -> Case:
    """In lines, a sentence that does not end is asked for again."""
    script = says(f"{MARK} lent the ladder to", finish=reason, when=_first_line)
    return Case(
        12,
        Behaviour(f"finish_reason {reason}", script),
        Expected(each=SOMETIMES_AGAIN, again="other seed"),
        "lines",
    )


_FINISHED = (
    *(_cut(reason, "rollout") for reason in _CUT),
    *(_cut(reason, "experiences") for reason in _CUT[1:5]),
    *(_cut(reason, "transcript", f"so {MARK} was in the") for reason in _CUT[:5]),
    *(_cut_line(reason) for reason in _CUT[:5]),
    *(
        Case(12, Behaviour(f"finish_reason {reason or 'null'}", says("ANSWER", finish=reason)))
        for reason in _WHOLE
    ),
    *(
        Case(
            12,
            Behaviour(f"finish_reason {reason or 'null'}", says("ANSWER", finish=reason)),
            command="transcript",
        )
        for reason in _WHOLE[1:]
    ),
    *(
        Case(
            12, Behaviour(f"finish_reason {reason or 'null'}", says("ANSWER", finish=reason)), command="lines"
        )
        for reason in _WHOLE[1:3]
    ),
)


def _spoiled(name: str, suffix: str, *never: str, command: Command = "rollout") -> Case:
    """It is seen: mended or asked for again, and not in the output nor in later prompts."""

    def change(choice: dict[str, Any]) -> None:
        text = choice["message"]["content"]
        if command == "rollout":
            messages = orjson.loads(text)["messages"]
            text = _json({"messages": [*messages[:-1], messages[-1] + suffix]})
        choice["message"]["content"] = text if command == "rollout" else text + suffix

    expected = Expected(each=(1.0, 2.5), never=never, unsent=never)
    return Case(16, Behaviour(name, changed(change, when=first_try)), expected, command)


_TOKENS = (
    "<|im_end|>",
    "<|eot_id|>",
    "</s>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|return|>",
    "<｜end▁of▁sentence｜>",
    "[/INST]",
)
_TEXT = (
    _spoiled("unicode escaped twice", " at the caf\\u00e9", "\\u00e9"),
    _spoiled("emoji escaped twice", " \\ud83d\\ude00", "\\ud83d"),
    _spoiled("unicode escaped twice", " at the caf\\u00e9", "\\u00e9", command="transcript"),
    _spoiled("U+FFFD", " at the caf\ufffd", "\ufffd"),
    _spoiled("U+FFFD", " \ufffd\ufffd", "\ufffd", command="transcript"),
    *(_spoiled(f"{token} at the end", token, token) for token in _TOKENS),
    *(_spoiled(f"{token} at the end", token, token, command="transcript") for token in _TOKENS[:3]),
    _spoiled("the user's turn of a template", f"<|user|>\n{MARK}", "<|user|>", MARK),
    _spoiled("a token for a byte", " at the caf<0xC3>", "<0xC3>"),
    _spoiled("the next turn of a template", f"<|im_end|>\n<|im_start|>user\n{MARK}", "<|im_start|>", MARK),
)
CASES = (*_SHAPES, *_WRITTEN, *_FINISHED, *_TEXT)
