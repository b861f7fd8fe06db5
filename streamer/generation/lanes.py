"""Lanes: rows of the pools on the device, each lent to one stream at a time."""

from __future__ import annotations

import threading

from streamer.errors import DeviceMemoryError


class LaneAllocator:
    """Lends the lanes 0 … count − 1. Thread-safe."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"a pool needs at least 1 lane, got {count}")
        self.count = count
        self._lock = threading.Lock()
        self._free = list(range(count))

    @property
    def free(self) -> int:
        """Number of free lanes."""
        with self._lock:
            return len(self._free)

    def take(self) -> int:
        """Lend the lowest free lane. Raises DeviceMemoryError if none is free."""
        with self._lock:
            if not self._free:
                raise DeviceMemoryError
            lane = min(self._free)
            self._free.remove(lane)
            return lane

    def give(self, lane: int) -> None:
        """Return a lane. Raises ValueError if it is not lent."""
        with self._lock:
            if not 0 <= lane < self.count or lane in self._free:
                raise ValueError(f"lane {lane} is not taken")
            self._free.append(lane)
