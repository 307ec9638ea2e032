"""The endpoint of a run: the configured one, or the embedded model started for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from soc_gen.errors import UsageError
from soc_gen.llm.embedded.server import embedded_server, need_engine
from soc_gen.llm.embedded.weights import Progress, resolve_weights
from soc_gen.settings import Endpoint

EMBEDDED_SLOTS = 4


@contextmanager
def ensure_endpoint(config: Endpoint, progress: Progress) -> Iterator[Endpoint]:
    """Yield ``config`` with URLs in it: its own, or that of the embedded model, started for the block.

    Args:
        config: Where the model is.
        progress: Is told how far a download is.

    Raises:
        EmbeddedModelError: The embedded model cannot be fetched or started.
        MissingExtraError: It is needed, and the extra ``local`` is not installed.
        UsageError: A model was named, but no URL.
    """
    if config.base_urls:
        yield config
        return
    if config.model:
        raise UsageError(f"no endpoint for {config.model}", hint="Pass --base-url, or set SOC_BASE_URL")
    need_engine()
    weights = resolve_weights(config.embedded_model, progress=progress)
    slots = EMBEDDED_SLOTS if config.concurrency == "auto" else config.concurrency
    with embedded_server(weights, slots) as url:
        yield config.model_copy(update={"base_urls": (url,), "concurrency": slots, "api_key_env": None})
