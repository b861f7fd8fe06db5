"""The server's thread pools, one for each purpose, so that no work delays the frames in asyncio's default pool.

asyncio's default pool converts and encodes video. Whatever waits, or takes longer than a frame, belongs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from streamer.runtime.priority import FILM_NICENESS, UPLOAD_NICENESS, lower_priority

Result = TypeVar("Result")


class Executors:
    """pictures: decodes one picture at a time, or waits for the process that does, at low priority.
    films: waits for the process that makes a film, and writes a film's files.
    joins: waits for the trackers of sessions that end. measurements: computes statistics and metrics.
    """

    def __init__(self) -> None:
        self._pictures = ThreadPoolExecutor(1, "pictures", lower_priority, (UPLOAD_NICENESS,))
        self._films = ThreadPoolExecutor(2, "films", lower_priority, (FILM_NICENESS,))
        self._joins = ThreadPoolExecutor(4, "joins")
        self._measurements = ThreadPoolExecutor(1, "measurements")

    async def decode(self, work: Callable[[], Result]) -> Result:
        """Do `work`, which decodes a picture, after those that wait already."""
        return await asyncio.get_running_loop().run_in_executor(self._pictures, work)

    async def film(self, work: Callable[[], Result]) -> Result:
        """Do `work`, which waits for a film, or reads or writes its files."""
        return await asyncio.get_running_loop().run_in_executor(self._films, work)

    async def join(self, work: Callable[[], Result]) -> Result:
        """Do `work`, which waits for a tracker to end."""
        return await asyncio.get_running_loop().run_in_executor(self._joins, work)

    async def measure(self, work: Callable[[], Result]) -> Result:
        """Do `work`, which computes statistics or metrics."""
        return await asyncio.get_running_loop().run_in_executor(self._measurements, work)
