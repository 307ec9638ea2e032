"""A scorecard as a page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from soc_gen.display import visible
from soc_gen.metrics.evaluation import Evaluation
from soc_gen.metrics.gate import Broken

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em .8em .2em 0;vertical-align:top}"
    "tr{border-bottom:1px solid #ddd}.out{color:#a00}td:nth-child(2){text-align:right}"
)


def page(found: Evaluation, failed: Sequence[Broken] | None) -> str:
    """Return the page; ``failed`` are the broken bounds of a gate, None where there is no gate."""
    score = found.score
    rows = [
        (
            name,
            f"{reading.value:g}",
            f"{reading.low:g} to {reading.high:g}",
            reading.side or "inside",
            reading.advice,
            ", ".join(reading.chats),
        )
        for name, reading in score.readings.items()
    ]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Scorecard</title>",
        f"<style>{_STYLE}</style><h1>{_text(found.headline())}</h1>",
        f"<p>{score.chats:,} chats, {score.messages:,} messages.</p>",
        _table(("figure", "value", "people", "is", "what to do", "furthest out"), rows),
    ]
    for title, columns, cells in found.tables():
        parts += [f"<h2>{_text(title)}</h2>", _table(columns, cells)]
    if score.missing:
        parts.append("<h2>Does not apply</h2>")
        parts.append(_table(("figure", "for want of"), score.missing.items()))
    if failed is not None:
        parts.append(f"<h2>The gate {'is broken' if failed else 'holds'}</h2>")
        parts.append(_table(("figure", "value", "must be"), map(_broken, failed)))
    return "\n".join([*parts, "</html>\n"])


def _broken(one: Broken) -> tuple[str, str, str]:
    value = "not measured" if one.value is None else f"{one.value:g}"
    return one.bound.name, value, f"{one.bound.kind.replace('_', ' ')} {one.bound.bound:g}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    return f"<table><tr>{head}</tr>{''.join(map(_row, rows))}</table>"


def _row(cells: Sequence[str]) -> str:
    outside = " class='out'" if {"below", "above"} & set(cells) else ""
    return f"<tr{outside}>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(text: str) -> str:
    return escape(visible(text))
