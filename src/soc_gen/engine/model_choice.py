"""Chooses the model: the configured one, or the only one that the endpoints list.

A missing name in the list is no proof that there is no such model. Hosts accept names that they do not list
(``M:nitro``, deployments, wildcards), list one page of many, or hide the list from some keys; only a chat
request shows whether the model exists.
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
"""Longest wait in seconds for a list that is only used for warnings. One from which the model is chosen may
take as long as a reply: a server that starts on demand needs half a minute or more."""
_PASSING = frozenset({429, 502, 503, 504, 529})
_NO_SUCH_LIST = frozenset({404, 405, 501})
_PAUSE_SECONDS = 1.0
_BY_NAME = "Check --base-url (it usually ends in /v1), or name one with --model"
_BY_KEY = "Check the key (SOC_API_KEY, or what --api-key-env names), or name one with --model"
_MOST_SHOWN = 8


@dataclass(frozen=True)
class _Listed:
    """The models that one replica lists, or why it lists none."""

    url: str
    models: tuple[str, ...] = ()
    trouble: TransientError | ListRefusedError | None = None

    @property
    def absent(self) -> bool:
        """Nothing answers at this URL."""
        return isinstance(self.trouble, TransientError) and self.trouble.kind in {"connection", "tls"}

    @property
    def passing(self) -> bool:
        """The fault may pass; the list can be asked for again."""
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
        config: Has the model's name, if one is configured, and the longest wait.
        sleep: Waits between two requests for a list.
        on_wait: Called with what the run waits for, and with "" when the wait ends.

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
    """Ask all replicas for their models: once, or until one lists some if the model depends on it."""
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
    """Return the one model that all lists share; without a shared one, the only one of the first list."""
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

    Case, the folder (``models/``) and the suffix (``:free``) are ignored.
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
