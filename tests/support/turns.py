"""A lock for processes that is shared or exclusive and is given in the order of asking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(path: Path, exclusive: bool) -> Iterator[None]:
    """Hold the lock files at a path. Whoever waits holds a second lock, the gate, so that nobody overtakes."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with Path(f"{path}.gate").open("w") as gate, Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
