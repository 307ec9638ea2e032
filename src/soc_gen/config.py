"""Every setting: one frozen model for each stage, its units in the docstrings, unknown keys refused.

A preset is a TOML file in ``configs/``. A command-line option wins over the file, the file over the
defaults here. Keys are never settings: ``api_key_env`` names the environment variable that has one.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from soc_gen.errors import UsageError
from soc_gen.io.resources import preset_names, shipped
from soc_gen.urls import public_url, trouble_with

_LARGEST = 2**63 - 1  # that JSON writers and servers take


class Settings(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @field_validator("*")
    @classmethod
    def _fits(cls, value: object) -> object:
        if isinstance(value, int) and abs(value) > _LARGEST:
            msg = f"should be at most {_LARGEST}"
            raise ValueError(msg)
        return value


class Sampling(Settings):
    """How the model draws tokens. What is None is not sent: some servers then take the model's own value."""

    temperature: float = Field(0.8, ge=0, le=5)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    min_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    max_tokens: int = Field(512, ge=1)
    """Upper bound of one reply, in tokens."""
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


class EndpointConfig(Settings):
    """Where the model is. With no ``base_urls``, the embedded model is started."""

    base_urls: tuple[str, ...] = ()
    """OpenAI-compatible URLs, such as ``http://localhost:8000/v1``; several are replicas."""
    model: str | None = None
    """Name the endpoint knows the model by; asked of the endpoint when not given."""
    api_key_env: str | None = None
    """Name of the environment variable that has the key; ``SOC_API_KEY`` or ``OPENAI_API_KEY``."""
    embedded_model: str | None = None
    """A name from the table, a ``.gguf`` file or a Hub repo; by this machine's memory when not given."""
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
    prices: Prices = Prices()

    @field_validator("base_urls")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if trouble := trouble_with(url):
                raise ValueError(trouble)
        return tuple(url.rstrip("/") for url in urls)

    @field_serializer("base_urls")
    def _without_secrets(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Settings are written into manifests; what users put into URLs may be a key."""
        return tuple(map(public_url, urls))


class Budget(Settings):
    """When to stop cleanly, with everything kept. None: no bound."""

    max_cost: float | None = Field(None, gt=0)
    """US dollars, by ``endpoint.prices``, which must be there; of all stages and all runs."""
    max_tokens: int | None = Field(None, ge=1)
    """Prompt and completion tokens together, of all stages and all runs."""
    max_minutes: float | None = Field(None, gt=0)
    """Of this run, all its stages."""


class ExperiencesConfig(Settings):
    """Stage one: who meets, and why."""

    count: int = Field(10, ge=1)
    """Experiences to make."""
    format: Literal["json", "lines"] = "json"
    """How they are asked for: a JSON object, or three lines that a small model continues."""
    personas: str = "seeds"
    """``seeds`` for the shipped bank, a JSONL, CSV or Parquet path, or a Hub dataset id."""
    personas_revision: str | None = None
    """Branch, tag or commit of a Hub dataset."""
    age_strength: float = Field(2.0, ge=0)
    """Exponent of the pairing weight ``(1 / (1 + |age difference|)) ** strength``; 0 is uniform."""
    block_size: int = Field(100, ge=1)
    """Experiences after which the few-shot hub goes back to the seed experiences."""
    round_size: int = Field(20, ge=1)
    """Experiences that share one state of the few-shot hub, inside a block."""
    examples: int = Field(2, ge=0, le=8)
    """Experiences shown as "unlike these"."""
    max_attempts: int = Field(4, ge=1)
    """Replies asked for before an experience is given up for this run."""
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=400)


class RolloutConfig(Settings):
    """Stage two: from an experience to a chat."""

    format: Literal["json", "transcript"] = "json"
    """How a turn is asked for: JSON per turn, or a transcript that the model continues."""
    min_turns: int = Field(4, ge=0)
    """Turns in which ``<end/>`` is taken out."""
    max_turns: int = Field(30, ge=2, le=10_000)
    max_chat_tokens: int = Field(16000, ge=256)
    """Prompt and reply of the last turn together; a chat that reaches it ends."""
    max_attempts: int = Field(4, ge=1)
    """Replies asked for one turn before the conversation is given up for this run."""
    on_context_length: Literal["fail", "wind_down"] = "fail"
    """A conversation too long for the server: a failure, or ended where it stands."""
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=512)


class RepairsConfig(Settings):
    """Which repairs are made; each is counted under its name."""

    thinking: bool = True
    """Take out ``<think>`` blocks, also unclosed ones and those with no opener."""
    template_tokens: bool = True
    """Take out ``<|im_start|>`` and its kin, and what follows the end of a turn."""
    json_leftovers: bool = True
    """Unpack ``{"messages": […]}`` and code fences around JSON."""
    preambles: bool = True
    """Take out "Sure! Here is the next message:"."""
    end_notes: bool = True
    """Take out "(end of conversation)"."""
    encoding: bool = True
    """Undo mojibake and HTML entities."""
    invisible: bool = True
    """Take out zero-width and control characters; emoji stay whole."""
    quotation_marks: bool = True
    """Take off quotation marks around a whole message."""
    speaker_labels: bool = True
    """Take "Luna:" off the start of a message."""
    leaked_instructions: bool = True
    """Take out lines that recite the prompt."""
    tags: bool = True
    """Write tags in their one form, each at the start of its message."""
    unknown_tags: bool = True
    """Take the brackets off tags that are none of ours; False keeps them as text."""
    spacing: bool = True
    """Take off spaces at the ends of messages and lines."""
    empty: bool = True
    """Drop messages and chat parts with nothing in them."""
    merged_parts: bool = True
    """Join consecutive chat parts of one sender."""
    end_tags: bool = True
    """Leave ``<end/>`` in the last message only: cut what follows it, take early ones out."""


class CleanConfig(Settings):
    """Stage three: repairs, rejections, duplicates."""

    repairs: RepairsConfig = RepairsConfig()
    min_turns: int = Field(4, ge=0)
    """Chat parts in which an ``<end/>`` that talk follows is taken out, not believed."""
    min_parts: int = Field(2, ge=1)
    """Fewest chat parts of a chat that is kept."""
    min_messages: int = Field(2, ge=0)
    """Fewest messages."""
    min_words: int = Field(0, ge=0)
    """Fewest words."""
    max_repetition: float = Field(0.4, ge=0, le=1)
    """Largest share of three-word runs that were said before in the chat; 1 allows all."""
    max_echo: float = Field(0.3, ge=0, le=1)
    """Largest share of chat parts that say again what the other one just said; 1 allows all."""
    max_farewells: int = Field(4, ge=1)
    """Most chat parts in a row, at the end, that say goodbye."""
    allow_assistant_speak: bool = False
    """Keep chats that talk like an assistant, refuse, or break character."""
    language: str | None = Field(None, pattern="^[a-z]{2}$")
    """ISO 639-1 code, such as ``en``, that every chat must be in; needs the extra ``language``."""
    max_line_mb: float = Field(16.0, gt=0)
    """Longest line that is read, in MiB."""
    allow_same_experience: bool = False
    """Keep several chats of one experience."""
    near_duplicates: float | None = Field(0.8, ge=0.5, le=1)
    """Estimated Jaccard similarity from which two chats are one; None looks for none (``"off"`` in TOML)."""
    shingle_words: int = Field(3, ge=1, le=8)
    """Words in a row that are compared."""
    keep: Literal["longest", "first"] = "longest"
    """Which of near-duplicates stays."""
    against: tuple[str, ...] = ()
    """Files or Hub datasets of chats that must not be repeated."""
    shuffle: bool = False
    """Write the chats in an order drawn from the run's ``random_seed``, not that of the input."""

    @field_validator("near_duplicates", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        return None if value == "off" else value


class Config(Settings):
    """A whole run."""

    random_seed: int = Field(0, ge=0)
    endpoint: EndpointConfig = EndpointConfig()
    budget: Budget = Budget()
    experiences: ExperiencesConfig = ExperiencesConfig()
    rollout: RolloutConfig = RolloutConfig()
    clean: CleanConfig = CleanConfig()

    @model_validator(mode="after")
    def _cost_can_be_told(self) -> Config:
        if self.budget.max_cost is not None and not self.endpoint.prices.given:
            msg = "no prices, so max_cost would never be reached; set them under [endpoint.prices]"
            raise ValueError(msg)
        return self


def load_config(name: str | None, overrides: dict[str, Any] | None = None) -> Config:
    """Return a preset or a TOML file as a ``Config``, with ``overrides`` laid over it.

    Args:
        name: A preset's name, a path, or None for the defaults.
        overrides: Nested like the TOML; None values are "not given".

    Raises:
        UsageError: No such preset or file, broken TOML, an unknown key or a bad value.
    """
    where = name or "the command line"
    data = _merge(_read_toml(name) if name else {}, overrides or {})
    # A stage's own defaults, also for a group such as its sampling of which only some keys are given.
    data = _merge(Config().model_dump(), data)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UsageError(_explain(error), where=where) from None


def _read_toml(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix != ".toml":
        path = shipped("configs") / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(preset_names())
        raise UsageError(f"no such config: {name}", hint=f"Presets: {known}; or a .toml file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"not a readable TOML file: {error}", where=name) from None


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict):
            merged[key] = _merge(merged.get(key) or {}, value)
        elif value is not None:
            merged[key] = value
    return merged


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    # Branches of a union, such as constrained-int, are nothing a user has written.
    place = ".".join(
        str(part) for part in first["loc"] if not str(part).startswith(("constrained-", "literal["))
    )
    if first["type"] != "extra_forbidden":
        return ": ".join(filter(None, (place, first["msg"].removeprefix("Value error, "))))
    near = difflib.get_close_matches(str(first["loc"][-1]), _keys(first["loc"][:-1]), n=1)
    return f"unknown key {place!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _keys(loc: tuple[int | str, ...]) -> list[str]:
    group: type[BaseModel] = Config
    for part in loc:
        field = group.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        group = field.annotation
    return list(group.model_fields)
