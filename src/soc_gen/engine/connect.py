"""Opening the endpoints of a run: the configured ones, or the embedded model's server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from soc_gen.engine.concurrency import AdaptiveConcurrency, Slots
from soc_gen.engine.model_choice import choose_model
from soc_gen.llm.client import EndpointClient, read_key
from soc_gen.llm.embedded.machine import allow_open_files
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router, Sleep
from soc_gen.llm.wire import Capabilities
from soc_gen.log import log
from soc_gen.settings import Endpoint

_AUTO_START = 8
_AUTO_HIGHEST = 1024
_OTHER_FILES = 64  # that a process has open besides its connections


@dataclass(frozen=True)
class Connection:
    """The opened endpoints, and the facts about them that go into a manifest."""

    router: Router
    model: str
    capabilities: Capabilities
    slots: Slots
    adaptive: AdaptiveConcurrency | None = None
    """Adapts the number of slots; None when the number is fixed."""
    absent: tuple[str, ...] = ()
    """URLs of replicas that did not answer when the connection was opened."""


@asynccontextmanager
async def connect(
    config: Endpoint,
    sleep: Sleep,
    on_wait: Callable[[str], None],
) -> AsyncIterator[Connection]:
    """Open the endpoints of ``config``, after asking them for their models.

    Args:
        config: Where the model is; has at least one URL.
        sleep: How the router waits.
        on_wait: Called with what the run waits for.

    Raises:
        EndpointError: Nobody listening, or no model was named and it is not clear which one is meant.
        UsageError: The key's environment variable is not set, or no model was named and there is no list.
    """
    key = read_key(config.api_key_env)
    capabilities = Capabilities.of(config)
    async with AsyncExitStack() as stack:
        endpoints = []
        for url in config.base_urls:
            endpoints.append(EndpointClient(url, key, config, capabilities))
            stack.push_async_callback(endpoints[-1].close)
        model, absent = await choose_model(endpoints, config, sleep, on_wait)
        for url in absent:
            log.warning("%s does not answer; the others are asked until it does", url)
        for endpoint in endpoints:
            endpoint.model = model
        replicas = [Replica(endpoint, _pacer(config)) for endpoint in endpoints]
        router = Router(replicas, config.give_up_seconds, sleep, on_wait)
        highest = _open_at_most(config)
        adaptive = (
            AdaptiveConcurrency(min(_AUTO_START, highest), highest) if config.concurrency == "auto" else None
        )
        slots = Slots(adaptive.limit if adaptive else highest)
        yield Connection(router, model, capabilities, slots, adaptive, absent)


def _open_at_most(config: Endpoint) -> int:
    """Return how many conversations may be open: each needs a connection, which counts as an open file."""
    wanted = _AUTO_HIGHEST if config.concurrency == "auto" else config.concurrency
    replicas = len(config.base_urls)
    files = allow_open_files(wanted * replicas + _OTHER_FILES)
    possible = max(1, (files - _OTHER_FILES) // replicas)
    if possible < wanted and config.concurrency != "auto":
        log.warning(
            "Only %d files may be open here (ulimit -n): %d conversations at once, not %d",
            files,
            possible,
            wanted,
        )
    return min(wanted, possible)


def _pacer(config: Endpoint) -> AdaptiveRateLimiter:
    replicas = len(config.base_urls)
    requests, tokens = config.requests_per_minute, config.tokens_per_minute
    return AdaptiveRateLimiter(requests and requests / replicas, tokens and tokens / replicas)
