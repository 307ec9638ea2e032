"""One endpoint, one exchange: a ``Request`` goes out as JSON, a ``Reply`` or a fault comes back.

Through the OpenAI SDK, with its own retries off: who repeats what, and when, is decided in
``soc_gen.engine.runner`` alone. A turn goes out through the SDK's HTTP client with the SDK's headers, as
bytes that are encoded here: the SDK's walk through the messages costs more than all the rest of a turn (6 ms
at 40 messages), and its putting together of a request a third of what is left. The answer is read here,
since servers answer in more shapes than the SDK's types foresee.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx2
import orjson
from openai import AsyncOpenAI

from soc_gen.display import excerpt
from soc_gen.errors import UsageError
from soc_gen.llm.faults import (
    BadGenerationError,
    ContextLengthError,
    NotACompletionError,
    PromptFlaggedError,
    RequestRejectedError,
    UnsupportedFieldError,
)
from soc_gen.llm.http import Answer, HttpClient
from soc_gen.llm.refusals import RESPONSE_FORMAT, error_message, from_status
from soc_gen.llm.response import decode, decode_context, decode_models, raise_if_context_full
from soc_gen.llm.thinking_switch import is_thinking_off
from soc_gen.llm.types import Reply
from soc_gen.llm.wire import Capabilities, ResponseFormat, wire_body
from soc_gen.redact import Redactor
from soc_gen.urls import basic_auth, join_url, public_url, secrets_in, without_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soc_gen.llm.types import Request
    from soc_gen.settings import Endpoint

BAD_GENERATION = "bad_generation"
"""Finish reason of a reply that the server threw away itself: it has no text."""
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class ListRefusedError(Exception):
    """An endpoint refuses to list its models; its chat may well be open.

    Args:
        url: Of the endpoint, fit to be shown.
        status: HTTP status.
        words: The server's own.
    """

    def __init__(self, url: str, status: int, words: str) -> None:
        self.status = status
        super().__init__(f"{url} answers {status} to the question for its models: {excerpt(words)}")


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


def expand_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return ``headers`` with ``$NAME`` and ``${NAME}`` replaced from the environment, and what was put in.

    Raises:
        UsageError: A variable is not set, or has what cannot stand in a header.
    """
    secrets: list[str] = []

    def value_of(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        value = os.environ.get(name, "").strip()
        if not value or not (value.isascii() and value.isprintable()):
            what = (
                f"the environment variable {name}, named in [endpoint.headers], is not set or no header value"
            )
            raise UsageError(what, hint=f"Run: export {name}=<value>")
        secrets.append(value)
        return value

    return {name: _VARIABLE.sub(value_of, value) for name, value in headers.items()}, secrets


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
        own_headers, in_variables = expand_headers(config.headers)
        self._redactor = Redactor((key or "", *in_headers, *in_variables, *secrets_in(url)))
        self._chat_url = _parsed_url(join_url(url, "chat/completions"), self.url)
        self._list_url = _parsed_url(join_url(url, "models"), self.url)
        self._timeout_seconds = config.timeout_seconds
        self._affinity_header = config.affinity_header
        self._capabilities = capabilities
        self._http = HttpClient(url)
        self._headers = _headers(url, key, self._http) | own_headers
        self._accepted: set[str] = set()
        """Fields that this server has answered with: a refusal is then a matter of the request."""
        self._taken: ResponseFormat | None = None
        self._longest = 0
        """Characters of the longest prompt that was answered."""
        self._refuses_short = False
        """A prompt no longer than that was refused, so length is not the reason."""

    async def ask(self, request: Request) -> Reply:
        """Make one exchange; more where a field has to be left out.

        Raises:
            TransientError: Worth repeating as it is.
            ContextLengthError: Not worth repeating.
            RequestRejectedError: Not worth repeating, and not the fault of anything that was foreseen.
            AccessRefusedError: The key, the account or the model was refused.
            EndpointError: Nothing is worth repeating.
        """
        while True:
            response_format = self._capabilities.response_format
            try:
                return await self._exchange(request, response_format)
            except UnsupportedFieldError as refusal:
                self._do_without(refusal, request, response_format)
            except BadGenerationError:
                return Reply("", BAD_GENERATION, endpoint=self.url)
            except PromptFlaggedError:
                raise
            except RequestRejectedError as refusal:
                if not self._may_be_the_format(request, response_format):
                    raise self._by_length(refusal, request) from None
                return await self._ask_in_plain_text(request, response_format, refusal)

    def _do_without(
        self, refusal: UnsupportedFieldError, request: Request, response_format: ResponseFormat
    ) -> None:
        """Have a field that was refused left out from now on.

        Raises:
            RequestRejectedError: The server has taken it before, or it was not sent.
        """
        rejected = RequestRejectedError(str(refusal))
        if refusal.field != RESPONSE_FORMAT:
            if refusal.field in self._accepted:
                raise rejected
            self._capabilities.drop(refusal.field, refusal.instead)
        elif not request.schema or response_format in {"text", self._taken}:
            raise rejected
        else:
            self._capabilities.downgrade(response_format)

    def _may_be_the_format(self, request: Request, response_format: ResponseFormat) -> bool:
        """Whether a refusal without a reason may be of the response format: nothing has worked so far."""
        asked_for = bool(request.schema) and response_format != "text"
        return asked_for and not self._longest and not self._capabilities.format_is_innocent

    async def _ask_in_plain_text(
        self, request: Request, refused: ResponseFormat, refusal: RequestRejectedError
    ) -> Reply:
        try:
            reply = await self._exchange(request, "text")
        except (RequestRejectedError, UnsupportedFieldError):
            self._capabilities.format_is_innocent = True
            raise refusal from None
        self._capabilities.downgrade(refused, to="text")
        return reply

    def _by_length(self, refusal: RequestRejectedError, request: Request) -> Exception:
        """Return what a refusal means that gives no reason known here.

        Where only prompts that are longer than all that were answered are refused, they are too long. An
        opening is not taken for that: it is as long as it was made.
        """
        if not self._longest or not request.turn:
            return refusal
        self._refuses_short = self._refuses_short or _size(request) <= self._longest
        return refusal if self._refuses_short else ContextLengthError(str(refusal))

    async def _exchange(self, request: Request, response_format: ResponseFormat) -> Reply:
        known = self._capabilities
        body = wire_body(request, self.model, response_format, known.renamed, known.system_role)
        headers = self._headers
        if self._affinity_header:
            headers = headers | {self._affinity_header: request.conversation}
        started = time.monotonic()
        answer = await self._http.exchange(
            "POST", self._chat_url, headers, self._timeout_seconds, orjson.dumps(body)
        )
        document = self._readable(answer)
        if not 200 <= answer.status < 300:
            raise from_status(answer.status, document, answer.headers, self.url, body)
        thinks = not is_thinking_off(request.sampling.extra_body)
        seconds = time.monotonic() - started
        reply = decode(document, self.url, seconds, request.schema, thinks=thinks, sent=body)
        raise_if_context_full(reply, known.context)
        self._longest = max(self._longest, _size(request))
        self._accepted |= body.keys()
        self._taken = response_format if request.schema else self._taken
        return replace(reply, text=strip_prefill(reply.text, request)) if request.continue_final else reply

    def _readable(self, answer: Answer) -> object:
        """Return the body as JSON, or as text where it is none, without the key that some servers repeat."""
        try:
            document = _parsed(answer.content)
        except NotACompletionError as fault:
            text: str = self._redactor.error(answer.content.decode("utf-8", "replace"))
            if 200 <= answer.status < 300 and not text.lstrip().startswith("<"):
                raise NotACompletionError(fault.kind, excerpt(text)) from None
            return text
        good = 200 <= answer.status < 300 and not (isinstance(document, dict) and document.get("error"))
        return self._redactor.data(document) if good else self._redactor.error(document)

    async def models(self, seconds: float) -> list[str] | None:
        """Return the models the endpoint names, or None where what it sends is no list of models.

        Args:
            seconds: How long to wait for it.

        Raises:
            ListRefusedError: The list is refused, which says nothing of the models.
            TransientError: Nobody listening, no answer in time, or half of one.
            EndpointError: It redirects to another server.
        """
        answer = await self._http.exchange("GET", self._list_url, self._headers, seconds)
        if not 200 <= answer.status < 300:
            raise ListRefusedError(self.url, answer.status, error_message(self._readable(answer)))
        document = self._redactor.data(_parsed(answer.content))
        sizes = self._capabilities.context, decode_context(document)
        self._capabilities.context = min(filter(None, sizes), default=None)
        return decode_models(document)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def _size(request: Request) -> int:
    """Return the characters of a prompt."""
    return sum(len(message["content"]) for message in request.messages)


def _parsed(content: bytes) -> object:
    """Return JSON, whatever a server says that it is: it may be sent as a web page.

    Raises:
        NotACompletionError: It is no JSON.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)  # takes half a surrogate pair, which a model may well write
    except (ValueError, RecursionError):
        raise NotACompletionError("bad_body") from None


def _parsed_url(url: str, shown: str) -> httpx2.URL:
    """Return ``url`` as the HTTP client has it: parsing it for each request costs more than all the rest.

    Raises:
        UsageError: It takes it for none: a host that no name can be, say.
    """
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL:
        raise UsageError(f"{shown} is no URL", hint="It looks like http://host:8000/v1") from None


def _headers(url: str, key: str | None, http: HttpClient) -> dict[str, str]:
    """Return the SDK's own headers for a request, less those that only tell OpenAI of this machine."""
    client = AsyncOpenAI(
        base_url=without_user(url),
        api_key=key or "none",  # the SDK insists on one; servers without keys ignore it
        default_headers=None if key else basic_auth(url),
        max_retries=0,
        http_client=http.client,
    )
    given = {**client.auth_headers, **client.default_headers}
    return {
        name: value
        for name, value in given.items()
        if isinstance(value, str) and not name.lower().startswith("x-stainless-")
    }
