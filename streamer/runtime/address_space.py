"""Bounds the memory of a process that decodes what came from a peer."""

from __future__ import annotations

import sys
from pathlib import Path


def limit_address_space(further_bytes: int) -> None:
    """Let this process map so many bytes more than now; allocations beyond raise MemoryError. Only Linux tells."""
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - not available on every system

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + further_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
