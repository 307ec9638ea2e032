"""Entry point of ``soc``: nothing heavy is imported before a command runs."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from soc_gen.errors import INTERRUPTED

_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def main() -> None:
    """Run ``soc``; Ctrl-C and SIGTERM end it without a traceback, also during imports."""
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)  # so that temporary files are removed
    _hold_standard_streams()
    try:
        from soc_gen.cli.app import main as start

        start()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _interrupted(_: int, frame: FrameType | None) -> None:
    """Raise ``KeyboardInterrupt``; during an import exit at once: some modules change the error."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_SYSTEM:
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


def _hold_standard_streams() -> None:
    """Open closed standard streams on the null device, so that no output file gets their number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
