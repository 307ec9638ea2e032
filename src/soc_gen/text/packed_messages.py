"""Unpacks messages from JSON of various shapes."""

from __future__ import annotations

from collections.abc import Iterator

from soc_gen.text.loose_json import read_json

_KEYS = (
    "messages",
    "message",
    "content",
    "text",
    "reply",
    "response",
    "value",
    "body",
    "arguments",
    "parameters",
)
"""Under which a reply has its texts; the first that is there."""
_SPEAKERS = (
    *("sender", "speaker", "name", "from", "persona", "role", "author", "username", "sender_name"),
    *("sender_id", "speaker_name", "persona_name", "nickname", "user", "character"),
)
# What else a reply may say of itself; JSON with other keys is something that a person pastes.
_BESIDE = """
    messages message content text reply response value body sender speaker name from to role persona turn
    type end author username sender_name sender_id speaker_name persona_name nickname user character id
    thoughts mood emotion time timestamp thought thinking reasoning arguments parameters
"""


def unpack_messages(text: str) -> list[str] | None:
    """Return the texts of a reply that is packed in JSON; None if ``text`` is not one.

    Nearly valid JSON must be an object, since people write lists in brackets too.
    """
    parsed = read_json(text)
    if not parsed or (parsed.repaired and not isinstance(parsed.value, dict)):
        return None
    return texts_of(parsed.value)


def texts_of(value: object) -> list[str] | None:
    """Return the texts of a reply from its JSON value; None when it is not a reply.

    Args:
        value: ``{"messages": ["hey"]}``, ``{"message": "hey"}``, ``["hey"]``, ``[{"role": …, "content":
            "hey"}]`` and the like, also nested. From a list with messages of both sides: those of the
            first one.
    """
    if isinstance(value, dict):
        return _texts_in_object({str(key).strip("\"'").casefold(): item for key, item in value.items()})
    if not isinstance(value, list) or not value or _is_heard(value[0]):
        return None
    texts: list[str] = []
    for item in value:
        if texts and _is_another_turn(item, value[0]):
            break
        own_texts = [item] if isinstance(item, str) else texts_of(item) if isinstance(item, dict) else None
        if own_texts is None:
            return None
        texts.extend(own_texts)
    return texts


def packed_speakers(text: str) -> list[str]:
    """Return who is said to speak in ``text``, which is JSON; [] where it is none or nobody is named.

    ``{"sender": "Max", "messages": […]}`` and ``{"Max": "hey"}`` both name Max.
    """
    found = read_json(text) if "{" in text or "[" in text else None
    return list(speakers_of(found.value)) if found else []


def speakers_of(value: object) -> Iterator[str]:
    """Yield who is said to speak in JSON, in order: the speakers of objects, and keys that have texts."""
    if isinstance(value, list):
        for item in value:
            yield from speakers_of(item)
    if not isinstance(value, dict):
        return
    speaker = _speaker(value)
    if isinstance(speaker, str):
        yield speaker
    for key, inner in value.items():
        if key not in _BESIDE.split() and isinstance(inner, str | list):
            yield str(key)
        if isinstance(inner, dict | list):
            yield from speakers_of(inner)


def _is_heard(item: object) -> bool:
    """Whether ``item`` is an API message of the user or the system, which the model did not write."""
    return isinstance(item, dict) and _speaker(item) in {"user", "system", "human"}


def _is_another_turn(item: object, first: object) -> bool:
    if not isinstance(item, dict) or not isinstance(first, dict):
        return False
    return "messages" in item or _speaker(item) != _speaker(first)


def _speaker(item: dict[str, object]) -> object:
    return next((item[key] for key in _SPEAKERS if key in item), None)


def _texts_in_object(value: dict[str, object]) -> list[str] | None:
    if "messages" not in value and not set(value).issubset(_BESIDE.split()):
        return None
    named = next((value[key] for key in _KEYS if key in value), None)
    if named in ([], None) and "messages" in value:
        return []
    return [named] if isinstance(named, str) else texts_of(named)
