"""One HTTP exchange with a server: bounded in time and size, and never sent to another server.

The OpenAI SDK's HTTP client does the work; this adds what it leaves open. A reply has a size bound, headers
may be long, a redirect is followed only where the same question goes to the same server, and the time bound
holds for the whole exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx2
from openai import DefaultAioHttpClient

from soc_gen.display import excerpt
from soc_gen.errors import EndpointError, UsageError
from soc_gen.llm.faults import TransientError
from soc_gen.urls import is_loopback, public_url

# aiohttp keeps 100 connections unless told otherwise; the slots are the limit, not the pool.
_LIMITS = httpx2.Limits(max_connections=8192, max_keepalive_connections=8192)
_CONNECT_SECONDS = 10.0
_LONGEST_HEADER = 1 << 18  # bytes; a policy for web pages may have 20 kB
LARGEST_BODY = 16 << 20
"""Bytes of a reply: a hundred times what the longest context can hold."""
_LARGEST_ERROR = 1 << 16  # bytes that are read of an error
_MOST_REDIRECTS = 5
_SAME_METHOD = frozenset({307, 308})
_LATE_SECONDS = 0.2  # after which a timer was late because the process slept
_GRACE_SECONDS = 2.0  # to read what has arrived meanwhile
_ADDRESS = "Check --base-url: it usually ends in /v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class HttpClient:
    """Connections to one server. Made inside a running event loop; ``close`` it.

    Args:
        url: Base URL.

    Raises:
        UsageError: The environment names a proxy that is none.
    """

    def __init__(self, url: str) -> None:
        try:
            self.client = _open_client(url)
        except ValueError:
            what = "a variable of the environment for proxies (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) is no URL"
            raise UsageError(what, hint="Mend or unset it; it looks like http://host:3128") from None

    async def exchange(
        self,
        method: str,
        url: httpx2.URL,
        headers: dict[str, str],
        seconds: float,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request, and return the answer whatever its status.

        Args:
            method: ``GET`` or ``POST``.
            url: Full address.
            headers: All that are sent.
            seconds: Longest wait for all of the answer.
            body: JSON.

        Raises:
            TransientError: ``timeout``, ``connection``, ``tls``, ``bad_body`` or ``too_large``.
            EndpointError: A redirect to another server, or one that makes another question of this one.
        """
        bound = asyncio.timeout(None)
        try:
            async with bound:
                timer = _Timer(bound, seconds)
                try:
                    return await self._follow(method, url, headers, body)
                finally:
                    timer.cancel()
        except TimeoutError:
            raise TransientError("timeout", overload=True) from None
        except (httpx2.HTTPError, aiohttp.ClientError) as error:
            raise _transport_fault(error) from None

    async def _follow(
        self, method: str, url: httpx2.URL, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            answer = await self._send(method, url, headers, body)
            if "location" not in answer.headers or not 300 <= answer.status < 400:
                return answer
            url = httpx2.URL(_redirected(method, str(url), answer))
        raise EndpointError(f"{public_url(str(url))} redirects in a circle", hint=_ADDRESS)

    async def _send(
        self, method: str, url: httpx2.URL, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        sent = self.client.stream(method, url, content=body, headers=headers, follow_redirects=False)
        async with sent as answer:
            most = LARGEST_BODY if answer.is_success else _LARGEST_ERROR
            parts, size = [], 0
            async for part in answer.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > most:
                    break
            if size > LARGEST_BODY:
                raise TransientError("too_large", f"more than {LARGEST_BODY >> 20} MB in one reply")
            return Answer(answer.status_code, answer.headers, b"".join(parts)[:most])

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()


class _Timer:
    """Ends an exchange after its time, unless the process slept then.

    A process that was stopped, or whose machine slept, finds its timers over and its answers unread. So a
    timer that comes late gives time to read them first.
    """

    def __init__(self, bound: asyncio.Timeout, seconds: float) -> None:
        self._bound = bound
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + seconds
        self._handle = self._loop.call_at(self._due, self._over)

    def _over(self) -> None:
        now = self._loop.time()
        self._bound.reschedule(now + (_GRACE_SECONDS if now - self._due > _LATE_SECONDS else 0.0))

    def cancel(self) -> None:
        self._handle.cancel()


def _open_client(url: str) -> httpx2.AsyncClient:
    """Return the SDK's client, with room for long headers.

    A proxy of the environment is used, but not to this machine itself.
    """
    timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)
    client = DefaultAioHttpClient(limits=_LIMITS, timeout=timeout, trust_env=not is_loopback(url))
    transports: list[Any] = [client._transport, *client._mounts.values()]
    for transport in filter(None, transports):
        transport.client = partial(_open_session, transport)
    return client


def _open_session(transport: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - the SDK's own class, which is private
    """Return what the transport makes itself, but for the bound of headers."""
    connector = aiohttp.TCPConnector(
        limit=transport.limits.max_connections or 0,
        keepalive_timeout=transport.limits.keepalive_expiry,
        ssl=transport.ssl_context,
    )
    return aiohttp.ClientSession(connector=connector, max_field_size=_LONGEST_HEADER)


def _redirected(method: str, url: str, answer: Answer) -> str:
    """Return the address that a redirect names, where following it changes nothing.

    Raises:
        EndpointError: It names another server, which would be sent all prompts and the key; or it would turn
            a POST into a GET.
    """
    target = urljoin(url, answer.headers["location"])
    shown = excerpt(public_url(target))
    if _origin(target) != _origin(url):
        what = f"{public_url(url)} answers {answer.status}, a redirect to another server: {shown}"
        raise EndpointError(what, hint="It is not followed. If you trust it, give its address as --base-url")
    if method != "GET" and answer.status not in _SAME_METHOD:
        what = f"{public_url(url)} answers {answer.status}, a redirect that would make a GET of it: {shown}"
        raise EndpointError(what, hint=_ADDRESS)
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or usual


def _transport_fault(error: BaseException | None) -> TransientError:
    """Return the fault that an exception of the HTTP client stands for."""
    if error is not None and isinstance(error.__cause__, aiohttp.ClientSSLError):
        return TransientError("tls")
    # A connection that breaks before it is made counts as a timeout there.
    if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
        return TransientError("timeout", overload=True)
    if isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError | httpx2.DecodingError):
        return TransientError("bad_body")
    return TransientError("connection")
