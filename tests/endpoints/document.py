"""Write ``docs/endpoints.md`` from the table: ``python -m tests.endpoints.document``."""

from __future__ import annotations

from collections.abc import Iterable

from tests.endpoints.behaviours import CASES
from tests.endpoints.cases import ALL, ONCE, ONE_MORE, SOMETIMES_AGAIN, TWICE, Bounds, Case, Command
from tests.support.soc_process import ROOT

PAGE = ROOT / "docs" / "endpoints.md"
_HEAD = """# Endpoints as they are

What servers do that no specification has, and what `soc` makes of it. Each row is a test: a real server that
behaves so, and a real `soc` that is run against it. Many of the behaviours come from public bug reports.

How to read a row:

- **exit**: 0 the run went through, 1 it failed. It never ends in a trace.
- **rows**: conversations or experiences in the output; in brackets, the reason that the others failed with.
- **requests**: "one each" is one for each turn or experience; "some again" are those that were repeated.
- **says**: words that are on the screen, among them the server's own.

The page is written from the table of the tests: `python -m tests.endpoints.document`.
"""
_WORDS: dict[Command, str] = {
    "rollout": "rollout json",
    "transcript": "rollout transcript",
    "experiences": "experiences json",
    "lines": "experiences lines",
    "check": "check",
    "clean": "clean",
}
_EACH = {
    ONCE: "one each",
    TWICE: "two each",
    SOMETIMES_AGAIN: "some again",
    ONE_MORE: "one each, and the one refused",
}
_HEADINGS = {
    1: "Thinking is never taken for the answer",
    2: "A run whose replies cannot be used stops early",
    3: "`soc check` says what is wrong in the server's own words",
    4: "Refusals at random are not a rate limit",
    5: "One bad exchange loses nothing",
    6: "One flagged prompt, or one bad replica, is its own trouble alone",
    7: "A full context, in a host's own words",
    8: "A model that the list does not have is asked all the same",
    9: "Fields that a host does not take",
    10: "The server's words reach the user",
    11: "Answers in other shapes",
    12: "Replies that were cut",
    13: "Tokens and budgets",
    14: "On the wire: size, headers, redirects, times",
    15: "A process that slept",
    16: "Damaged text",
}


def page() -> str:
    """Return the whole page."""
    sections = (_section(point, [case for case in CASES if case.point == point]) for point in _HEADINGS)
    return "\n".join([_HEAD, *sections])


def _section(point: int, cases: Iterable[Case]) -> str:
    commands: dict[tuple[str, ...], list[str]] = {}
    for case in cases:
        key = (_plain(case.behaviour.name), _code(case), _rows(case), _requests(case), _says(case))
        commands.setdefault(key, []).append(_WORDS[case.command])
    lines = [
        f"| {name} | {', '.join(used)} | {' | '.join(rest)} |" for (name, *rest), used in commands.items()
    ]
    head = ["| what the server does | command | exit | rows | requests | says |", "|---|---|---|---|---|---|"]
    return "\n".join([f"## {point}. {_HEADINGS[point]}", "", *head, *lines, ""])


def _code(case: Case) -> str:
    return "0 or 1" if case.expected.exit is None else str(case.expected.exit)


def _rows(case: Case) -> str:
    rows, reasons = case.expected.rows, case.expected.reasons
    if case.command == "check":
        return "–"
    named = {None: "what is there", ALL: "all"}
    told = _bounds(rows) if isinstance(rows, tuple) else named.get(rows) or f"{rows} of {case.count}"
    return f"{told} ({', '.join(sorted(reasons))})" if reasons else told


def _requests(case: Case) -> str:
    expected = case.expected
    if expected.asked is not None:
        return _bounds(expected.asked)
    if case.command in {"check", "clean"} or expected.each is None:
        return "–"
    return _EACH.get(expected.each) or f"{_bounds(expected.each)} each"


def _says(case: Case) -> str:
    return ", ".join(_plain(words).replace("\\|", " or ") for words in case.expected.says)


def _bounds(bounds: Bounds) -> str:
    lowest, highest = (f"{number:g}" for number in bounds)
    if lowest == highest:
        return lowest
    return f"at most {highest}" if lowest in {"0", "1"} else f"{lowest} to {highest}"


def _plain(name: str) -> str:
    """Return ``name`` such that Markdown takes none of it for its own."""
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "|*_[]`":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
