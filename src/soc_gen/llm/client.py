"""One endpoint, one exchange: a ``Request`` goes out as JSON, a ``Reply`` or a fault comes back.

The SDK's own retries are off: who repeats what, and when, is decided in ``soc_gen.llm.fleet`` alone.
The body is encoded here and handed over as bytes, since the SDK's walk through the messages costs more
for each turn than all the rest (6 ms at 40 messages against 1 ms).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import httpx2
import openai
import orjson
from openai import AsyncOpenAI, DefaultAioHttpClient
from openai.types.chat import ChatCompletion

from soc_gen.errors import EndpointError, UsageError
from soc_gen.llm.decode import decode
from soc_gen.llm.faults import SchemaRefused, from_exception

if TYPE_CHECKING:
    from soc_gen.config import EndpointConfig
    from soc_gen.llm import Reply, Request

# aiohttp keeps 100 connections unless told otherwise; the slots are the limit, not the pool.
_LIMITS = httpx2.Limits(max_connections=8192, max_keepalive_connections=8192)
_CONNECT_SECONDS = 10.0
_SDK_ERRORS = (openai.APIError, json.JSONDecodeError, UnicodeDecodeError, httpx2.HTTPError)

Structure = Literal["json_schema", "json_object", "text"]
_WEAKER: dict[Structure, Structure] = {"json_schema": "json_object", "json_object": "text"}


@dataclass
class Capabilities:
    """What the endpoint was found to take; shared by all replicas, decided once for a run."""

    structure: Structure = "json_schema"

    def weaken(self, refused: Structure) -> None:
        """Fall back to the next weaker structure, unless another request has already done so.

        Raises:
            SchemaRefused: There is nothing weaker than plain text.
        """
        if refused == self.structure:
            if refused not in _WEAKER:
                raise SchemaRefused
            self.structure = _WEAKER[refused]


def read_key(name: str | None) -> str | None:
    """Return the API key from the environment.

    Args:
        name: Variable that must have it; None looks at ``SOC_API_KEY``, then ``OPENAI_API_KEY``.

    Raises:
        UsageError: ``name`` is given and not set.
    """
    if name is None:
        return os.environ.get("SOC_API_KEY") or os.environ.get("OPENAI_API_KEY")
    key = os.environ.get(name)
    if not key:
        raise UsageError(f"the environment variable {name} is not set", hint=f"Run: export {name}=<your key>")
    return key


def wire_body(request: Request, model: str, structure: Structure) -> dict[str, Any]:
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
    if request.schema and structure != "text":
        body["response_format"] = _response_format(request.schema, structure)
    return body | sampling.extra_body


def _response_format(schema: dict[str, Any], structure: Structure) -> dict[str, Any]:
    if structure == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}


def without_echo(text: str, request: Request) -> str:
    """Return what was added to the message that was to be continued; llama.cpp repeats all of it."""
    return text.removeprefix(request.messages[-1]["content"])


class Endpoint:
    """One OpenAI-compatible server.

    Args:
        url: Base URL.
        model: Name the server knows the model by.
        key: API key, if it wants one.
        config: Timeouts and headers.
        capabilities: Shared by all replicas of a run.
    """

    def __init__(
        self, url: str, model: str, key: str | None, config: EndpointConfig, capabilities: Capabilities
    ) -> None:
        self.url = url
        self.model = model
        self._affinity_header = config.affinity_header
        self._capabilities = capabilities
        self._client = open_client(url, key, config.timeout_seconds)

    async def ask(self, request: Request) -> Reply:
        """Make one exchange.

        Raises:
            Transient: Worth repeating as it is.
            ContextTooLong: Not worth repeating.
            EndpointError: Nothing is worth repeating.
        """
        while True:
            structure = self._capabilities.structure
            try:
                return await self._exchange(request, structure)
            except SchemaRefused as refusal:
                if not request.schema or structure == "text":
                    raise EndpointError(f"{self.url} refuses the request: {refusal}") from None
                self._capabilities.weaken(structure)

    async def _exchange(self, request: Request, structure: Structure) -> Reply:
        body = orjson.dumps(wire_body(request, self.model, structure))
        headers = {"Content-Type": "application/json"}
        if self._affinity_header:
            headers[self._affinity_header] = request.conversation
        started = time.monotonic()
        try:
            completion = await self._client.post(
                "/chat/completions", content=body, options={"headers": headers}, cast_to=ChatCompletion
            )
        except _SDK_ERRORS as error:
            raise from_exception(error, self.url) from None
        reply = decode(completion, self.url, time.monotonic() - started)
        return replace(reply, text=without_echo(reply.text, request)) if request.continue_final else reply

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def open_client(url: str, key: str | None, timeout_seconds: float) -> AsyncOpenAI:
    """Return an SDK client that repeats nothing by itself and holds as many connections as asked of it."""
    timeout = httpx2.Timeout(timeout_seconds, connect=_CONNECT_SECONDS)
    return AsyncOpenAI(
        base_url=url,
        # The SDK insists on a key; servers without one ignore it.
        api_key=key or "none",
        max_retries=0,
        timeout=timeout,
        http_client=DefaultAioHttpClient(limits=_LIMITS, timeout=timeout),
    )


async def list_models(client: AsyncOpenAI) -> list[str] | None:
    """Return the models an endpoint names, or None where it does not list any.

    Raises:
        EndpointError: Wrong key, or nobody listening.
    """
    url = str(client.base_url).rstrip("/")
    try:
        return [model.id async for model in client.models.list()]
    except (openai.APIConnectionError, httpx2.HTTPError):
        raise EndpointError(
            f"nobody answers at {url}", hint="Start the server, or check --base-url"
        ) from None
    except openai.AuthenticationError as error:
        raise from_exception(error, url) from None
    except (*_SDK_ERRORS, TypeError, AttributeError):
        return None  # many a server has no such list; the first request will tell


async def choose_model(client: AsyncOpenAI, wanted: str | None) -> str:
    """Return the model to ask for: the wanted one, or the only one the endpoint has.

    Raises:
        EndpointError: The endpoint does not have it, or has several and none was named.
    """
    models = await list_models(client)
    if wanted and (not models or wanted in models):
        return wanted
    url = str(client.base_url).rstrip("/")
    if not models:
        raise UsageError(f"{url} lists no models", hint="Name one with --model")
    if not wanted and len(models) == 1:
        return models[0]
    shown = ", ".join(models[:8]) + (" …" if len(models) > 8 else "")
    what = f"{url} has no model {wanted!r}" if wanted else f"{url} has several models"
    raise EndpointError(what, hint=f"Name one of them with --model: {shown}")
