"""One endpoint, one exchange: a ``Request`` goes out as JSON, a ``Reply`` or a fault comes back.

Through the OpenAI SDK, with its own retries off: who repeats what, and when, is decided in
``soc_gen.engine.runner`` alone. A turn goes out through the SDK's HTTP client with the SDK's headers, as
bytes that are encoded here: the SDK's walk through the messages costs more than all the rest of a turn (6 ms
at 40 messages), and its putting together of a request a third of what is left. The answer is read here,
since servers answer in more shapes than the SDK's types foresee.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import httpx2
import openai
import orjson
from openai import AsyncOpenAI, DefaultAioHttpClient

from soc_gen.errors import UsageError
from soc_gen.llm.faults import RequestRejectedError, TransientError, UnsupportedSchemaError, from_status
from soc_gen.llm.response import decode, decode_context, decode_models, raise_if_context_full
from soc_gen.log import log
from soc_gen.redact import Redactor
from soc_gen.urls import basic_auth, is_loopback, join_url, public_url, secrets_in, without_user

if TYPE_CHECKING:
    from soc_gen.llm.types import Reply, Request
    from soc_gen.settings import Endpoint

# aiohttp keeps 100 connections unless told otherwise; the slots are the limit, not the pool.
_LIMITS = httpx2.Limits(max_connections=8192, max_keepalive_connections=8192)
_CONNECT_SECONDS = 10.0
_LIST_SECONDS = 20.0

ResponseFormat = Literal["json_schema", "json_object", "text"]
_WEAKER: dict[ResponseFormat, ResponseFormat] = {"json_schema": "json_object", "json_object": "text"}


@dataclass
class Capabilities:
    """What the endpoint was found to take; shared by all replicas, decided once for a run."""

    response_format: ResponseFormat = "json_schema"
    context: int | None = None
    """Tokens of prompt and reply together, where the endpoint tells."""

    def downgrade(self, refused: ResponseFormat) -> None:
        """Fall back to the next weaker response format, unless another request has already done so.

        Raises:
            UnsupportedSchemaError: There is nothing weaker than plain text.
        """
        if refused == self.response_format:
            if refused not in _WEAKER:
                raise UnsupportedSchemaError
            self.response_format = _WEAKER[refused]
            log.warning(
                "The endpoint takes no response_format %s; %s has to do for this run.",
                refused,
                self.response_format,
            )


def read_key(name: str | None) -> str | None:
    """Return the API key from the environment, without the line break that a key out of a file ends with.

    Args:
        name: Variable that must have it; None looks at ``SOC_API_KEY``, then ``OPENAI_API_KEY``.

    Raises:
        UsageError: ``name`` is given and not set, or what is set cannot be sent as a key.
    """
    names = ("SOC_API_KEY", "OPENAI_API_KEY") if name is None else (name,)
    variable = next((name for name in names if os.environ.get(name, "").strip()), None)
    if variable is None:
        if name is None:
            return None
        raise UsageError(f"the environment variable {name} is not set", hint=f"Run: export {name}=<your key>")
    key = os.environ[variable].strip()
    if not (key.isascii() and key.isprintable()):
        what = f"what the environment variable {variable} has is no key: there are characters no key has"
        raise UsageError(what, hint=f"Run: export {variable}=<your key>")
    return key


def wire_body(request: Request, model: str, response_format: ResponseFormat) -> dict[str, Any]:
    """Return the JSON body for ``request``; the same request always gives the same bytes."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": request.messages,
        "max_tokens": sampling.max_tokens,
        "seed": request.seed,
    }
    for name in ("temperature", "top_p", "top_k", "min_p", "presence_penalty"):
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if request.stop:
        body["stop"] = list(request.stop)
    if request.continue_final:
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if request.schema and response_format != "text":
        body["response_format"] = _response_format(request.schema, response_format)
    return body | sampling.extra_body


def _response_format(schema: dict[str, Any], response_format: ResponseFormat) -> dict[str, Any]:
    if response_format == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}


def strip_prefill(text: str, request: Request) -> str:
    """Return what was added to the message that was to be continued; llama.cpp repeats all of it."""
    return text.removeprefix(request.messages[-1]["content"])


class EndpointClient:
    """One OpenAI-compatible server. Made inside a running event loop; ``close`` it.

    Args:
        url: Base URL.
        key: API key, if it wants one.
        config: Timeouts and headers.
        capabilities: Shared by all replicas of a run.
    """

    def __init__(self, url: str, key: str | None, config: Endpoint, capabilities: Capabilities) -> None:
        self.url = public_url(url)
        """Fit to be shown and written down."""
        self.model = ""
        """Name the server knows the model by; set before the first ``ask``."""
        login = basic_auth(url) or {}
        in_headers = [value.removeprefix("Basic ") for value in login.values()]
        self._redactor = Redactor((key or "", *in_headers, *secrets_in(url)))
        self._chat_url = _parsed_url(join_url(url, "chat/completions"), self.url)
        self._list_url = join_url(url, "models")
        self._timeout_seconds = config.timeout_seconds
        self._affinity_header = config.affinity_header
        self._capabilities = capabilities
        self._taken: ResponseFormat | None = None
        """What this server has answered to: a refusal of it is then a matter of the request."""
        timeout = httpx2.Timeout(config.timeout_seconds, connect=_CONNECT_SECONDS)
        self._http = _open_http(url, timeout)
        self._client = _open_client(url, key, self._http)
        self._headers = _headers(self._client)

    async def ask(self, request: Request) -> Reply:
        """Make one exchange.

        Raises:
            TransientError: Worth repeating as it is.
            ContextLengthError: Not worth repeating.
            RequestRejectedError: Not worth repeating, and not the fault of anything that was foreseen.
            EndpointError: Nothing is worth repeating.
        """
        while True:
            response_format = self._capabilities.response_format
            try:
                reply = await self._exchange(request, response_format)
            except UnsupportedSchemaError as refusal:
                if not request.schema or response_format in {"text", self._taken}:
                    raise RequestRejectedError(f"{self.url} refuses the request: {refusal}") from None
                self._capabilities.downgrade(response_format)
            else:
                self._taken = response_format if request.schema else self._taken
                return reply

    async def _exchange(self, request: Request, response_format: ResponseFormat) -> Reply:
        body = orjson.dumps(wire_body(request, self.model, response_format))
        headers = self._headers
        if self._affinity_header:
            headers = headers | {self._affinity_header: request.conversation}
        started = time.monotonic()
        try:
            # The client bounds each read; a server that trickles would never be given up.
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._http.post(self._chat_url, content=body, headers=headers)
        except TimeoutError:
            raise TransientError("timeout", overload=True) from None
        except (httpx2.HTTPError, aiohttp.ClientError) as error:
            raise _transport_fault(error) from None
        if not answer.is_success:
            raise self._refusal(answer)
        document = self._redactor.data(_parsed(answer))
        if isinstance(document, dict) and document.get("error"):
            document = self._redactor.error(document)
        reply = decode(document, self.url, time.monotonic() - started, request.schema)
        raise_if_context_full(reply, self._capabilities.context)
        return replace(reply, text=strip_prefill(reply.text, request)) if request.continue_final else reply

    def _refusal(self, answer: httpx2.Response) -> Exception:
        """Return the fault that an answer other than a 200 stands for."""
        return from_status(answer.status_code, self._readable(answer.content), answer.headers, self.url)

    def _readable(self, raw: bytes) -> object:
        """Return the body of an error, without the key that some servers repeat in it."""
        try:
            return self._redactor.error(orjson.loads(raw))
        except orjson.JSONDecodeError:
            return self._redactor.error(raw.decode("utf-8", "replace"))

    async def models(self) -> list[str] | None:
        """Return the models the endpoint names, or None where it does not list any.

        Raises:
            EndpointError: Wrong key.
            TransientError: Nobody listening.
        """
        try:
            async with asyncio.timeout(_LIST_SECONDS):
                answer = await self._client.get(self._list_url, cast_to=httpx2.Response)
        except TimeoutError:
            raise TransientError("timeout") from None
        except openai.AuthenticationError as error:
            raise self._refusal(error.response) from None
        except openai.APIStatusError:
            return None  # many a server has no such list, or is busy: then the first request will tell
        except openai.OpenAIError as error:
            raise _transport_fault(error.__cause__) from None
        document = self._redactor.data(_parsed(answer))
        sizes = self._capabilities.context, decode_context(document)
        self._capabilities.context = min(filter(None, sizes), default=None)
        return decode_models(document)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _parsed(answer: httpx2.Response) -> object:
    if "html" in answer.headers.get("content-type", ""):
        return None
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(answer.content)  # takes half a surrogate pair, which a model may well write
    except (ValueError, RecursionError):
        raise TransientError("bad_body") from None


def _parsed_url(url: str, shown: str) -> httpx2.URL:
    """Return ``url`` as the HTTP client has it.

    Raises:
        UsageError: It takes it for none: a host that no name can be, say.
    """
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL:
        raise UsageError(f"{shown} is no URL", hint="It looks like http://host:8000/v1") from None


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


def _headers(client: AsyncOpenAI) -> dict[str, str]:
    """Return the SDK's own headers for a request, less those that only tell OpenAI of this machine."""
    given = {**client.auth_headers, **client.default_headers}
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, str) and not name.lower().startswith("x-stainless-")
    }


def _open_http(url: str, timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    """Return an HTTP client that goes through the proxy of the environment, but not to this machine itself.

    Raises:
        UsageError: The environment names a proxy that is none.
    """
    try:
        return DefaultAioHttpClient(limits=_LIMITS, timeout=timeout, trust_env=not is_loopback(url))
    except ValueError:
        what = "a variable of the environment for proxies (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) is no URL"
        raise UsageError(what, hint="Mend or unset it; it looks like http://host:3128") from None


def _open_client(url: str, key: str | None, http: httpx2.AsyncClient) -> AsyncOpenAI:
    """Return an SDK client that repeats nothing by itself."""
    return AsyncOpenAI(
        base_url=without_user(url),
        api_key=key or "none",  # the SDK insists on one; servers without keys ignore it
        default_headers=None if key else basic_auth(url),
        max_retries=0,
        timeout=http.timeout,
        http_client=http,
    )
