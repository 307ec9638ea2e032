"""The list of commands, and how errors are shown to the user."""

from __future__ import annotations

import difflib
import functools
import io
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec

import typer

from soc_gen.cli.check import check
from soc_gen.cli.clean import clean
from soc_gen.cli.console import err, settle, show_logs
from soc_gen.cli.evaluate import evaluate
from soc_gen.cli.export import export
from soc_gen.cli.generate import experiences
from soc_gen.cli.init import init
from soc_gen.cli.mix import mix
from soc_gen.cli.publish import push_to_hub
from soc_gen.cli.rollout import rollout
from soc_gen.cli.run import run
from soc_gen.cli.serve import serve
from soc_gen.cli.settings_options import SettingsGroup, plain
from soc_gen.errors import INTERRUPTED, SocError
from soc_gen.io.files import path_to_text

P = ParamSpec("P")

app = typer.Typer(
    name="soc",
    help="Make synthetic online conversations: experiences, rollout, clean.",
    no_args_is_help=True,
    cls=SettingsGroup,
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
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
    verbose: bool = typer.Option(False, "--verbose", help="Show the trace behind an error."),
) -> None:
    pass


_RESUMABLE = (experiences, rollout, run, mix)


def _interruptible(command: Callable[P, None]) -> Callable[P, None]:
    """Print a line on Ctrl-C when the command itself does not."""
    what = (
        "What was finished is kept; the same command goes on from there."
        if command in _RESUMABLE
        else "What was there is untouched; the same command begins anew."
    )

    @functools.wraps(command)
    def run_it(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            err.print(f"Interrupted. {what}")
            raise typer.Exit(INTERRUPTED) from None

    return run_it


generate = typer.Typer(cls=SettingsGroup, help="Make what a rollout starts from.", no_args_is_help=True)
generate.command()(plain(_interruptible(experiences)))
app.add_typer(generate, name="generate")
for command in (run, rollout, clean, evaluate, push_to_hub, export, mix, serve, check, init):
    app.command()(plain(_interruptible(command)))


def main() -> None:
    """Run ``soc``; a ``SocError`` or an ``OSError`` becomes one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # emoji in a pipe of another encoding, file names of none
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _show_trace
    show_logs()
    words = sys.argv[1:]
    if "--verbose" in words:  # people add it at the end of the command that failed
        words = [word for word in words if word != "--verbose"] or ["--help"]
        os.environ["SOC_VERBOSE"] = "1"
    try:
        sys.exit(app(args=words, standalone_mode=False) or 0)
    except typer.TyperException as error:
        if error.format_message():  # otherwise the help was shown, as there were no arguments
            err.print(_wrong_use(error))
        sys.exit(error.exit_code)
    except SocError as error:
        sys.exit(_fail(error))
    except OSError as error:  # of a file or stream, not handled anywhere else
        where = path_to_text(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
        sys.exit(_fail(SocError(error.strerror or str(error), where=where)))
    finally:
        settle(sys.stdout)
        settle(sys.stderr)


def _fail(error: SocError) -> int:
    """Print the line of ``error``; return its exit code."""
    if os.environ.get("SOC_VERBOSE"):
        err.print_exception()
    err.print("error: ", style="red", end="")
    err.print(str(error))
    return error.exit_code


def _show_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug through the console, since it may quote external text."""
    err.print("".join(traceback.format_exception(kind, error, trace)).rstrip())


def _wrong_use(error: typer.TyperException) -> str:
    """Return the line for a wrong option or value."""
    known = getattr(error, "possibilities", None)
    near = difflib.get_close_matches(getattr(error, "option_name", ""), known or (), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    message = error.message if known else error.format_message().replace(": Value error, ", ": ")
    return f"error: {message.rstrip('.')}{hint}"
