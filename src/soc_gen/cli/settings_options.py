"""Command-line options made from the settings, which define name, type, bounds, help and default.

A command declares its settings with ``takes`` and receives the whole configuration. The options are made only
when the command runs or shows its help: importing the settings takes longer than ``soc --help`` may take.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from soc_gen.config import Config

    RunConfig = Config
else:
    RunConfig = object  # used in signatures of commands; the real class is slow to import

C = TypeVar("C", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class SettingOption:
    """An option that sets one setting."""

    name: str
    """Name on the command line, such as ``--top-p``."""
    path: str
    """Path of the setting, such as ``endpoint.model``; ``sampling.…`` sets it in the command's stages."""
    panel: str
    metavar: str | None = None
    """Placeholder for values typed as text, such as ``N|auto``."""
    envvar: str | None = None


@dataclass(frozen=True, slots=True)
class _Taken:
    options: tuple[SettingOption, ...]
    stages: tuple[str, ...]


MODEL = (
    SettingOption("--base-url", "endpoint.base_urls", "The model", envvar="SOC_BASE_URL"),
    SettingOption("--model", "endpoint.model", "The model", envvar="SOC_MODEL"),
    SettingOption("--api-key-env", "endpoint.api_key_env", "The model", metavar="NAME"),
    SettingOption("--embedded-model", "endpoint.embedded_model", "The model"),
)
SEED = SettingOption("--seed", "random_seed", "The run")
RUN = (SettingOption("--concurrency", "endpoint.concurrency", "The run", metavar="N|auto"), SEED)
SAMPLING = tuple(
    SettingOption(f"--{name.replace('_', '-')}", f"sampling.{name}", "Sampling")
    for name in ("temperature", "top_p", "top_k", "min_p", "max_tokens")
)
BUDGET = (
    SettingOption("--max-cost", "budget.max_cost", "Budget"),
    SettingOption("--max-total-tokens", "budget.max_tokens", "Budget"),
    SettingOption("--max-minutes", "budget.max_minutes", "Budget"),
)
ASKING = (*MODEL, *RUN, *SAMPLING, *BUDGET)
"""Options of every command that runs a stage which asks a model."""


def takes(*options: SettingOption, stages: Sequence[str] = ()) -> Callable[[C], C]:
    """Return a decorator that adds ``options`` to a command and passes it the configuration as ``settings``.

    Args:
        options: In the order in which the help shows them.
        stages: Stages whose sampling the ``sampling.…`` options set.
    """

    def mark(command: C) -> C:
        command.__dict__["taken"] = _Taken(options, tuple(stages))
        return command

    return mark


class SettingsGroup(TyperGroup):
    """A group of commands; options are made only for the command that runs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as typer has it
        """Return the command's name, the command with all its options, and the remaining arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        marks = getattr(getattr(command, "callback", None), "__dict__", {})
        if "stands_for" not in marks:
            return name, command, rest
        app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        context_settings = {"help_option_names": ["-h", "--help"]}
        app.command(name, context_settings=context_settings)(
            _with_options(marks["stands_for"], marks["taken"])
        )
        return name, typer.main.get_command(app), rest


def plain(command: Callable[..., None]) -> Callable[..., None]:
    """Return a placeholder for ``command`` in the list of commands, with its name and help only."""
    if "taken" not in command.__dict__:
        return command

    @functools.wraps(command)
    def stand_in() -> None:
        raise NotImplementedError

    stand_in.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    stand_in.__annotations__ = {}
    stand_in.__dict__["stands_for"] = command
    return stand_in


def _with_options(command: Callable[..., None], taken: _Taken) -> Callable[..., None]:
    """Return ``command`` with its parameter ``settings`` replaced by an option for each setting."""
    own = inspect.signature(command, eval_str=True)
    made = {_parameter_name(option): option for option in taken.options}

    @functools.wraps(command)
    def with_settings(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
        values = {option.path: given.pop(name) for name, option in made.items()}
        settings = _load(given.pop("config"), values, taken)
        command(settings=settings, **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [p for name, p in own.parameters.items() if name != "settings"]
    options = [
        inspect.Parameter(name, keyword, default=None, annotation=_annotation(option, taken.stages))
        for name, option in made.items()
    ]
    options.append(
        inspect.Parameter("config", keyword, default=None, annotation=_config_option(asks=_asks(taken)))
    )
    signature = inspect.Signature([p.replace(kind=keyword) for p in [*options, *parameters]])
    with_settings.__signature__ = signature  # type: ignore[attr-defined]
    with_settings.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    del with_settings.__wrapped__  # otherwise typer would read the signature of the original
    return with_settings


def _asks(taken: _Taken) -> bool:
    """Whether the command runs a stage that asks a model."""
    return any(option.path == "endpoint.base_urls" for option in taken.options)


def _config_option(*, asks: bool) -> Any:  # noqa: ANN401 - a type
    help = "A preset or a .toml file; its values come before the defaults."  # noqa: A001 - as typer has it
    if asks:
        help += " Without an endpoint: quickstart."  # noqa: A001
    return Annotated[
        str | None, typer.Option("--config", help=help, rich_help_panel="The run", show_default=False)
    ]


def _parameter_name(option: SettingOption) -> str:
    return option.path.replace(".", "__")


def _load(name: str | None, values: dict[str, Any], taken: _Taken) -> RunConfig:
    from soc_gen.config import DEFAULT_PRESET, load_config

    if (
        name is None
        and _asks(taken)
        and not values["endpoint.base_urls"]
        and not values.get("endpoint.model")
    ):
        name = DEFAULT_PRESET
    overrides: dict[str, Any] = {}
    for path, value in values.items():
        if value is None or value is False or value == []:  # not given; 0 is a value
            continue
        for place in _places(path, taken.stages):
            _put(overrides, place.split("."), tuple(value) if isinstance(value, list) else value)
    return load_config(name, overrides)


def _places(path: str, stages: Sequence[str]) -> list[str]:
    return [f"{stage}.{path}" for stage in stages] if path.startswith("sampling.") else [path]


def _put(data: dict[str, Any], keys: Sequence[str], value: object) -> None:
    *groups, last = keys
    for group in groups:
        data = data.setdefault(group, {})
    data[last] = value


def _annotation(option: SettingOption, stages: Sequence[str]) -> Any:  # noqa: ANN401 - a type
    field = _field(_places(option.path, stages)[0])
    kind = _option_type(field.annotation, as_text=option.metavar is not None)
    bounds = {type(bound).__name__: bound for bound in field.metadata}
    limits: dict[str, Any] = {}
    if kind in {int, float}:
        limits["min"] = bounds["Ge"].ge if "Ge" in bounds else None
        limits["max"] = bounds["Le"].le if "Le" in bounds else None
    made = typer.Option(
        option.name,
        help=_help(field, bounds),
        rich_help_panel=option.panel,
        metavar=option.metavar,
        envvar=option.envvar,
        show_default=False,  # the help names the default; typer would show None
        **limits,
    )
    return Annotated[kind | None, made]


def _field(path: str) -> FieldInfo:
    """Return the settings field at ``path``."""
    from soc_gen.config import Config
    from soc_gen.settings import Settings

    group: type[Settings] = Config
    *groups, last = path.split(".")
    for name in groups:
        group = cast("type[Settings]", group.model_fields[name].annotation)
    return group.model_fields[last]


def _option_type(annotation: Any, *, as_text: bool) -> Any:  # noqa: ANN401 - a type
    """Return the type of the option: for ``X | None`` X; for a tuple a list."""
    if get_origin(annotation) is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc]
    if as_text:
        return str
    if get_origin(annotation) in {Union, types.UnionType}:
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return annotation


def _help(field: FieldInfo, bounds: dict[str, Any]) -> str:
    """Return the help text: the setting's docstring, its exclusive bounds, and its default."""
    sentences = [" ".join((field.description or "").replace("``", "").split())]
    if "Gt" in bounds:
        upper = f", to {bounds['Le'].le:g}" if "Le" in bounds else ""
        sentences.append(f"Above {bounds['Gt'].gt:g}{upper}.")
    if field.default not in (None, (), False):
        sentences.append(f"Default: {field.default}.")
    return " ".join(sentences)
