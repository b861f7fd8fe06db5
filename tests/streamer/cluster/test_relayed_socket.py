"""A page's WebSocket at its replica, without an ingress."""

from __future__ import annotations

import asyncio

import pytest

from streamer.cluster import relayed_socket
from streamer.cluster.relayed_socket import MAX_SILENT_PERIODS, RelayedSocket


async def test_socket_passes_messages_both_ways_and_signs_of_life_to_nobody() -> None:
    socket = RelayedSocket()
    socket.hear("")
    socket.hear("hello")
    socket.hear(None)
    kinds = [socket.incoming.get_nowait()["type"] for _ in range(3)]
    assert kinds == ["websocket.connect", "websocket.receive", "websocket.disconnect"] and socket.incoming.empty()
    await socket.send({"type": "websocket.accept"})
    await socket.send({"type": "websocket.send", "text": "ready"})
    await socket.send({"type": "websocket.close", "code": 1013})
    assert [socket.outgoing.get_nowait() for _ in range(2)] == [("text", "ready"), ("close", 1013)]


async def test_page_is_gone_once_its_ingress_is_silent_and_not_while_it_gives_signs_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relayed_socket, "PING_PERIOD_S", 0.0)
    socket = RelayedSocket()
    watching = asyncio.create_task(socket.end_silence())
    for _ in range(5 * MAX_SILENT_PERIODS):
        await asyncio.sleep(0)
        socket.hear("")
    assert not watching.done() and socket.incoming.qsize() == 1
    await watching
    socket.incoming.get_nowait()
    assert socket.incoming.get_nowait() == {"type": "websocket.disconnect", "code": 1001}
