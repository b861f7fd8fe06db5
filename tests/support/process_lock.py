"""A lock between processes, shared or exclusive, which is granted in the order of the requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def process_lock(path: Path, exclusive: bool) -> Iterator[None]:
    """Hold the lock at a path. A process that waits holds a second lock, the gate, behind which later requests wait."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with Path(f"{path}.gate").open("w") as gate, Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
