"""What a process has allocated and not freed: counted by the allocator, so that no other program changes it."""

from __future__ import annotations

import ctypes
import sys


class _Statistics(ctypes.Structure):
    """`struct mallinfo2` of glibc (malloc.h)."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = tuple((name, ctypes.c_size_t) for name in _names)


def can_count() -> bool:
    """Whether the C library counts, as glibc does since 2.33."""
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallinfo2")


def allocated_bytes() -> int:
    """Of `malloc`, by all threads: what native libraries hold, and Python's objects above 512 bytes."""
    count = ctypes.CDLL(None).mallinfo2
    count.restype = _Statistics
    statistics = count()
    return int(statistics.uordblks + statistics.hblkhd)
