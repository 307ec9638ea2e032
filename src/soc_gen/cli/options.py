"""Options shared by several commands that are not settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soc_gen.errors import UsageError

if TYPE_CHECKING:
    pass

_RUN = "The run"


def _option(*names: str, help: str, panel: str, **more: Any) -> Any:  # noqa: A002, ANN401 - as typer has it
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False, **more)


Restart = Annotated[
    bool, _option("--restart", help="Throw away what an earlier run left, and begin again.", panel=_RUN)
]
Limit = Annotated[int | None, _option("--limit", min=1, help="Only the first N of the input.", panel=_RUN)]
AsJson = Annotated[bool, _option("--json", help="Print the summary as JSON.", panel=_RUN)]


def output_folder(option: str, folder: Path) -> None:
    """Refuse a ``folder`` that is a file."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"is a file; {option} takes a folder", where=str(folder))
