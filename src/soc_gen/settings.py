"""Settings of more than one stage: sampling, the endpoint, prices, budgets. Unknown keys are refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
)

from soc_gen.io.values import json_problem
from soc_gen.urls import public_url, validate_url

_DEEPEST = 40  # levels of one setting; a manifest, which has all of them, has some more of its own

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # what HTTP calls a token
# Headers that mean something to HTTP itself (RFC 9110, 9112, 6265, 7239) or to whoever checks keys.
_TAKEN = re.compile(
    r"accept|authorization|cache-control|connection|(set-)?cookie|date|expect|forwarded|from|host|keep-alive"
    r"|max-forwards|origin|pragma|range|referer|te|trailer|transfer-encoding|upgrade|user-agent|via"
    r"|(x-)?api-key|x-forwarded-\w+|(accept|access-control|content|if|openai|proxy|sec|www)-.*",
    re.IGNORECASE,
)


class Settings(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _fits(cls, value: object) -> object:
        if problem := json_problem(value, _DEEPEST):
            raise ValueError(problem)
        return value


class Sampling(Settings):
    """How the model draws tokens. What is None is not sent: some servers then take the model's own value."""

    temperature: float = Field(0.8, ge=0, le=5)
    """How freely tokens are drawn; 0 always takes the likeliest."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Draw from the likeliest tokens that have this share of the probability together."""
    top_k: int | None = Field(None, ge=-1)
    """Draw from so many of the likeliest tokens; -1 or 0: from all."""
    min_p: float | None = Field(None, ge=0, le=1)
    """Draw from tokens that have at least this share of the likeliest one's probability."""
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    """Above 0: words that were used before become less likely."""
    max_tokens: int = Field(512, ge=1)
    """Longest reply, in tokens."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Sent as they are: ``chat_template_kwargs``, ``repeat_penalty`` and whatever the server knows."""


class Prices(Settings):
    """US dollars for a million tokens."""

    input: float = Field(0.0, ge=0)
    cached_input: float | None = Field(None, ge=0)
    """Input that came from the prefix cache; the price of ``input`` when not given."""
    output: float = Field(0.0, ge=0)

    @property
    def given(self) -> bool:
        """Whether there are any: with none, everything costs nothing."""
        return any(self.model_dump().values())


class Endpoint(Settings):
    """Where the model is. With no ``base_urls``, the embedded model is started."""

    base_urls: tuple[str, ...] = ()
    """OpenAI-compatible URL, such as ``http://localhost:8000/v1``; several are replicas. The embedded model
    when not given."""
    model: str | None = None
    """Name the endpoint knows the model by; asked of the endpoint when not given."""
    api_key_env: str | None = None
    """Variable that has the key; ``SOC_API_KEY`` or ``OPENAI_API_KEY`` when not given."""
    embedded_model: str | None = None
    """A name, a ``.gguf`` file or a Hub repo; by this machine's memory when not given."""
    concurrency: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    """Conversations open at once."""
    timeout_seconds: float = Field(180.0, gt=0)
    """Longest wait for one reply."""
    give_up_seconds: float = Field(600.0, gt=0)
    """How long a request is repeated, or every replica may be down, before the run gives up."""
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)
    affinity_header: str | None = None
    """Header that carries the conversation's id: ``X-Session-ID`` (vLLM), ``x-smg-routing-key``."""
    headers: dict[str, str] = Field(default_factory=dict)
    """More headers of every request; ``$NAME`` in a value is that environment variable. Values are written
    nowhere."""
    omit: tuple[str, ...] = ()
    """Fields that are not sent, for servers that refuse them: ``seed``, ``max_tokens``, ``top_k`` …"""
    max_tokens_field: str = Field("max_tokens", min_length=1)
    """Name that the server has for the longest reply, such as ``max_completion_tokens``."""
    system_role: Literal["system", "user"] = "system"
    """Who is said to speak the instructions; ``user`` for models that know no system role."""
    prices: Prices = Prices()

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
                msg = f"{name!r} is no header: names are letters, digits and dashes, values one line of ASCII"
                raise ValueError(msg)
        return headers

    @field_serializer("headers")
    def _without_values(self, headers: dict[str, str]) -> dict[str, str]:
        return dict.fromkeys(headers, "***")

    @field_validator("base_urls")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if trouble := validate_url(url):
                raise ValueError(trouble)
        return tuple(url.rstrip("/") for url in urls)

    @field_validator("affinity_header")
    @classmethod
    def _is_header(cls, name: str | None) -> str | None:
        if name is None:
            return name
        if not _HEADER.fullmatch(name):
            msg = "is no name of an HTTP header; it looks like X-Session-ID"
            raise ValueError(msg)
        if _TAKEN.fullmatch(name):
            msg = f"{name} means something else to servers; take one such as X-Session-ID"
            raise ValueError(msg)
        return name

    @field_serializer("base_urls")
    def _without_secrets(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Settings are written into manifests; what users put into URLs may be a key."""
        return tuple(map(public_url, urls))


class Budget(Settings):
    """When to stop cleanly, with everything kept. None: no bound."""

    max_cost: float | None = Field(None, gt=0)
    """Stop cleanly after so many US dollars of all stages and all runs, by the prices of the endpoint."""
    max_tokens: int | None = Field(None, ge=1)
    """Stop cleanly after so many tokens, prompts and replies together, of all stages and all runs."""
    max_minutes: float | None = Field(None, gt=0)
    """Stop cleanly after so many minutes of this run."""
