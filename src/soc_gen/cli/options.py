"""The options that commands share: one name, one meaning, everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soc_gen.errors import UsageError

if TYPE_CHECKING:
    from soc_gen.config import Config

DEFAULT_PRESET = "quickstart"
_MODEL = "The model"
_SAMPLING = "Sampling"
_RUN = "The run"


def _option(*names: str, help: str, panel: str, **more: Any) -> Any:  # noqa: A002, ANN401 - as typer has it
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False, **more)


BaseUrls = Annotated[
    list[str] | None,
    _option(
        "--base-url",
        envvar="SOC_BASE_URL",
        help="OpenAI-compatible URL; several are replicas. The embedded model when not given.",
        panel=_MODEL,
    ),
]
Model = Annotated[
    str | None,
    _option(
        "--model",
        envvar="SOC_MODEL",
        help="Name the endpoint knows it by.",
        panel=_MODEL,
    ),
]
ApiKeyEnv = Annotated[
    str | None,
    _option(
        "--api-key-env",
        metavar="NAME",
        help="Variable that has the key; SOC_API_KEY or OPENAI_API_KEY if not given.",
        panel=_MODEL,
    ),
]
EmbeddedModel = Annotated[
    str | None,
    _option("--embedded-model", help="A name, a .gguf file or a Hub repo.", panel=_MODEL),
]
Temperature = Annotated[float | None, _option("--temperature", help="0 to 5.", panel=_SAMPLING)]
TopP = Annotated[float | None, _option("--top-p", help="Above 0, to 1.", panel=_SAMPLING)]
TopK = Annotated[int | None, _option("--top-k", help="-1 or 0: off.", panel=_SAMPLING)]
MinP = Annotated[float | None, _option("--min-p", help="0 to 1.", panel=_SAMPLING)]
MaxTokens = Annotated[int | None, _option("--max-tokens", help="Longest reply, in tokens.", panel=_SAMPLING)]
ConfigName = Annotated[
    str | None,
    _option("--config", help="A preset or a .toml file; quickstart without an endpoint.", panel=_RUN),
]
Seed = Annotated[int | None, _option("--seed", help="All chance comes from it.", panel=_RUN)]
Concurrency = Annotated[
    str | None,
    _option("--concurrency", metavar="N|auto", help="Conversations open at once.", panel=_RUN),
]
Restart = Annotated[
    bool, _option("--restart", help="Throw away what an earlier run left, and begin again.", panel=_RUN)
]
Limit = Annotated[int | None, _option("--limit", min=1, help="Only the first N of the input.", panel=_RUN)]
AsJson = Annotated[bool, _option("--json", help="Print the summary as JSON.", panel=_RUN)]
MaxCost = Annotated[
    float | None,
    _option(
        "--max-cost", help="Stop cleanly after so many US dollars, by the config's prices.", panel="Budget"
    ),
]
MaxTotalTokens = Annotated[
    int | None, _option("--max-total-tokens", help="Stop cleanly after so many tokens.", panel="Budget")
]
MaxMinutes = Annotated[
    float | None, _option("--max-minutes", help="Stop cleanly after so many minutes.", panel="Budget")
]


def config_from(given: dict[str, Any], *stages: str, **stage_settings: dict[str, Any]) -> Config:
    """Return the configuration that a command's options ask for.

    Args:
        given: The command's arguments by name; those not given are None.
        stages: Stages whose sampling the options change.
        stage_settings: More settings, by stage.
    """
    from soc_gen.config import load_config

    name = given.get("config")
    if name is None and not given.get("base_url") and not given.get("model"):
        name = DEFAULT_PRESET
    overrides: dict[str, Any] = {
        "random_seed": given.get("seed"),
        "endpoint": {
            "base_urls": tuple(given.get("base_url") or ()) or None,
            "model": given.get("model"),
            "api_key_env": given.get("api_key_env"),
            "embedded_model": given.get("embedded_model"),
            "concurrency": _concurrency(given.get("concurrency")),
        },
        "budget": {
            "max_cost": given.get("max_cost"),
            "max_tokens": given.get("max_total_tokens"),
            "max_minutes": given.get("max_minutes"),
        },
    }
    sampling = {key: given.get(key) for key in ("temperature", "top_p", "top_k", "min_p", "max_tokens")}
    for stage in {*stages, *stage_settings}:
        settings = dict(stage_settings.get(stage, {}))
        if stage in stages:
            settings["sampling"] = sampling
        overrides[stage] = settings
    return load_config(name, overrides)


def _concurrency(value: str | None) -> int | str | None:
    if value is None or value == "auto":
        return value
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"--concurrency takes a number or auto, not {value!r}") from None


def output_folder(option: str, folder: Path) -> None:
    """Refuse a ``folder`` that is a file."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"is a file; {option} takes a folder", where=str(folder))
