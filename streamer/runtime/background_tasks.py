"""Tasks of asyncio that run beside whoever began them, and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any


class BackgroundTasks:
    """Those that are running; asyncio itself keeps no reference to a task. Used on one event loop."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return iter(tuple(self._running))

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine until it ends or is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        """Cancel all but the one that calls."""
        own = asyncio.current_task()
        for task in self:
            if task is not own:
                task.cancel()


async def run_bounded(works: Iterable[Callable[[], Awaitable[object]]], most: int) -> None:
    """Call all and await what they return, at most so many at once. The first error is raised when all have ended."""
    free = asyncio.Semaphore(most)

    async def run(work: Callable[[], Awaitable[object]]) -> None:
        async with free:
            await work()

    for failure in await asyncio.gather(*(run(work) for work in works), return_exceptions=True):
        if failure is not None:
            raise failure
