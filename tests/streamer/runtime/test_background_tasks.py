"""Tasks that run beside whoever began them."""

from __future__ import annotations

import asyncio

import pytest

from streamer.runtime.background_tasks import BackgroundTasks, run_bounded


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


async def test_bounded_work_runs_so_much_at_once_to_its_end_and_then_raises_the_first_error() -> None:
    running, most, done = 0, 0, 0

    async def work() -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running, done = running - 1, done + 1
        if done == 2:
            raise ValueError("the second")

    with pytest.raises(ValueError, match="the second"):
        await run_bounded([work] * 7, 3)
    assert (most, done) == (3, 7)
