"""A fleet of two replicas that are objects of a test, and the page whose messages go to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any

from starlette.websockets import WebSocketState

from streamer.cluster.errors import MovedAwayError, ReplicaGoneError, SlowReplicaError
from streamer.cluster.replicas import Location
from streamer.cluster.session_directory import Record
from streamer.errors import ServerFullError
from tests.support.replica_links import FakeLink

TIMEOUT_S = 10.0


class Socket:
    """The page's side. sent: what it was told, parsed."""

    def __init__(self) -> None:
        self.client_state = self.application_state = WebSocketState.CONNECTED
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.changed = asyncio.Event()

    def say(self, *texts: str) -> None:
        for text in texts:
            self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def receive(self) -> dict[str, Any]:
        received = await self.incoming.get()
        if received["type"] == "websocket.disconnect":
            self.client_state = WebSocketState.DISCONNECTED
            self.changed.set()
        return received

    async def receive_text(self) -> str:
        return (await self.receive())["text"]

    async def send_text(self, text: str) -> None:
        self.sent.append(json.loads(text))
        self.changed.set()

    async def close(self, code: int = 1000) -> None:
        self.application_state = WebSocketState.DISCONNECTED
        self.changed.set()

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not true():
                self.changed.clear()
                await self.changed.wait()


class Link(FakeLink):
    """One conversation with a replica: `hello` is answered by `ready`, an offer by an answer or a refusal."""

    def __init__(self, fleet: Fleet, replica: str) -> None:
        super().__init__(replica)
        self.fleet = fleet

    async def send(self, text: str | None) -> None:
        if self.replica in self.fleet.dead:
            raise MovedAwayError
        await super().send(text)

    def reply(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "hello" and self.replica in self.fleet.dying:
            self.die()
        elif kind == "hello" and self.replica in self.fleet.refusing:
            self.say(type="error", code="full", message="Too many pages are open.", fatal=True)
            self.close()
        elif kind == "hello" and self.fleet.puzzled:
            self.say(type="error", code="protocol", message="Reload the page.", fatal=False)
        elif kind == "hello":
            self.say(type="ready", session="name", resumed=self.replica in self.fleet.adopted)
        elif kind == "offer" and self.replica in self.fleet.full:
            self.say(type="error", code="full", message="The server is full.", fatal=False)
        elif kind == "offer":
            self.say(type="answer", sdp=self.replica)
        elif kind == "bye":
            self.close()


class Fleet:
    """Replicas a and b, as `Replicas`. links: of all conversations, in turn. adopted: where the session was taken.
    refusals: of full replicas to take it. dying: those that die at `hello`. refusing: those with no place for one more
    page. slow: those that do not answer in time. opens: how often a link to one was wanted. adopting: one is to take
    the session. puzzled: they do not understand `hello`. is_lost: how often the directory will not answer in time.
    is_known: it has `record`, which `carry` has in any case.
    """

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.dead: set[str] = set()
        self.full: set[str] = set()
        self.dying: set[str] = set()
        self.refusing: set[str] = set()
        self.slow: set[str] = set()
        self.puzzled = False
        self.is_lost = 0
        self.is_known = False
        self.adopted: list[str] = []
        self.refusals = 0
        self.opens = 0
        self.adopting = False
        self.record: Record[bytes] | None = Record("name", "a", b"carried", "")
        self.may_adopt = asyncio.Event()
        self.may_adopt.set()

    def _look(self) -> None:
        if self.is_lost:
            self.is_lost -= 1
            raise SlowReplicaError(10.0)

    async def locate(self, secret: str) -> Location:
        self._look()
        home = self.adopted[-1] if self.adopted else None
        return Location(None if home in self.dead else home, self.record if self.is_known else None)

    async def open(self, scope: dict[str, Any], replica: str | None, without: Collection[str] = ()) -> Link:
        self.opens += 1
        chosen = replica or next((each for each in "ab" if each not in {*without, *self.dead}), None)
        if chosen is None or chosen in self.dead:
            raise ReplicaGoneError("none")
        if chosen in self.slow:
            self.slow.remove(chosen)
            raise SlowReplicaError(10.0)
        self.links.append(Link(self, chosen))
        return self.links[-1]

    async def carry(self, replica: str, secret: str) -> Record[bytes] | None:
        return self.record

    async def adopt(self, secret: str, record: Record[bytes], without: Collection[str]) -> str:
        free = [each for each in "ab" if each not in {*without, *self.dead, *self.full}]
        if not free:
            self.refusals += 1
            raise ServerFullError(1)
        self.adopting = True
        await self.may_adopt.wait()
        self.adopted.append(free[0])
        return free[0]

    def has_room(self, without: Collection[str]) -> bool:
        return any(each not in {*without, *self.dead, *self.full} for each in "ab")
