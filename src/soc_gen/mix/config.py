"""The settings of a mix: a TOML file, each source with settings of its own, unknown keys refused."""

from __future__ import annotations

import difflib
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from soc_gen.errors import UsageError
from soc_gen.io.resources import mix_preset_names, shipped
from soc_gen.mix.licences import Profile
from soc_gen.mix.sources.base import Source, SourceSettings
from soc_gen.mix.sources.table import SOURCES, find_source
from soc_gen.settings import Settings

DEFAULT = "mix-linguist"


class MixConfig(Settings):
    """What a mix is to be; ``sources`` are the settings of each source."""

    total: int | Literal["max"] = "max"
    """Of ``unit``, train and test together."""
    unit: Literal["conversations", "tokens"] = "conversations"
    tokenizer: str = "words"
    """A tokenizer.json, a Hub id, or ``words``, an estimate."""
    test_size: float = Field(0.01, ge=0, le=0.9)
    license_profile: Profile = "research"
    max_epochs: float = Field(1.0, ge=1, le=100)
    """How often a conversation may come; repeats only above 1."""
    when_short: Literal["shrink", "fail"] = "shrink"
    decontaminate: tuple[str, ...] = ()
    """Files of benchmarks: what shares 13 words in a row with one is left out."""
    near_duplicates: Annotated[float, Field(ge=0.5, le=1.0)] | Literal["off"] = 0.8
    """Similarity from which two conversations count as one."""
    format: Literal["jsonl", "parquet"] = "jsonl"

    @model_validator(mode="after")
    def _positive(self) -> MixConfig:
        if self.total != "max" and self.total < 1:
            msg = "total should be at least 1, or max"
            raise ValueError(msg)
        return self


class Mix(Settings):
    """A whole config."""

    random_seed: int = Field(0, ge=0)
    mix: MixConfig = MixConfig()
    sources: tuple[SourceSettings, ...] = ()
    """Those with a share, in the order of the config."""


def load_mix(name: str, overrides: dict[str, Any], random_seed: int | None = None) -> Mix:
    """Return the config in a preset or a file.

    Args:
        name: A preset's name or a path.
        overrides: Keys of ``[mix]``; None is "not given".
        random_seed: Takes the place of the one in the file.

    Raises:
        UsageError: No such config, broken TOML, an unknown key or source, or shares that are not 1 together.
    """
    return parse_mix(_read_toml(name), name, overrides, random_seed)


def parse_mix(given: dict[str, Any], where: str, overrides: dict[str, Any], random_seed: int | None) -> Mix:
    """Return the config in ``given``, as ``load_mix`` does."""
    group = given.get("mix", {})
    if not isinstance(group, dict) or not isinstance(group.get("sources", []), list):
        raise UsageError("[mix] should be a table, and [[mix.sources]] tables in it", where=where)
    _refuse_unknown(given, ["random_seed", "mix"], "", where)
    own = {key: value for key, value in group.items() if key != "sources"}
    _refuse_unknown(own, [*MixConfig.model_fields, "sources"], "mix.", where)
    own |= {key: value for key, value in overrides.items() if value is not None}
    seed = given.get("random_seed", 0) if random_seed is None else random_seed
    sources = [
        _source(entry, number, where, seed) for number, entry in enumerate(group.get("sources", []), 1)
    ]
    wanted = [source for source in sources if source.share > 0]
    _check_sources(wanted, where)
    try:
        config = Mix(random_seed=seed, mix=MixConfig.model_validate(own))
    except ValidationError as error:
        raise UsageError(_explain(error, "mix."), where=where) from None
    return config.model_copy(update={"sources": tuple(wanted)})


def with_soc(mix: Mix, share: float, path: str | None) -> Mix:
    """Return ``mix`` with a share of SOC; the other shares scale by what is left.

    Raises:
        UsageError: The share is not between 0 and 1.
    """
    if not 0 <= share < 1:
        raise UsageError("--soc-share should be at least 0 and less than 1")
    others = [source for source in mix.sources if source.name != "soc"]
    mine = next((source for source in mix.sources if source.name == "soc"), None)
    rest = sum(exact(source.share) for source in others)
    scale = (1 - exact(share)) / rest if rest else Fraction(1)
    scaled = [source.model_copy(update={"share": float(exact(source.share) * scale)}) for source in others]
    settings = mine or SOURCES["soc"].settings(name="soc")
    new = {"share": share, **({"path": path} if path else {})}
    return mix.model_copy(
        update={"sources": (*scaled, *([settings.model_copy(update=new)] if share else []))}
    )


def with_paths(mix: Mix, other: Mix | None) -> Mix:
    """Return ``mix`` with the paths that ``other`` has for sources of the same name."""
    paths = {label_of(source): source.path for source in other.sources if source.path} if other else {}
    sources = (
        source.model_copy(update={"path": paths.get(label_of(source), source.path)}) for source in mix.sources
    )
    return mix.model_copy(update={"sources": tuple(sources)})


def exact(share: float) -> Fraction:
    """Return ``share`` as it was written: 0.1 is a tenth."""
    return Fraction(repr(share))


def label_of(settings: SourceSettings) -> str:
    """Return what a source is called in the outputs."""
    return settings.label or settings.name


def source_of(settings: SourceSettings) -> Source:
    """Return the entry of the table that ``settings`` are for."""
    return SOURCES[settings.name.lower()]


def _source(entry: object, number: int, where: str, random_seed: object) -> SourceSettings:
    place = f"mix.sources[{number}]"
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise UsageError(f"{place} has no name", where=where)
    name = entry["name"]
    source = find_source(name)
    if source is None:
        raise UsageError(f"unknown source {name!r}", where=where, hint=_nearest_source(name))
    _refuse_unknown(entry, list(source.settings.model_fields), f"{place}.", where)
    if "random_seed" in source.settings.model_fields:
        entry = {"random_seed": random_seed} | entry
    try:
        own = (
            {"label": name} | entry | {"name": source.name}
        )  # in the outputs it is called what the user calls it
        return source.settings.model_validate(own)
    except ValidationError as error:
        raise UsageError(_explain(error, f"{place}."), where=where) from None


def _nearest_source(name: str) -> str:
    names = {known.lower(): source.name for known, source in SOURCES.items()}
    near = difflib.get_close_matches(name.lower(), names, n=1)
    if near:
        return f"Did you mean {names[near[0]]!r}?"
    return f"There are: {', '.join(names.values())}; for any other set use generic"


def _check_sources(sources: list[SourceSettings], where: str) -> None:
    if not sources:
        raise UsageError("no source has a share", where=where, hint="Add [[mix.sources]] with name and share")
    labels = [label_of(source) for source in sources]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"two sources are called {label!r}", where=where, hint="Give one a label")
    total = sum((exact(source.share) for source in sources), Fraction(0))
    if abs(total - 1) > Fraction(1, 10**6):
        hint = "; ".join(f"{label_of(source)} {source.share:g}" for source in sources)
        raise UsageError(f"the shares sum to {float(total):g}, not 1", where=where, hint=f"They are: {hint}")


def _refuse_unknown(given: dict[str, Any], known: list[str], place: str, where: str) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"unknown key '{place}{key}'{hint}", where=where)


def _explain(error: ValidationError, place: str) -> str:
    first = error.errors()[0]
    words = [str(part) for part in first["loc"] if not str(part).startswith(("literal[", "constrained-"))]
    return f"{place}{'.'.join(words)}: {first['msg'].removeprefix('Value error, ')}"


def _read_toml(name: str) -> dict[str, Any]:
    path = Path(name) if name.endswith(".toml") else shipped("configs") / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(mix_preset_names())
        raise UsageError(f"no such config: {name}", hint=f"Presets: {known}; or a .toml file") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"not a readable TOML file: {error}", where=name) from None
