"""The lock of a journal: only one process writes to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from soc_gen.errors import OutputError


def lock(journal: Path) -> IO[str]:
    """Lock ``journal`` and return the open lock file; a separate one, as a restart deletes the journal.

    Raises:
        OutputError: Another process holds the lock.
    """
    file = (journal.parent / f".{journal.stem}.lock").open("a+", encoding="ascii")
    if lock_descriptor(file.fileno(), blocking=False):
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file
    file.seek(0)
    holder = file.read().strip() or "unknown"
    file.close()
    raise OutputError(
        f"another run (process {holder}) is writing here",
        where=str(journal),
        hint="Wait for it, stop it, or choose another --out (soc run: --out-dir)",
    )
