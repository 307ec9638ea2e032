"""Finds, removes and cuts at the tag ``<end/>`` in the messages of a part."""

from __future__ import annotations

from soc_gen.text.tags import END, MARK, parse, render, settle, split_tags


def has_end(messages: list[str]) -> bool:
    """Whether any of ``messages`` has an ``<end/>``."""
    return any(match["name"].lower() == "end" for text in messages for match in MARK.finditer(text))


def take_out_end(messages: list[str]) -> list[str]:
    """Return ``messages`` without ``<end/>``, and without messages that are empty then."""
    kept = []
    for message in messages:
        rest = settle(_without_end, message) if has_end([message]) else message
        if rest or not message:
            kept.append(rest)
    return kept


def cut_after_end(messages: list[str]) -> list[str]:
    """Return ``messages`` up to and including the first ``<end/>``, split as ``split_tags`` does."""
    parts = split_tags(messages)
    return parts[: parts.index(END) + 1] if END in parts else parts


def _without_end(message: str) -> str:
    return render([p for p in parse(message) if isinstance(p, str) or p.name != "end"])
