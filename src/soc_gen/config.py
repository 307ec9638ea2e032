"""Every setting: one frozen model for each stage, its units in the docstrings, unknown keys refused.

A preset is a TOML file in ``configs/``. A command-line option wins over the file, the file over the
defaults here. Keys are never settings: ``api_key_env`` names the environment variable that has one.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from soc_gen.errors import UsageError
from soc_gen.io.resources import preset_names, shipped
from soc_gen.settings import Budget, Endpoint, Settings
from soc_gen.stages.clean.config import CleanConfig
from soc_gen.stages.experiences.config import ExperiencesConfig
from soc_gen.stages.rollout.config import RolloutConfig

ASKING_STAGES = ("experiences", "rollout")
"""Stages that ask a model, each with an ``endpoint`` of its own if need be."""
DEFAULT_PRESET = "quickstart"
"""What a run without a config and without an endpoint takes."""


class Config(Settings):
    """A whole run."""

    random_seed: int = Field(0, ge=0)
    """All chance comes from it."""
    endpoint: Endpoint = Endpoint()
    budget: Budget = Budget()
    experiences: ExperiencesConfig = ExperiencesConfig()
    rollout: RolloutConfig = RolloutConfig()
    clean: CleanConfig = CleanConfig()

    @model_validator(mode="before")
    @classmethod
    def _complete_endpoints(cls, data: object) -> object:
        """Lay each stage's own endpoint over the common one, of which it gives a part."""
        if not isinstance(data, dict):
            return data
        return data | {
            name: stage | {"endpoint": _merge(_as_dict(data.get("endpoint")), stage["endpoint"])}
            for name in ASKING_STAGES
            if isinstance(stage := data.get(name), dict) and isinstance(stage.get("endpoint"), dict)
        }

    @model_validator(mode="after")
    def _cost_can_be_told(self) -> Config:
        endpoints = map(self.endpoint_of, ASKING_STAGES)
        if self.budget.max_cost is not None and not all(endpoint.prices.given for endpoint in endpoints):
            msg = "no prices, so max_cost would never be reached; set them under [endpoint.prices]"
            raise ValueError(msg)
        return self

    def endpoint_of(self, stage: str) -> Endpoint:
        """Return the endpoint that ``stage`` asks: its own, else the common one."""
        own = getattr(getattr(self, stage, None), "endpoint", None)
        return own if isinstance(own, Endpoint) else self.endpoint


def load_config(name: str | None, overrides: dict[str, Any] | None = None) -> Config:
    """Return a preset or a TOML file as a ``Config``, with ``overrides`` laid over it.

    Args:
        name: A preset's name, a path, or None for the defaults.
        overrides: Nested like the TOML; None values are "not given".

    Raises:
        UsageError: No such preset or file, broken TOML, an unknown key or a bad value.
    """
    given: dict[str, Any] = {}
    try:
        given = _read_toml(name) if name else {}
        return _completed(given, overrides or {})
    except RecursionError:
        raise UsageError("is nested too deeply", where=name or "the given settings") from None
    except ValidationError as error:
        where = name if name and not _is_valid(given) else "the command line"
        raise UsageError(_explain(error), where=where) from None


def _completed(given: dict[str, Any], overrides: dict[str, Any]) -> Config:
    data = _merge(given, overrides)
    for stage in ASKING_STAGES:
        if isinstance(own := _as_dict(data.get(stage)).get("endpoint"), dict):
            data[stage] = data[stage] | {"endpoint": _merge(own, overrides.get("endpoint", {}))}
    # A stage's own defaults, also for a group such as its sampling of which only some keys are given.
    return Config.model_validate(_merge(Config().model_dump(), data))


def _is_valid(given: dict[str, Any]) -> bool:
    try:
        _completed(given, {})
    except ValidationError:
        return False
    return True


def with_overrides(config: Config, overrides: dict[str, Any]) -> Config:
    """Return ``config`` with ``overrides`` laid over it, as ``load_config`` does.

    Raises:
        UsageError: An unknown key or a bad value.
    """
    own = {
        stage: {"endpoint": overrides["endpoint"]} | overrides.get(stage, {})
        for stage in ASKING_STAGES
        if "endpoint" in overrides and getattr(config, stage).endpoint
    }
    try:
        return _overlaid(config, overrides | own)
    except ValidationError as error:
        raise UsageError(_explain(error), where="the given settings") from None


S = TypeVar("S", bound=Settings)


def _overlaid(settings: S, overrides: dict[str, Any]) -> S:
    # Not by way of a dump, from which secrets in URLs are taken out.
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    for name, value in overrides.items():
        old = values.get(name)
        if isinstance(old, Settings) and isinstance(value, dict):
            values[name] = _overlaid(old, value)
        elif value is not None:
            values[name] = value
    return type(settings).model_validate(values)


def _read_toml(name: str) -> dict[str, Any]:
    path = Path(name)
    if path.suffix != ".toml":
        path = shipped("configs") / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(preset_names())
        raise UsageError(f"no such config: {name}", hint=f"Presets: {known}; or a .toml file") from None
    except (OSError, ValueError) as error:  # ValueError: no TOML, no UTF-8, an integer of 5,000 digits
        raise UsageError(f"not a readable TOML file: {error}", where=name) from None


def _as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict):
            merged[key] = _merge(_as_dict(merged.get(key)), value)
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
