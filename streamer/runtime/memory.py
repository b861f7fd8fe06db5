"""How much memory the server holds, its trackers' processes included."""

from __future__ import annotations

from contextlib import suppress

import psutil
import torch


def family(pid: int | None = None) -> list[psutil.Process]:
    """A process, this one if none is named, and all that it started; without those that end meanwhile."""
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def resident(processes: list[psutil.Process]) -> int:
    """Bytes that they hold together. What they share counts once where the system tells (Linux: proportional set
    sizes), in each elsewhere.
    """
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            whole = process.memory_full_info()
            total += getattr(whole, "pss", whole.rss)
    return total


def memory_bytes() -> dict[str, int]:
    """Bytes by kind. `rss`: of this process and its trackers, see `resident`. `cuda_reserved`, only where CUDA is in
    use: what torch holds of the current GPU's memory, its own reserve included, the driver's context and other
    libraries not. Looks through the system's processes, which takes some milliseconds: not for the event loop.
    """
    held = {"rss": resident(family())}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        held["cuda_reserved"] = torch.cuda.memory_reserved()
    return held
