"""Unpacks messages from JSON of various shapes."""

from __future__ import annotations

from soc_gen.text.loose_json import read_json

_KEYS = ("messages", "message", "content", "text", "reply", "response", "arguments", "parameters")
"""Keys for the texts of a reply; the first one present counts."""
_SPEAKERS = ("sender", "speaker", "name", "from", "persona", "role")
# Other keys that a reply may have; JSON with any other key was pasted by a person.
_BESIDE = """
    messages message content text reply response sender speaker name from to role persona turn type end
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
