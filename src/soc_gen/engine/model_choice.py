"""Which model is asked for: the named one, or the only one that the endpoints list.

A list is no verdict on a name. Hosts take names that they do not list (``M:nitro``, deployments, wildcards),
list one page of many, or do not let everybody see the list; whether there is such a model, the chat says.
"""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from soc_gen.errors import EndpointError, UsageError
from soc_gen.llm.client import EndpointClient, ListRefusedError
from soc_gen.llm.faults import TransientError
from soc_gen.llm.router import Sleep
from soc_gen.log import log
from soc_gen.settings import Endpoint

_LIST_SECONDS = 20.0
"""Longest wait for a list that only warnings come from. One that a model is taken from may take as long as
a reply: a server that starts when it is asked takes half a minute and more."""
_PASSING = frozenset({429, 502, 503, 504, 529})
_NO_SUCH_LIST = frozenset({404, 405, 501})
_PAUSE_SECONDS = 1.0
_BY_NAME = "Check --base-url (it usually ends in /v1), or name one with --model"
_BY_KEY = "Check the key (SOC_API_KEY, or what --api-key-env names), or name one with --model"
_MOST_SHOWN = 8


@dataclass(frozen=True)
class _Listed:
    """What one replica says that it has, or why it does not say."""

    url: str
    models: tuple[str, ...] = ()
    trouble: TransientError | ListRefusedError | None = None

    @property
    def absent(self) -> bool:
        """Nobody can be talked to at this URL."""
        return isinstance(self.trouble, TransientError) and self.trouble.kind in {"connection", "tls"}

    @property
    def passing(self) -> bool:
        """The list will come later."""
        return isinstance(self.trouble, ListRefusedError) and self.trouble.status in _PASSING


async def choose_model(
    endpoints: Sequence[EndpointClient],
    config: Endpoint,
    sleep: Sleep,
    on_wait: Callable[[str], None] = lambda _: None,
) -> tuple[str, tuple[str, ...]]:
    """Return the model to ask for, and the URLs of replicas that do not answer while others do.

    Args:
        endpoints: The replicas.
        config: Names the model, if one is named, and says how long to wait.
        sleep: Waits between two questions for a list.
        on_wait: Is told what is waited for, and "" when it no longer is.

    Raises:
        EndpointError: None of the replicas is there; or no model was named, and they list several, or do not
            let the list be seen.
        UsageError: No model was named, and they list none.
    """
    replicas = await _lists(endpoints, config, sleep, on_wait)
    absent = tuple(replica.url for replica in replicas if replica.absent)
    if len(absent) == len(replicas):
        raise _nobody(replicas)
    model = config.model if config.model is not None else _only_one(replicas)
    _warn_if_unlisted(model, replicas)
    return model, absent


async def _lists(
    endpoints: Sequence[EndpointClient], config: Endpoint, sleep: Sleep, on_wait: Callable[[str], None]
) -> list[_Listed]:
    """Ask all replicas for their models: once, or where the model depends on it, until one lists some."""
    named = config.model is not None
    seconds = min(_LIST_SECONDS, config.timeout_seconds) if named else config.timeout_seconds
    until = time.monotonic() + config.give_up_seconds
    while True:
        replicas = await asyncio.gather(*(_listed(endpoint, seconds) for endpoint in endpoints))
        some = any(replica.models for replica in replicas)
        waiting = [replica for replica in replicas if replica.passing]
        if named or some or not waiting or time.monotonic() > until:
            return replicas
        on_wait(f"waiting for a list of models: {waiting[0].trouble}")
        await sleep(_PAUSE_SECONDS)
        on_wait("")


async def _listed(endpoint: EndpointClient, seconds: float) -> _Listed:
    try:
        return _Listed(endpoint.url, tuple(await endpoint.models(seconds) or ()))
    except (ListRefusedError, TransientError) as trouble:
        return _Listed(endpoint.url, trouble=trouble)


def _nobody(replicas: Sequence[_Listed]) -> EndpointError:
    urls = ", ".join(replica.url for replica in replicas)
    if all(
        isinstance(replica.trouble, TransientError) and replica.trouble.kind == "tls" for replica in replicas
    ):
        hint = "Check the certificate, or SSL_CERT_FILE for one of your own"
        return EndpointError(f"the certificate of {urls} cannot be verified", hint=hint)
    return EndpointError(f"nobody answers at {urls}", hint="Start the server, or check --base-url")


def _only_one(replicas: Sequence[_Listed]) -> str:
    """Return the one model that all lists have; where they have none in common, the only one of the first."""
    lists = [replica for replica in replicas if replica.models]
    if not lists:
        raise _no_list(replicas)
    common = [name for name in lists[0].models if all(name in replica.models for replica in lists)]
    names = common or list(lists[0].models)
    if len(names) == 1:
        return names[0]
    urls = ", ".join(replica.url for replica in lists)
    what = f"{urls} has several models" if common else f"{urls} have no model in common"
    more = " …" if len(names) > _MOST_SHOWN else ""
    hint = f"Name one of them with --model: {', '.join(names[:_MOST_SHOWN])}{more}"
    raise EndpointError(what, hint=hint)


def _no_list(replicas: Sequence[_Listed]) -> EndpointError | UsageError:
    """Return the error for endpoints that list nothing while no model is named."""
    urls = ", ".join(replica.url for replica in replicas)
    for replica in replicas:
        if isinstance(replica.trouble, ListRefusedError):
            return _refused(replica.trouble)
    kinds = {replica.trouble.kind for replica in replicas if isinstance(replica.trouble, TransientError)}
    if "timeout" in kinds:
        return EndpointError(f"{urls} did not list its models in time", hint=_BY_NAME)
    if "bad_body" in kinds:
        return EndpointError(f"what answers at {urls} is no OpenAI-compatible server", hint=_BY_NAME)
    return UsageError(f"{urls} lists no models", hint=_BY_NAME)


def _refused(trouble: ListRefusedError) -> EndpointError | UsageError:
    if trouble.status in _NO_SUCH_LIST:
        return UsageError(str(trouble), hint=_BY_NAME)
    return EndpointError(str(trouble), hint=_BY_KEY if trouble.status in {401, 403} else _BY_NAME)


def _warn_if_unlisted(wanted: str, replicas: Sequence[_Listed]) -> None:
    lacking = [replica for replica in replicas if replica.models and wanted not in replica.models]
    if lacking:
        close = close_names(wanted, [name for replica in lacking for name in replica.models])
        like = f" (close to it: {', '.join(close)})" if close else ""
        urls = ", ".join(replica.url for replica in lacking)
        log.warning("%s does not list the model %s%s; it is asked for all the same", urls, wanted, like)


def close_names(wanted: str, names: Iterable[str]) -> list[str]:
    """Return up to three of ``names`` that are most like ``wanted``, the closest first.

    The case of letters does not count, nor need the folder (``models/``) and the suffix (``:free``) be alike.
    """
    known: dict[str, str] = {}
    for name in names:
        for key in _keys(name):
            known.setdefault(key, name)
    keys = [key for asked in _keys(wanted) for key in difflib.get_close_matches(asked, known)]
    return list(dict.fromkeys(known[key] for key in keys))[:3]


def _keys(name: str) -> tuple[str, str]:
    whole = name.lower()
    return whole, whole.rpartition("/")[2].partition(":")[0]
