"""The text of a dataset card, written only from the manifests and the data.

Facts that are in no manifest are called unknown. The text depends only on its arguments, so that the same
data gives the same card and a second push has nothing to commit.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soc_gen.io.manifest import Manifest
from soc_gen.io.scrub import scrub
from soc_gen.metrics.statistics import DISTINCT_WORDS, Statistics, spread
from soc_gen.models import Chat, Persona
from soc_gen.prompts.loader import Prompt
from soc_gen.publish.manifests import public_manifest

_TEMPLATE = Path(__file__).with_name("card.md")
_UNKNOWN = "Unknown: no manifest was found beside the data."
_METHOD = (
    "Two personas are paired, more often the nearer their ages are; a model is given a relationship and a "
    'trigger, is shown examples as "unlike these" (after ConvoGen, [arXiv:2503.17460]'
    "(https://arxiv.org/abs/2503.17460)), and says why the two write now. Then it plays both sides, "
    "turn by turn. What is broken or repeated is repaired or taken out."
)
_SAMPLE_MESSAGES = 16
_MARKS = re.compile(
    r"[\\`*#<>|\[\]~$&]|(?<![^\W_])_|_(?![^\W_])"
)  # an underscore within a word has no meaning in Markdown
_BLOCK_START = re.compile(r"^(\d*)([-+=.)])(?=\s|[-=]*$)")  # a list, a line, a heading
_STAGE_NAMES = {"experiences": "experiences", "rollout": "messages", "clean": "cleaning"}


@dataclass(frozen=True, slots=True)
class Facts:
    """The data from which a card is written."""

    repo: str
    """``user/name``."""
    manifests: tuple[Manifest, ...]
    """Manifests of the stages, first stage first."""
    statistics: Statistics
    sample: Chat
    licence: str
    files: tuple[str, ...] = ()
    """Paths in the dataset's repo."""
    languages: tuple[str, ...] = ()
    """Language codes from the user; if empty, the languages found in the data are used."""

    def public(self) -> Facts:
        """Return the facts with manifests without secrets, addresses and folders."""
        return replace(self, manifests=tuple(map(public_manifest, self.manifests)))


def card_text(facts: Facts) -> str:
    """Return the card's Markdown from the first ``##`` section's intro on, without title and YAML."""
    facts = facts.public()
    template = Prompt("card", _TEMPLATE.read_text("utf-8").rstrip("\n"))
    return template.render(
        repo=facts.repo,
        intro=_intro(facts),
        other_files=_other_files(facts),
        sample=sample_text(facts.sample),
        how=_how(facts.manifests),
        counts=_counts(facts),
        content=_content(facts.statistics),
        tokens=_tokens(facts.manifests),
        limitations=_limitations(facts),
        licence=_code(facts.licence),
        own_entry=_own_entry(facts.repo),
    )


def title(repo: str) -> str:
    """Return the name part of ``user/name``."""
    return repo.rpartition("/")[2]


class _Markdown(str):
    """A cell that is written without escaping."""

    __slots__ = ()


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; in cells, characters with a meaning in Markdown are escaped or removed."""
    lines = [head, [_Markdown("---")] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: object) -> str:
    return value if isinstance(value, _Markdown) else _plain(str(value))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _intro(facts: Facts) -> str:
    statistics = facts.statistics
    models = (
        ", ".join(_code(scrub(model)) for model, _ in ranked(statistics.models) if model)
        or "an unnamed model"
    )
    made = " with soc_gen" if facts.manifests else ""
    return (
        f"{statistics.chats:,} synthetic online conversations between {len(statistics.personas):,} fictional "
        f"people, two at a time, written by {models}{made}. Every word is generated: nobody here exists."
    )


def ranked(counts: Counter[str] | dict[str, int]) -> list[tuple[str, int]]:
    """Return the pairs of ``counts``, largest count first, equal counts by name."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _other_files(facts: Facts) -> str:
    lines = ["`data.jsonl` holds one conversation a line."]
    if "data.parquet" in facts.files:
        snippet = f'load_dataset("{facts.repo}", data_files="data.parquet", split="train")'
        lines.append(f"`data.parquet` holds the same rows: `{snippet}`.")
    if "generation.toml" in facts.files:
        lines.append(
            "`generation.toml` holds the settings of the run; `soc run --config generation.toml` takes it."
        )
    if any(name.startswith("manifests/") for name in facts.files):
        lines.append("`manifests/` holds what each stage wrote down.")
    return "\n".join(lines)


def sample_text(chat: Chat) -> str:
    """Return the beginning of ``chat`` as text for readers."""
    people = {persona.id: persona for persona in chat.experience.people}
    messages = [(part.sender, text) for part in chat.chat_parts for text in part.messages]
    lines = [
        f"{_name(people, sender)}: {' '.join(text.split())}" for sender, text in messages[:_SAMPLE_MESSAGES]
    ]
    more = len(messages) - _SAMPLE_MESSAGES
    if more > 0:
        lines.append(f"… {more} more messages")
    fence = "`" * max(3, 1 + max(map(_longest_run_of_ticks, lines), default=0))
    about = "\n\n".join([*map(_person, people.values()), _plain(chat.experience.situation)])
    return f"{about}\n\n{fence}text\n" + "\n".join(lines) + f"\n{fence}"


def _name(people: dict[str, Persona], sender: str) -> str:
    return " ".join((people[sender].name if sender in people else sender).split())


def _person(persona: Persona) -> str:
    return f"**{_plain(persona.name)}**, {persona.age}: {_plain(persona.background)}"


def _plain(text: str) -> str:
    """Return ``text`` on one line, without markup of Markdown or HTML."""
    line = " ".join(_MARKS.sub(r"\\\g<0>", text).split())
    return _BLOCK_START.sub(r"\1\\\2", line)


def _code(text: str) -> str:
    """Return ``text`` on one line as inline code; backticks in it cannot end the code."""
    line = " ".join(text.split()) or "unknown"
    fence = "`" * (1 + _longest_run_of_ticks(line))
    return f"`{line}`" if fence == "`" else f"{fence} {line} {fence}"


def _longest_run_of_ticks(line: str) -> int:
    return max((len(run) for run in "".join(c if c == "`" else " " for c in line).split()), default=0)


def _how(manifests: Sequence[Manifest]) -> str:
    if not manifests:
        return _UNKNOWN
    head = ("stage", "soc_gen", "model", "endpoint", "sampling", "random seed", "prompts (sha256 of all)")
    steps = table(head, (_how_row(manifest) for manifest in manifests))
    return f"{_METHOD} {_bank(manifests)}\n\n{steps}"


def _bank(manifests: Sequence[Manifest]) -> str:
    """Return a sentence about the source of the personas."""
    sections = (m.config.get("experiences") for m in manifests if m.stage == "experiences")
    bank = next((str(s["personas"]) for s in sections if isinstance(s, dict) and s.get("personas")), None)
    if bank is None:
        return "Where the personas are from is unknown."
    return f"The personas are from {'the bank that comes with soc_gen' if bank == 'seeds' else _code(bank)}."


def _how_row(manifest: Manifest) -> tuple[str, ...]:
    section = manifest.config.get(manifest.stage)
    sampling = section.get("sampling") if isinstance(section, dict) else None
    no_model = manifest.model is None and not manifest.endpoint
    return (
        _STAGE_NAMES.get(manifest.stage, manifest.stage),
        manifest.soc_gen or "unknown",
        "none" if no_model else manifest.model or "unknown",
        "none" if no_model else str(manifest.endpoint.get("kind", "unknown")),
        "none" if no_model else _sampling(sampling),
        "unknown" if manifest.random_seed is None else str(manifest.random_seed),
        _prompts_digest(manifest.prompts) if manifest.prompts else "none",
    )


def _prompts_digest(prompts: dict[str, str]) -> str:
    listing = "".join(f"{name} {digest}\n" for name, digest in sorted(prompts.items()))
    return hashlib.sha256(listing.encode()).hexdigest()[:12]


def _sampling(sampling: object) -> str:
    if not isinstance(sampling, dict):
        return "unknown"
    values = {
        key: value for key, value in sampling.items() if value is not None and not isinstance(value, dict)
    }
    extra: Any = sampling.get("extra_body")
    if isinstance(extra, dict):
        values |= {key: value for key, value in extra.items() if isinstance(value, int | float | str)}
    return ", ".join(f"{key} {value}" for key, value in values.items()) or "unknown"


def _counts(facts: Facts) -> str:
    if not facts.manifests:
        return f"{facts.statistics.chats:,} conversations. What was rejected on the way is unknown."
    names = ("in", "kept", "rejected", "failed")
    rows = [
        (_STAGE_NAMES.get(m.stage, m.stage), *(_number(m.counts[n]) if n in m.counts else "–" for n in names))
        for m in facts.manifests
    ]
    blocks = [table(("stage", *names), rows), _reasons(facts.manifests), _mismatch(facts)]
    return "\n\n".join(block for block in blocks if block)


def _reasons(manifests: Sequence[Manifest]) -> str:
    rejected: Counter[str] = Counter()
    repaired: Counter[str] = Counter()
    for manifest in manifests:
        rejected.update(manifest.reasons)
        repaired.update(manifest.repairs)
    tables = [
        table((head, "how many"), ((name, _number(count)) for name, count in ranked(counts)))
        for head, counts in (("rejected or failed because", rejected), ("repaired", repaired))
        if counts
    ]
    return "\n\n".join(tables)


def _mismatch(facts: Facts) -> str:
    written = [note.records for note in facts.manifests[-1].outputs if note.records is not None]
    if not written or facts.statistics.chats in written:
        return ""
    return (
        f"The last manifest speaks of {written[0]:,} records and the file holds {facts.statistics.chats:,}: "
        "it was changed after the run that the manifests describe."
    )


def _content(statistics: Statistics) -> str:
    head = ("", "least", "quarter", "median", "three quarters", "most", "mean")
    measured = {
        "turns in a conversation": spread(statistics.turns),
        "messages in a turn": spread(statistics.messages),
        "words in a message": spread(statistics.words) if statistics.has_words else None,
        "age of a persona": spread(statistics.ages),
    }
    rows = [(name, s.min, s.q1, s.median, s.q3, s.max, _number(s.mean)) for name, s in measured.items() if s]
    tags = table(
        ("tag", "how many"), ((_Markdown(f"`{tag}`"), _number(n)) for tag, n in ranked(statistics.tags))
    )
    return "\n\n".join([table(head, rows), tags if statistics.tags else "No tags.", _diversity(statistics)])


def _diversity(statistics: Statistics) -> str:
    of = f"of {statistics.chats:,}"
    rows = [
        ("different first messages", f"{len(statistics.openers):,} {of}"),
        ("different topics", f"{len(statistics.topics):,} {of}"),
        ("different relationships", f"{len(statistics.relationships):,} {of}"),
    ]
    if not statistics.has_words:
        unspaced = "Words are not counted: most of the text is in a script without spaces between them."
        return f"{table(('diversity', ''), rows)}\n\n{unspaced}"
    rows += [
        (f"distinct-1 (first {DISTINCT_WORDS:,} words)", f"{statistics.distinct_1:.3f}"),
        (f"distinct-2 (first {DISTINCT_WORDS:,} words)", f"{statistics.distinct_2:.3f}"),
    ]
    return table(("diversity", ""), rows)


def _tokens(manifests: Sequence[Manifest]) -> str:
    callers = [manifest for manifest in manifests if manifest.tokens or manifest.cost is not None]
    if not callers:
        return _UNKNOWN if not manifests else "Unknown: the manifests do not say."
    rows = [
        (
            _STAGE_NAMES.get(m.stage, m.stage),
            *(
                _number(m.tokens[name]) if name in m.tokens else "–"
                for name in ("prompt", "cached", "completion")
            ),
            _cost(m),
            "–" if m.seconds is None else _duration(m.seconds),
        )
        for m in callers
    ]
    return table(("stage", "prompt tokens", "of them cached", "completion tokens", "cost", "time"), rows)


def _cost(manifest: Manifest) -> str:
    free = manifest.endpoint.get("kind") == "embedded"
    if manifest.cost is None or (manifest.cost == 0 and not free):
        return "unknown: no prices were set"
    return f"{manifest.cost:,.2f} USD"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _limitations(facts: Facts) -> str:
    lines = [
        "The people, their lives and everything they claim are made up; facts they mention may be wrong.",
        "Models write smoother, kinder and more alike than people do; the diversity figures show some of it.",
        "Images, gifs, videos and audio exist only as descriptions.",
        "Every conversation has two people and one occasion; nobody joins.",
    ]
    if any(manifest.endpoint.get("kind") == "embedded" for manifest in facts.manifests):
        lines.append(
            "Written by the small embedded model: fit to try the pipeline, not to train a good model on."
        )
    if any(age < 18 for age in facts.statistics.ages):
        lines.append("Some personas are under 18.")
    if not facts.manifests:
        lines.append("How the conversations were made cannot be told: no manifest was found beside the data.")
    return "\n".join(f"- {line}" for line in lines)


def _own_entry(repo: str) -> str:
    user, _, name = repo.rpartition("/")
    key = "".join(char for char in name.casefold() if char.isalnum())
    url = f"https://huggingface.co/datasets/{repo}"
    return f"@misc{{{key},\n  title  = {{{name}}},\n  author = {{{user}}},\n  url    = {{{url}}}\n}}"
