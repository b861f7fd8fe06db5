"""What badly behaved clients do to a server, each bounded in time and number; run in a process of its own.

All of them talk to 127.0.0.1, give way to the server and the live neighbour (niceness), and stop by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.streaming.offers import damaged
from benchmarks.streaming.webrtc_client import WebRtcClient
from streamer.errors import KagamiError

ATTACK_NICENESS = 10  # attackers have machines of their own
MESSAGES_PER_S = 45
OFFERS_PER_S = 38
METRICS_PER_S = 56
UPLOADERS = 10
UPLOAD_SIDES = (8880, 6400)  # pixels: beyond the server's limit, and just below it
SILENT_CONVERSATIONS = 150
SLOW_REQUESTS = 520
SLOW_UPLOADS = 8
HELLO = json.dumps({"type": "hello", "protocol": 1})
MALFORMED = (
    "{", "[]", "null", "\x00", '{"type":"nonsense"}', '{"type":"control"}', '"\\ud800"', "[" * 5000,
    '{"type":"control","head":' + "9" * 309 + "}", '{"type":"control","background":"' + "x" * 9000 + '"}',
    '{"type":"control","head":NaN}', '{"type":"control","head":-1}', '{"type":"control","colour":"#gg0000"}',
    '{"type":"hello","protocol":1}', '{"type":"candidate","candidate":"candidate:1 1 udp x","sdpMid":"0"}',
    '{"type":"offer"}', '{"type":"offer","sdp":7}', '{"type":"offer","sdp":"v=0"}', '{"type":["offer"]}',
    '{"type":"control","head":1,"head2":1}',
)  # fmt: skip
_REFUSED = (WebSocketException, OSError, TimeoutError, EOFError, KagamiError)


@dataclass(frozen=True)
class Target:
    """What an attack is given.

    url: http://HOST:PORT/. seconds: how long. sdp: an offer that the server answers. pictures: files to upload; made
    beforehand, since compressing them would cost the neighbour more than the server does.
    """

    url: str
    seconds: float
    sdp: str
    pictures: tuple[bytes, ...] = ()

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1).rstrip("/") + "/ws"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. The host is an IPv4 address, because a browser's `localhost` may take two attempts."""
        return "127.0.0.1", urlsplit(self.url).port or 80

    def running(self, began: float) -> bool:
        return time.monotonic() - began < self.seconds


Attack = Callable[[Target], Awaitable[None]]


def run_attack(name: str, target: Target, ready: Event) -> None:
    """The work of the attacker's process. ready: is set when it begins."""
    if hasattr(os, "nice"):
        os.nice(ATTACK_NICENESS)
    ready.set()
    with contextlib.suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(ATTACKS[name](target), target.seconds + 10))


@contextlib.asynccontextmanager
async def conversation(target: Target) -> AsyncIterator[ClientConnection]:
    """A WebSocket that has sent `hello`."""
    async with connect(target.websocket_url, open_timeout=20, close_timeout=1, max_size=2**20) as opened:
        await opened.send(HELLO)
        yield opened


async def session_of(opened: ClientConnection) -> str:
    """The session id in the server's `ready`."""
    while (message := json.loads(await asyncio.wait_for(opened.recv(), 20)))["type"] != "ready":
        pass
    return str(message["session"])


async def _repeat(target: Target, visit: Callable[[], Awaitable[Any]]) -> None:
    """Do one visit after another until the time is over; a refusal ends only a visit."""
    began = time.monotonic()
    while target.running(began):
        with contextlib.suppress(*_REFUSED):
            async with asyncio.timeout(max(0.1, began + target.seconds - time.monotonic())):
                await visit()
        await asyncio.sleep(0.02)


async def malformed_messages(target: Target) -> None:
    """Four pages send wrong messages until they are thrown out, and come again."""
    chance = random.Random(1)

    async def visit() -> None:
        async with conversation(target) as opened:
            while True:
                await opened.send(chance.choice(MALFORMED))
                await asyncio.sleep(4 / MESSAGES_PER_S)

    await asyncio.gather(*(_repeat(target, visit) for _ in range(4)))


async def mutated_offers(target: Target) -> None:
    """Four pages send offers in which lines are missing, doubled, exchanged or damaged."""
    chance = random.Random(2)

    async def visit() -> None:
        async with conversation(target) as opened:
            while True:
                await opened.send(json.dumps({"type": "offer", "sdp": damaged(target.sdp, chance)}))
                await asyncio.sleep(0.1)

    await asyncio.gather(*(_repeat(target, visit) for _ in range(4)))


async def quick_visits(target: Target) -> None:
    """Three pages connect with a camera, stay for half a second and come again."""
    frames = [np.full((480, 640, 3), 99, np.uint8)]

    async def visit() -> None:
        async with WebRtcClient(target.websocket_url, frames, 15.0):
            await asyncio.sleep(0.5)

    await asyncio.gather(*(_repeat(target, visit) for _ in range(3)))


async def offers(target: Target) -> None:
    """One page sends the same good offer again and again, each of which replaces the connection."""

    async def visit() -> None:
        async with conversation(target) as opened:
            while True:
                await opened.send(json.dumps({"type": "offer", "sdp": target.sdp}))
                await asyncio.sleep(1 / OFFERS_PER_S)

    await _repeat(target, visit)


async def metrics(target: Target) -> None:
    """`GET /metrics` at METRICS_PER_S, without waiting for the answers before the next."""
    began = time.monotonic()
    tasks: set[asyncio.Task[int]] = set()
    while target.running(began):
        task = asyncio.create_task(get(target, "/metrics"))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(1 / METRICS_PER_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def get(target: Target, path: str) -> int:
    """The status of a GET request; 0 if the connection was closed."""
    answer = await _request(target, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return int(answer[9:12] or b"0")


async def _request(target: Target, data: bytes) -> bytes:
    """The answer to a request that closes its connection; empty if the server closed it."""
    with contextlib.suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection(*target.address)
        try:
            writer.write(data)
            async with asyncio.timeout(20):
                return await reader.read()
        finally:
            writer.close()
    return b""


async def uploads(target: Target) -> None:
    """Ten pages upload large pictures that are cheap to send, all at once."""

    async def visit(first: int) -> None:
        async with conversation(target) as opened:
            session = await session_of(opened)
            for picture in target.pictures[first:] + target.pictures[:first]:
                head = f"PUT /api/picture?session={session} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                await _request(target, f"{head}Content-Length: {len(picture)}\r\n\r\n".encode() + picture)

    await asyncio.gather(*(_repeat(target, partial(visit, number % 2)) for number in range(UPLOADERS)))


def large_pictures() -> tuple[bytes, ...]:
    """PNGs of UPLOAD_SIDES."""
    return tuple(plain_png(side) for side in UPLOAD_SIDES)


def plain_png(side: int) -> bytes:
    """A square PNG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (side, side), (90, 120, 150)).save(data, "PNG")
    return data.getvalue()


async def silent_conversations(target: Target) -> None:
    """SILENT_CONVERSATIONS pages say hello and nothing more."""

    async def stay() -> None:
        with contextlib.suppress(*_REFUSED):
            async with conversation(target) as opened:
                await opened.wait_closed()

    tasks = [asyncio.create_task(stay()) for _ in range(SILENT_CONVERSATIONS)]
    await asyncio.sleep(target.seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def slow_requests(target: Target) -> None:
    """SLOW_REQUESTS connections send their headers one byte a second, and SLOW_UPLOADS their bodies."""
    began = time.monotonic()
    opened = open_slow_requests(target)
    try:
        async with conversation(target) as page:
            session = await session_of(page)
            head = f"PUT /api/picture?session={session} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n"
            for _ in range(SLOW_UPLOADS):
                opened.append(socket.create_connection(target.address, 5))
                opened[-1].sendall(head.encode())
            while target.running(began):
                for each in opened:
                    with contextlib.suppress(OSError):
                        each.send(b"x")
                await asyncio.sleep(1)
    finally:
        for each in opened:
            each.close()


def open_slow_requests(target: Target, count: int = SLOW_REQUESTS) -> list[socket.socket]:
    """Connections whose headers do not end."""
    opened = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            opened.append(socket.create_connection(target.address, 5))
            opened[-1].sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            opened[-1].setblocking(False)
    return opened


ATTACKS: dict[str, Attack] = {
    "malformed messages": malformed_messages,
    "mutated offers": mutated_offers,
    "quick visits": quick_visits,
    "offers": offers,
    "metrics": metrics,
    "uploads": uploads,
    "silent conversations": silent_conversations,
    "slow requests": slow_requests,
}
