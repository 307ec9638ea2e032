"""The ``soc`` command. Commands parse and print; what they do lives in the stages."""

from soc_gen.cli.entry import main

__all__ = ["main"]
