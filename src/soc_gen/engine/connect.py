"""Opening the endpoints of a run: the configured ones, or the embedded model's server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from soc_gen.engine.concurrency import AdaptiveConcurrency, Slots
from soc_gen.errors import EndpointError, UsageError
from soc_gen.llm.client import Capabilities, EndpointClient, read_key
from soc_gen.llm.embedded.machine import allow_open_files
from soc_gen.llm.faults import TransientError
from soc_gen.llm.rate_limit import AdaptiveRateLimiter
from soc_gen.llm.router import Replica, Router, Sleep
from soc_gen.log import log
from soc_gen.settings import Endpoint

_AUTO_START = 8
_AUTO_HIGHEST = 1024
_OTHER_FILES = 64  # that a process has open besides its connections
_NO_LIST = "Check --base-url (it usually ends in /v1), or name one with --model"


@dataclass(frozen=True)
class Connection:
    """What was opened, and what a manifest may say of it."""

    router: Router
    model: str
    capabilities: Capabilities
    slots: Slots
    adaptive: AdaptiveConcurrency | None = None
    """Finds how many slots to have; None: their number stays as it is."""
    absent: tuple[str, ...] = ()
    """URLs of replicas that did not answer when it was opened."""


@asynccontextmanager
async def connect(
    config: Endpoint,
    sleep: Sleep,
    on_wait: Callable[[str], None],
) -> AsyncIterator[Connection]:
    """Open the endpoints of ``config``, after asking what models they have.

    Args:
        config: Where the model is; has at least one URL.
        sleep: How the router waits.
        on_wait: Is told what the run waits for.

    Raises:
        EndpointError: Nobody listening, wrong key, no such model.
        UsageError: The key's environment variable is not set.
    """
    key = read_key(config.api_key_env)
    capabilities = Capabilities()
    async with AsyncExitStack() as stack:
        endpoints = []
        for url in config.base_urls:
            endpoints.append(EndpointClient(url, key, config, capabilities))
            stack.push_async_callback(endpoints[-1].close)
        model, absent = await choose_model(endpoints, config.model)
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
    """Return how many conversations may be open: each has a connection, and connections count as files."""
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


async def choose_model(
    endpoints: Sequence[EndpointClient], wanted: str | None
) -> tuple[str, tuple[str, ...]]:
    """Return the model to ask for, and the URLs of replicas that do not answer while others do.

    It is the wanted model, or the only one that there is.

    Raises:
        EndpointError: None of the replicas is there, or one that is does not take the key or has no such
            model, or they have several and none was named.
        UsageError: They list none, and none was named.
    """
    found = await asyncio.gather(*map(_listed, endpoints))
    there = [(endpoint, answer) for endpoint, answer in found if not isinstance(answer, TransientError)]
    if not there:
        raise _absent(found)
    for endpoint, answer in there:
        if isinstance(answer, EndpointError):
            raise answer
        wanted = _choose(endpoint, answer, wanted)
    return wanted or "", tuple(
        endpoint.url for endpoint, answer in found if isinstance(answer, TransientError)
    )


async def _listed(
    endpoint: EndpointClient,
) -> tuple[EndpointClient, list[str] | EndpointError | TransientError | None]:
    """Return what a replica says that it has, or what it fails with."""
    try:
        return endpoint, await endpoint.models()
    except (EndpointError, TransientError) as error:
        return endpoint, error


def _absent(found: Sequence[tuple[EndpointClient, object]]) -> EndpointError:
    """Return the error for endpoints of which none can be talked to."""
    urls, kinds = ", ".join(endpoint.url for endpoint, _ in found), {str(answer) for _, answer in found}
    if kinds == {"tls"}:
        hint = "Check the certificate, or SSL_CERT_FILE for one of your own"
        return EndpointError(f"the certificate of {urls} cannot be verified", hint=hint)
    if kinds == {"bad_body"}:
        return EndpointError(f"what answers at {urls} is no OpenAI-compatible server", hint=_NO_LIST)
    return EndpointError(f"nobody answers at {urls}", hint="Start the server, or check --base-url")


def _choose(endpoint: EndpointClient, models: list[str] | None, wanted: str | None) -> str:
    if wanted and (not models or wanted in models):
        return wanted
    if not models:
        raise UsageError(f"{endpoint.url} lists no models", hint=_NO_LIST)
    if not wanted and len(models) == 1:
        return models[0]
    shown = ", ".join(models[:8]) + (" …" if len(models) > 8 else "")
    what = f"{endpoint.url} has no model {wanted!r}" if wanted else f"{endpoint.url} has several models"
    raise EndpointError(what, hint=f"Name one of them with --model: {shown}")
