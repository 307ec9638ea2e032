"""What this machine can spare: cores and memory, within the limits of its container."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the cores this process may use, at least 1."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        cores = len(os.sched_getaffinity(0))
    match _numbers("cpu.max"):
        case [int(quota), int(period)]:
            cores = min(cores, round(quota / period))
    return max(1, cores)


def allow_open_files(wanted: int) -> int:
    """Raise how many files and connections this process may open to ``wanted``; return what came of it."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ValueError, OSError):  # macOS has a bound of its own
        return soft
    return most


def available_memory() -> int:
    """Return the bytes that can be used without swapping."""
    import psutil  # noqa: PLC0415 - an extra

    available = int(psutil.virtual_memory().available)
    match _numbers("memory.max") + _numbers("memory.current"):
        case [int(limit), int(used)]:
            available = min(available, max(0, limit - used))
    return available


def _numbers(name: str) -> list[int | None]:
    """Return the numbers in a control group's file, None for ``max``; empty where there is none."""
    try:
        words = (CGROUP / name).read_text("ascii").split()
    except OSError:
        return []
    return [int(word) if word.isdigit() else None for word in words]
