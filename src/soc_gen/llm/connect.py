"""Opening the endpoints of a run: the configured ones, or the embedded model's server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from soc_gen.config import EndpointConfig
from soc_gen.errors import UsageError
from soc_gen.llm.client import Capabilities, Endpoint, choose_model, read_key
from soc_gen.llm.embedded import embedded_server, need_engine
from soc_gen.llm.fleet import Fleet, Replica, Sleep
from soc_gen.llm.machine import allow_open_files
from soc_gen.llm.pace import AutoLimit, Pacer
from soc_gen.llm.weights import Progress, resolve_weights
from soc_gen.slots import Slots

EMBEDDED_SLOTS = 4
_AUTO_START = 8
_AUTO_HIGHEST = 1024
_OTHER_FILES = 64  # that a process has open besides its connections


@dataclass(frozen=True)
class Connection:
    """What was opened, and what a manifest may say of it."""

    fleet: Fleet
    model: str
    capabilities: Capabilities
    slots: Slots
    auto: AutoLimit | None
    absent: tuple[str, ...] = ()
    """URLs of replicas that did not answer when it was opened."""


@contextmanager
def served(
    config: EndpointConfig, say: Callable[[str], None], progress: Progress
) -> Iterator[EndpointConfig]:
    """Yield ``config`` with URLs in it: its own, or that of the embedded model, started for the block.

    Args:
        config: Where the model is.
        say: Is told what is fetched and started, a line at a time.
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
    weights = resolve_weights(config.embedded_model, progress=progress, say=say)
    slots = EMBEDDED_SLOTS if config.concurrency == "auto" else config.concurrency
    with embedded_server(weights, slots) as url:
        yield config.model_copy(update={"base_urls": (url,), "concurrency": slots, "api_key_env": None})


@asynccontextmanager
async def connect(
    config: EndpointConfig,
    sleep: Sleep,
    notice: Callable[[str], None],
    say: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Connection]:
    """Open the endpoints of ``config``, after asking what models they have.

    Args:
        config: Where the model is; has at least one URL.
        sleep: How the fleet waits.
        notice: Is told what the run waits for.
        say: Is told what the endpoint was found not to take, and which replicas do not answer.

    Raises:
        EndpointError: Nobody listening, wrong key, no such model.
        UsageError: The key's environment variable is not set.
    """
    key = read_key(config.api_key_env)
    capabilities = Capabilities(say=say)
    async with AsyncExitStack() as stack:
        endpoints = []
        for url in config.base_urls:
            endpoints.append(Endpoint(url, key, config, capabilities))
            stack.push_async_callback(endpoints[-1].close)
        model, absent = await choose_model(endpoints, config.model)
        for url in absent:
            say(f"{url} does not answer; the others are asked until it does")
        for endpoint in endpoints:
            endpoint.model = model
        replicas = [Replica(endpoint, _pacer(config)) for endpoint in endpoints]
        fleet = Fleet(replicas, config.give_up_seconds, sleep, notice)
        highest = _open_at_most(config, say)
        auto = AutoLimit(min(_AUTO_START, highest), highest) if config.concurrency == "auto" else None
        slots = Slots(auto.limit if auto else highest)
        yield Connection(fleet, model, capabilities, slots, auto, absent)


def _open_at_most(config: EndpointConfig, say: Callable[[str], None]) -> int:
    """Return how many conversations may be open: each has a connection, and connections count as files."""
    wanted = _AUTO_HIGHEST if config.concurrency == "auto" else config.concurrency
    replicas = len(config.base_urls)
    files = allow_open_files(wanted * replicas + _OTHER_FILES)
    possible = max(1, (files - _OTHER_FILES) // replicas)
    if possible < wanted and config.concurrency != "auto":
        say(
            f"Only {files} files may be open here (ulimit -n): {possible} conversations at once, not {wanted}"
        )
    return min(wanted, possible)


def _pacer(config: EndpointConfig) -> Pacer:
    replicas = len(config.base_urls)
    requests, tokens = config.requests_per_minute, config.tokens_per_minute
    return Pacer(requests and requests / replicas, tokens and tokens / replicas)
