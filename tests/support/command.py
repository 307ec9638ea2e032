"""``soc`` as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def soc(*words: str, cwd: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``soc`` and return what it did."""
    return subprocess.run(
        [sys.executable, "-c", "from soc_gen.cli import main; main()", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        timeout=timeout,
    )
