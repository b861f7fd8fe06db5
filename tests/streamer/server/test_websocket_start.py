"""How a WebSocket begins: who may, and that its task ends with it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streamer.errors import TooFastError
from streamer.server.websocket_start import TRY_AGAIN_LATER, may_begin, serve_by


class Socket:
    """closed: the codes with which it was closed."""

    client = SimpleNamespace(host="127.0.0.1")

    def __init__(self) -> None:
        self.closed: list[int] = []

    async def close(self, code: int) -> None:
        self.closed.append(code)


@pytest.mark.parametrize(("is_quick", "has_room"), [(False, True), (True, False), (True, True)])
async def test_websocket_begins_where_its_address_is_not_too_fast_and_there_is_room(
    is_quick: bool, has_room: bool
) -> None:
    async def wait(address: str) -> None:
        if not is_quick:
            raise TooFastError("Too fast: wait.")

    limiters: Any = SimpleNamespace(conversations=SimpleNamespace(wait=wait))
    socket: Any = Socket()
    may = await may_begin(socket, limiters, lambda: has_room)
    assert may is (is_quick and has_room) and socket.closed == ([] if may else [TRY_AGAIN_LATER])


async def test_task_of_a_websocket_ends_with_who_waits_for_it() -> None:
    begun = asyncio.Event()

    async def serve() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    waiting = asyncio.create_task(serve_by(task))
    await begun.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert task.cancelled()
