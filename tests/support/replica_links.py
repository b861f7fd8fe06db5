"""Conversations with replicas of a cluster that are objects of a test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from streamer.cluster.errors import ReplicaGoneError


class FakeLink:
    """`replicas.Link`, to a replica that says what `reply` has it say. heard: what was sent to it, in turn."""

    def __init__(self, replica: str) -> None:
        self.replica = replica
        self.heard: list[str | None] = []
        self._events: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue()

    def reply(self, message: dict[str, Any]) -> None:
        """Called with each message that was sent."""

    def say(self, **message: Any) -> None:
        self._events.put_nowait(("text", json.dumps(message)))

    def close(self) -> None:
        self._events.put_nowait(("close", 1000))

    def die(self) -> None:
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        while (event := await self._events.get()) is not None:
            yield event
        raise ReplicaGoneError("dead")

    async def send(self, text: str | None) -> None:
        self.heard.append(text)
        if text:
            self.reply(json.loads(text))
