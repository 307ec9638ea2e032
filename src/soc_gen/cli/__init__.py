"""The ``soc`` command. Commands parse and print; what they do lives in the stages.

Nothing heavy is imported here: a command imports what it needs when it runs.
"""

from __future__ import annotations

from soc_gen.cli.app import main

__all__ = ["main"]
