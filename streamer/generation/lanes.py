"""Which places of a pool on the device are free."""

from __future__ import annotations

import threading

from streamer.errors import DeviceMemoryError


class Lanes:
    """Numbers 0 … count − 1, each lent to one stream at a time. Any thread may take and give."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"a pool needs at least 1 lane, got {count}")
        self.count = count
        self._lock = threading.Lock()
        self._free = list(range(count))

    @property
    def free(self) -> int:
        """How many are left."""
        with self._lock:
            return len(self._free)

    def take(self) -> int:
        """The lowest free lane. Raises DeviceMemoryError where none is left."""
        with self._lock:
            if not self._free:
                raise DeviceMemoryError
            lane = min(self._free)
            self._free.remove(lane)
            return lane

    def give(self, lane: int) -> None:
        """Give a lane back; once for each time it was taken."""
        with self._lock:
            if not 0 <= lane < self.count or lane in self._free:
                raise ValueError(f"lane {lane} is not taken")
            self._free.append(lane)
