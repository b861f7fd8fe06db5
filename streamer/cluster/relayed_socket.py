"""A page's WebSocket at its replica, whose other end is an ingress elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

PING_PERIOD_S = 5.0  # between two signs of life that an ingress gives
MAX_SILENT_PERIODS = 4  # without one, after which the page is taken for gone

Event = tuple[str, Any]  # "open" with the replica's name, "text" with a message for the page, "close" with a code


class RelayedSocket:
    """The WebSocket of one page. incoming: ASGI messages for the server. outgoing: what it says; None for its end."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Event | None] = asyncio.Queue()
        self._silent_periods = 0
        self.incoming.put_nowait({"type": "websocket.connect"})

    def hear(self, text: str | None) -> None:
        """Take a message of the page; "" says only that it is there, None that it is gone."""
        self._silent_periods = 0
        if text is None:
            self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        elif text:
            self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def send(self, message: Mapping[str, Any]) -> None:
        """ASGI's `send`."""
        if message["type"] == "websocket.send":
            self.outgoing.put_nowait(("text", message["text"]))
        elif message["type"] == "websocket.close":
            self.outgoing.put_nowait(("close", message.get("code", 1000)))

    async def end_silence(self) -> None:
        """Take the page for gone once its ingress has been silent for MAX_SILENT_PERIODS. Each is waited for by itself,
        since signs of life wait to be read while this process is slow.
        """
        while self._silent_periods < MAX_SILENT_PERIODS:
            await asyncio.sleep(PING_PERIOD_S)
            self._silent_periods += 1
        self.hear(None)
