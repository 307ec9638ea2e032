"""What the caller of a run decides: the endpoint, the budget, the counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soc_gen.engine.metrics import RunMetrics
from soc_gen.engine.stop import Stop
from soc_gen.settings import Budget, Endpoint


@dataclass(frozen=True)
class RunContext:
    """How a stage is run. Only the endpoint has to be given, with URLs in it."""

    endpoint: Endpoint
    embedded: bool = False
    """The endpoint is the embedded model's server."""
    budget: Budget = field(default_factory=Budget)
    stop: Stop = field(default_factory=Stop)
    metrics: RunMetrics = field(default_factory=RunMetrics)
    random_seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    """All settings of the run, as JSON, for the manifest."""
    restart: bool = False
    """Delete what an earlier run left."""

    def on_wait(self, text: str) -> None:
        """Show what the run waits for."""
        self.metrics.waiting_for = text
