"""Tasks that run beside whoever began them."""

from __future__ import annotations

import asyncio

from streamer.runtime.background_tasks import BackgroundTasks


async def test_tasks_are_held_while_they_run_and_cancelled_together_but_for_the_one_that_cancels() -> None:
    tasks, ended = BackgroundTasks(), asyncio.Event()

    async def wait() -> None:
        await ended.wait()

    async def cancel_all() -> str:
        tasks.cancel()
        await asyncio.sleep(0)
        return "went on"

    first, second = tasks.spawn(wait()), tasks.spawn(cancel_all())
    assert set(tasks) == {first, second} and len(tasks) == 2
    assert await second == "went on"
    await asyncio.gather(first, return_exceptions=True)
    assert first.cancelled() and len(tasks) == 0
