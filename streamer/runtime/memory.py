"""Memory use of the server, including its tracker processes."""

from __future__ import annotations

import sys
from contextlib import suppress

import psutil
import torch


def process_tree(pid: int | None = None) -> list[psutil.Process]:
    """A process (None: this one) and all its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def resident_bytes(processes: list[psutil.Process], system: str = sys.platform) -> int:
    """Resident memory of the processes together, without those that have ended. system: as `sys.platform`.

    Shared pages count once on Linux (proportional set size), and once per process elsewhere: macOS tells a user no more
    of another process, and Windows looks at every page for it.
    """
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if system == "linux":
                info = process.memory_full_info()
                total += getattr(info, "pss", info.rss)
            else:
                total += process.memory_info().rss
    return total


def memory_bytes() -> dict[str, int]:
    """Bytes by kind.

    `rss`: of this process and its tracker processes, see `resident_bytes`. `cuda_reserved`, only if CUDA is in use:
    GPU memory reserved by torch's allocator, without the CUDA context and other libraries. Takes some milliseconds,
    because it reads the system's process table, so never call it on the event loop.
    """
    used = {"rss": resident_bytes(process_tree())}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        used["cuda_reserved"] = torch.cuda.memory_reserved()
    return used
