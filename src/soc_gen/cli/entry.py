"""What starts ``soc``: nothing heavy is imported before a command runs."""

from __future__ import annotations

import sys

from soc_gen.errors import INTERRUPTED


def main() -> None:
    """Run ``soc``; Ctrl-C while it is being loaded ends it without a trace too."""
    try:
        from soc_gen.cli.app import main as start
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    start()
