"""The list of commands, and how an error reaches the user."""

from __future__ import annotations

import os
import sys

import typer

from soc_gen.cli.console import err
from soc_gen.cli.export import export
from soc_gen.cli.publish import push_to_hub
from soc_gen.errors import SocError

app = typer.Typer(
    name="soc",
    help="Make synthetic online conversations: experiences, rollout, clean.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from soc_gen import __version__

        typer.echo(f"soc_gen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: bool = typer.Option(  # noqa: ARG001 - its callback does the work
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
    verbose: bool = typer.Option(False, "--verbose", help="Show the trace behind an error."),
) -> None:
    if verbose:
        os.environ["SOC_VERBOSE"] = "1"


app.command()(export)
app.command("push-to-hub")(push_to_hub)


def main() -> None:
    """Run ``soc``; an error on purpose becomes one line and its exit code."""
    try:
        app()
    except SocError as error:
        if os.environ.get("SOC_VERBOSE"):
            err.print_exception()
        err.print("[red]error:[/red] ", end="")
        err.print(str(error), markup=False)
        sys.exit(error.exit_code)
