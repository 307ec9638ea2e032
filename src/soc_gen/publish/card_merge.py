"""Merges a new card with the one on the Hub, so that the owner's text stays.

The rule, which a comment in the card explains to the owner: sections of soc_gen are replaced; sections with
other headings stay where they are; text before the first section stays, except between two marks; and a
section of soc_gen with ``soc_gen:keep`` in it is not replaced any more. In the YAML, ``configs``,
``dataset_info`` and ``size_categories`` describe the data and are replaced; tags are joined; every other
existing key stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

BEGIN = (
    "<!-- soc_gen:begin. A push rewrites what is between these two marks and the sections it wrote. Your own "
    "text around the marks, sections with other headings, and sections with soc_gen:keep in them stay. -->"
)
END = "<!-- soc_gen:end -->"
KEEP = "soc_gen:keep"
_BEGIN_MARK = "<!-- soc_gen:begin"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_JOINED = ("tags", "task_categories")
_NAMED = ("configs", "dataset_info")


def merge_text(new: str, old: str | None, title: str) -> str:
    """Return the Markdown of ``new`` with the owner's additions in ``old``.

    Args:
        new: Text from ``card_text``.
        old: The Markdown, without YAML, of the existing card; None when there is none.
        title: Heading of a new card.
    """
    intro, *ours = sections(new)
    block = f"{BEGIN}\n\n{intro}\n\n{END}"
    if old is None or not old.strip():
        return "\n\n".join([f"# {title}", block, *ours]) + "\n"
    top, *theirs = sections(old)
    return "\n\n".join([_replace_block(top, block), *_interleave(ours, theirs)]) + "\n"


def _replace_block(top: str, block: str) -> str:
    """Replace the text between the first pair of marks in ``top`` by ``block``; without marks, append it."""
    lines = _lines(top)
    begin = None
    for number, (line, fenced) in enumerate(lines):
        if line.startswith(_BEGIN_MARK) and not fenced:
            begin = number
        elif line.strip() == END and not fenced and begin is not None:
            before, after = (
                "\n".join(text for text, _ in part) for part in (lines[:begin], lines[number + 1 :])
            )
            return f"{before}\n{block}\n{after}".strip()
    return f"{top}\n\n{block}".strip()


def _interleave(ours: list[str], theirs: list[str]) -> list[str]:
    """Return our sections in order, each followed by the owner's sections after it in the old card."""
    by_heading = {_heading(section): section for section in ours}
    after: dict[str | None, list[str]] = {}
    anchor = None
    for section in theirs:
        heading = _heading(section)
        if heading not in by_heading:
            after.setdefault(anchor, []).append(section)
            continue
        anchor = heading
        if any(KEEP in line and not fenced for line, fenced in _lines(section)):  # not a message that says it
            by_heading[heading] = section
    merged = after.get(None, [])
    for heading, section in by_heading.items():
        merged += [section, *after.get(heading, [])]
    return merged


def sections(markdown: str) -> list[str]:
    """Return the text before the first ``##`` heading, then each section; code fences are not split."""
    parts: list[list[str]] = [[]]
    for line, fenced in _lines(markdown):
        if line.startswith("## ") and not fenced:
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(lines).strip() for lines in parts]


def _lines(markdown: str) -> list[tuple[str, bool]]:
    """Return each line and whether it is in a code fence; an open fence is closed at the end."""
    marked: list[tuple[str, bool]] = []
    fence = ""
    for line in markdown.splitlines():
        mark = _FENCE.match(line)
        marked.append((line, bool(fence)))
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
    if fence:
        marked.append((fence, True))  # otherwise it would include the text after it in a merged card
    return marked


def _heading(section: str) -> str:
    return section.partition("\n")[0].strip()


def merge_metadata(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card's YAML: facts from ``new``, tags of both, all other keys from ``old`` if present."""
    merged = {**old, **{key: value for key, value in new.items() if key not in old}}
    merged["size_categories"] = new["size_categories"]
    for key in _JOINED:
        merged[key] = list(dict.fromkeys([*_as_list(old.get(key)), *new[key]]))
    for key in _NAMED:
        merged[key] = _merge_named(_as_list(new[key]), _as_list(old.get(key)))
    if len(merged["dataset_info"]) == 1:
        [merged["dataset_info"]] = merged["dataset_info"]
    return merged


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - YAML
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _merge_named(new: list[dict[str, Any]], old: list[Any]) -> list[dict[str, Any]]:
    ours = {config.get("config_name", "default") for config in new}
    kept = [c for c in old if isinstance(c, dict) and c.get("config_name", "default") not in ours]
    return new + kept
