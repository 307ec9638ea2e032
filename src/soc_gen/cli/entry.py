"""What starts ``soc``: nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from soc_gen.errors import INTERRUPTED

_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def main() -> None:
    """Run ``soc``; Ctrl-C or a ``kill`` ends it without a trace, also while it is being loaded."""
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)  # so that nothing half-written is left behind
    _hold_standard_streams()
    try:
        from soc_gen.cli.app import main as start

        start()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _interrupted(_: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``, but end at once amid an import: some modules make another error of it."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


def _hold_standard_streams() -> None:
    """Open what of stdin, stdout and stderr is closed, lest a file that is written takes its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
