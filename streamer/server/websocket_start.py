"""How every WebSocket begins, of a page or of a program: within the rate of its address, and served by a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket

from streamer.errors import TooFastError
from streamer.server.access import address_of
from streamer.server.rate_limits import RateLimiters

TRY_AGAIN_LATER = 1013  # WebSocket close code


async def may_begin(socket: WebSocket, limiters: RateLimiters, has_room: Callable[[], bool]) -> bool:
    """Whether a WebSocket may be accepted, once the rate of its address allows it; else it is closed here."""
    try:
        await limiters.conversations.wait(address_of(socket))
    except TooFastError:
        await socket.close(TRY_AGAIN_LATER)
        return False
    if not has_room():
        await socket.close(TRY_AGAIN_LATER)
        return False
    return True


async def serve_by(task: asyncio.Task[None]) -> None:
    """Wait until the task that serves a WebSocket ends; if uvicorn cancels this coroutine, the task ends with it."""
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
