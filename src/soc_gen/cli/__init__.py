"""The ``soc`` command. Commands only parse options and print; the stages do the work."""

from soc_gen.cli.entry import main

__all__ = ["main"]
