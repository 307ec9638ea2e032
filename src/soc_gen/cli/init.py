"""``soc init``: a config file to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soc_gen.cli.console import as_word, out
from soc_gen.errors import UsageError


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("soc.toml"),
    preset: Annotated[str, typer.Option(help="Preset to start from.")] = "qwen3-235b",
) -> None:
    """Write a commented config file, to be changed and given to --config.

    For example:

      soc init

      soc init local.toml --preset qwen3-vllm
    """
    from soc_gen.io.files import wrap_write_errors
    from soc_gen.io.resources import preset_names, shipped

    if preset not in preset_names():
        raise UsageError(f"no preset {preset!r}", hint=f"There are: {', '.join(preset_names())}")
    if path.exists():
        raise UsageError("exists already", where=str(path), hint="Name another file, or remove it")
    with wrap_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((shipped("configs") / f"{preset}.toml").read_text("utf-8"), "utf-8")
    out.print(f"Wrote {path}. Change it, then: soc run --config {as_word(path)}")
