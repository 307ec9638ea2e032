"""What came of a mix, for people, for the manifest and for the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class SourceReport:
    """What came of one source; ``conversations`` is the sum of rejected to test."""

    license: str
    access: str
    hub_id: str
    share: float
    """Of the config, before a source was dropped."""
    rows: int = 0
    """Rows read."""
    conversations: int = 0
    """Made of them."""
    rejected: int = 0
    duplicates: int = 0
    contaminated: int = 0
    not_drawn: int = 0
    train: int = 0
    test: int = 0
    repeats: int = 0
    """Rows of train beyond ``train``, where conversations come more than once."""
    dropped_by_license: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    """Rejected and duplicates, by reason."""
    licenses: dict[str, int] = field(default_factory=dict)
    """Rows in train and test by licence."""
    quota: int = 0
    available: int = 0
    """After filters, duplicates and decontamination."""
    tokens_read: int = 0
    """Of what the filters left, before duplicates."""
    tokens: int = 0
    """In train and test."""
    achieved_share: float = 0.0
    achieved_share_tokens: float = 0.0
    share_before_duplicates: float = 0.0
    share_before_duplicates_tokens: float = 0.0
    note: str = ""


@dataclass(slots=True)
class MixReport:
    """What came of a mix."""

    unit: str
    tokenizer: str
    total: int = 0
    """Of ``unit``, drawn."""
    feasible: int = 0
    limited_by: str = ""
    sources: dict[str, SourceReport] = field(default_factory=dict)
    publishable: bool = True
    not_publishable_because: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    """Rows by file."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    def count_shares(self) -> None:
        """Fill in the shares of all sources, by conversations and by tokens."""
        columns: tuple[tuple[str, Callable[[SourceReport], int]], ...] = (
            ("achieved_share", lambda source: source.train + source.repeats + source.test),
            ("achieved_share_tokens", lambda source: source.tokens),
            ("share_before_duplicates", lambda source: source.conversations - source.rejected),
            ("share_before_duplicates_tokens", lambda source: source.tokens_read),
        )
        for target, counted in columns:
            whole = sum(map(counted, self.sources.values()))
            for source in self.sources.values():
                setattr(source, target, round(counted(source) / whole, 6) if whole else 0.0)
