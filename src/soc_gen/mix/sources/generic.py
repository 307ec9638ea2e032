"""Any other set: messages, ShareGPT, alpaca, or a prompt with its response.

The form is told by the columns of the first row, or by ``columns``, a map from what is needed (``messages``,
``prompt``, ``response``, ``system``, ``input``, ``id``) to the column that has it.

    {"messages": [{"role": "user", "content": "Hi"}, …]}
    {"conversations": [{"from": "human", "value": "Hi"}, …]}
    {"instruction": "…", "input": "…", "output": "…"}
    {"prompt": "…", "response": "…"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from soc_gen.errors import UsageError
from soc_gen.mix.convert import read_messages
from soc_gen.mix.languages import language_code
from soc_gen.mix.records import Conversation, Message, Unit
from soc_gen.mix.sources.base import ROW_FILES, Source, SourceSettings, check_columns, rows, text_of

_LISTS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns")
_PROMPTS = ("instruction", "prompt", "question", "query", "user", "input")
_RESPONSES = ("response", "output", "completion", "answer", "assistant", "chosen")
_SYSTEMS = ("system", "system_prompt")
_IDS = ("id", "uuid", "conversation_id", "question_id", "prompt_id", "idx")
_NEEDED = ("messages", "prompt", "response", "system", "input", "id")
_TURN_KEYS = (
    ("role", "content"),
    ("from", "value"),
    ("role", "text"),
    ("role", "value"),
    ("speaker", "text"),
)


class GenericSettings(SourceSettings):
    """What any other set understands."""

    license: str = "none"
    columns: dict[str, str] = Field(default_factory=dict)
    """From ``messages``, ``prompt``, ``response``, ``system``, ``input`` or ``id`` to a column."""

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name not in _NEEDED:
                msg = f"columns has {name!r}; it maps {', '.join(_NEEDED)}"
                raise ValueError(msg)
        return columns


class Form(NamedTuple):
    """How a row is read."""

    name: str
    columns: dict[str, str]
    turn: tuple[str, str] = ("role", "content")


def recognise(row: dict[str, Any], given: dict[str, str]) -> Form | None:
    """Return the form of ``row``, or None.

    Args:
        row: The first row of a set.
        given: The columns that the user has named; they win.
    """
    about = {"system": _first(row, _SYSTEMS), "id": _first(row, _IDS)} | given
    column = given.get("messages") or ("" if "prompt" in given else _first(row, _LISTS, list))
    if column:
        turns = row.get(column)
        keys = next((pair for pair in _TURN_KEYS if _has(turns, pair)), None)
        if keys is None:
            return None
        return Form("ShareGPT" if keys[0] == "from" else "messages", about | {"messages": column}, keys)
    prompt = given.get("prompt") or _first(row, _PROMPTS)
    response = given.get("response") or _first(row, _RESPONSES)
    if not prompt or not response:
        return None
    alpaca = prompt == "instruction" and "input" in row
    more = about.get("input") or ("input" if alpaca else "")
    name = "alpaca" if prompt == "instruction" else "prompt/response"
    return Form(name, about | {"prompt": prompt, "response": response, "input": more})


def _first(row: dict[str, Any], names: Iterable[str], kind: type = object) -> str:
    return next((name for name in names if name in row and isinstance(row[name], kind)), "")


def _has(turns: object, keys: tuple[str, str]) -> bool:
    return (
        isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict) and set(keys) <= set(turns[0])
    )


def describe(form: Form) -> str:
    """Return in one line how rows are read."""
    used = ", ".join(f"{name} = {column}" for name, column in form.columns.items() if column)
    return f"read as {form.name} ({used})"


def first_form(paths: Sequence[Path], settings: GenericSettings) -> Form | None:
    """Return the form of the first row, or None where there is no row.

    Raises:
        UsageError: As ``read``.
    """
    first = next((unit for unit in read(paths, settings) if unit.data is not None), None)
    return first.data["form"] if first else None


def read(paths: Sequence[Path], settings: GenericSettings) -> Iterator[Unit]:
    """Yield one unit for each row, with the form of its file.

    Raises:
        UsageError: The form is not recognised, or a column that was named is not there.
    """
    for path in paths:
        form: Form | None = None
        for unit in rows([path], ()):
            if unit.data is None:
                yield unit
                continue
            form = form or _form_of(unit, settings)
            yield unit._replace(data={"row": unit.data, "form": form})


def _form_of(unit: Unit, settings: GenericSettings) -> Form:
    check_columns(unit.data, settings.columns.values(), unit.where)
    form = recognise(unit.data, settings.columns)
    if form is None:
        there = ", ".join(map(str, unit.data))[:200]
        hint = f"Say which is which under columns; there are: {there}"
        raise UsageError("its form is not recognised", where=unit.where, hint=hint)
    return form


def convert(unit: Unit, _: GenericSettings) -> Iterator[Conversation]:
    """Yield the conversation of a row."""
    row: dict[str, Any] = unit.data["row"]
    form = Form(*unit.data["form"])
    columns = form.columns
    if "messages" in columns:
        messages = read_messages(row.get(columns["messages"]), *form.turn)
    else:
        question = [text_of(row, columns["prompt"]), text_of(row, columns["input"])]
        asked = "\n\n".join(filter(None, map(str.strip, question)))
        answer = text_of(row, columns["response"])
        messages = [Message(role="user", content=asked), Message(role="assistant", content=answer)]
    system = text_of(row, columns["system"]).strip()
    if system and not any(message["role"] == "system" for message in messages):
        messages = [Message(role="system", content=system), *messages]
    lang = language_code(text_of(row, "language") or text_of(row, "lang"))
    yield Conversation(text_of(row, columns["id"]), messages, lang=lang)


SOURCE = Source(
    "generic",
    "none",
    convert,
    settings=GenericSettings,
    files=(*ROW_FILES, "**/*.csv"),
    read=read,
)
