"""The README of a mix: where each part came from, under what licence, and how much of it is there."""

from __future__ import annotations

from collections.abc import Iterable

from soc_gen.display import visible
from soc_gen.mix.config import Mix
from soc_gen.mix.report import MixReport
from soc_gen.mix.tokens import WORDS


def card(mix: Mix, report: MixReport) -> str:
    """Return the card."""
    ending = mix.mix.format
    head = (
        "---\nlicense: other\ntask_categories: [text-generation]\nconfigs:\n- config_name: default\n"
        f"  data_files:\n  - split: train\n    path: train.{ending}\n"
        f"  - split: test\n    path: test.{ending}\n---\n"
    )
    parts = [
        head,
        "# A mix of conversations\n",
        _publication(report),
        _overview(mix, report),
        _sources(report),
        _counts(report),
        _shares(mix, report),
        _notes(report),
        _columns(),
    ]
    return "\n".join(filter(None, parts))


def _publication(report: MixReport) -> str:
    if report.publishable:
        return "Each row carries the licence of its source, and is used under it.\n"
    why = "".join(f"- {_cell(reason)}\n" for reason in report.not_publishable_because)
    return (
        "> **This mix must not be published.** Keep it to yourself, or publish its recipe: "
        f"`soc push-to-hub --recipe-only`.\n\n{why}"
    )


def _overview(mix: Mix, report: MixReport) -> str:
    lines = "".join(f"- `{name}`: {rows:,} rows\n" for name, rows in report.files.items())
    limit = f" {report.limited_by} runs out first, at {report.feasible:,}." if report.limited_by else ""
    return (
        f"{lines}\nLicence profile: {mix.mix.license_profile}; seed {mix.random_seed}; "
        f"total {report.total:,} {report.unit}.{limit}\n"
    )


def _sources(report: MixReport) -> str:
    rows = (
        (name, source.hub_id or "-", _licences(source.license, source.licenses), source.access)
        for name, source in report.sources.items()
    )
    dropped = "".join(
        f"- {name} was dropped: {source.dropped_by_license}\n"
        for name, source in report.sources.items()
        if source.dropped_by_license
    )
    return "## Sources\n\n" + _table(("source", "on the Hub", "licence", "access"), rows) + f"\n{dropped}"


def _licences(name: str, counts: dict[str, int]) -> str:
    return ", ".join(f"{used} ({count:,})" for used, count in sorted(counts.items())) if counts else name


def _counts(report: MixReport) -> str:
    names = ("rows", "conversations", "rejected", "duplicates", "contaminated", "not_drawn", "train", "test")
    rows = (
        (name, *(f"{getattr(source, column):,}" for column in names))
        for name, source in report.sources.items()
    )
    heads = ("source", *(name.replace("_", " ") for name in names))
    reasons = "".join(
        f"- {name}: " + ", ".join(f"{reason} {count:,}" for reason, count in source.reasons.items()) + "\n"
        for name, source in report.sources.items()
        if source.reasons
    )
    why = f"\nWhy conversations were left out:\n\n{reasons}" if reasons else ""
    return "## What became of them\n\n" + _table(heads, rows) + why


def _shares(mix: Mix, report: MixReport) -> str:
    names = (
        "share",
        "achieved_share",
        "achieved_share_tokens",
        "share_before_duplicates",
        "share_before_duplicates_tokens",
    )
    heads = ("source", "wanted", "conversations", "tokens", "before duplicates", "before duplicates, tokens")
    rows = (
        (name, *(f"{getattr(source, column):.2%}" for column in names))
        for name, source in report.sources.items()
    )
    estimate = "Tokens are estimated from words.\n" if mix.mix.tokenizer == WORDS else ""
    counted = "" if estimate else f"Tokens are counted with `{_cell(mix.mix.tokenizer)}`.\n"
    return "## Shares\n\n" + _table(heads, rows) + f"\n{estimate}{counted}"


def _notes(report: MixReport) -> str:
    return "## Notes\n\n" + "".join(f"- {_cell(note)}\n" for note in report.notes) if report.notes else ""


def _columns() -> str:
    return (
        "## Columns\n\n`messages` (role, content), `id`, `source`, `source_id`, `cluster_id` (what is alike "
        "has one, and is in one split), `license`, `lang`, `task`, `split`, `loss_weight` (for trainers that "
        "weight the loss instead of drawing rows), `meta` (JSON).\n"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return visible(" ".join(text.split())).replace("|", "\\|")
