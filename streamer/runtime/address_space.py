"""Bounds the memory of a process that decodes what came from a peer."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

WATCH_PERIOD_S = 0.02  # in which a decoder fills some 50 MB


def limit_address_space(further_bytes: int, system: str = sys.platform) -> None:
    """Let this process use so many bytes more than now. system: as `sys.platform`.

    On Linux the system refuses what is beyond, and the allocation raises MemoryError. Elsewhere a thread watches the
    memory that is in use, and ends the process, for whoever waits for its answer as a crash would.
    """
    if system == "linux":
        import resource  # noqa: PLC0415 - not available on every system

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + further_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    else:
        threading.Thread(
            target=_watch, args=(used_bytes() + further_bytes, used_bytes, _end), name="memory", daemon=True
        ).start()


def used_bytes() -> int:
    """What this process alone uses: private memory on Windows, which may be swapped out, resident memory elsewhere."""
    info = psutil.Process().memory_info()
    return int(getattr(info, "private", info.rss))


def _watch(limit: int, used: Callable[[], int], end: Callable[[], None]) -> None:
    """Call `end` as soon as more is used."""
    while used() <= limit:
        time.sleep(WATCH_PERIOD_S)
    end()


def _end() -> None:
    os._exit(1)
