"""The avatar on its way to a media server by WHIP, which here is another Kagami."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiortc import RTCIceServer

from benchmarks.streaming.whip_clients import WhepPlayer
from streamer.frames import AvatarFrame
from streamer.server.app import Server
from streamer.settings import Settings
from streamer.webrtc import attempts, whip_output
from streamer.webrtc.whip_output import WhipOutput
from tests.support.leaks import udp_sockets
from tests.support.page import UNLIMITED, serving
from tests.support.server_checks import wait_until_settled

TOKEN = "open-sesame"


@contextlib.asynccontextmanager
async def media_server() -> AsyncIterator[tuple[str, Server]]:
    async with serving(Settings(whip=True, token=TOKEN), limits=UNLIMITED) as (address, server):
        yield address, server


@contextlib.asynccontextmanager
async def output(url: str, token: str | None, lines: list[str], **options: Any) -> AsyncIterator[WhipOutput]:
    """An open output, closed at the end in a thread, as whatever blocks."""
    made = WhipOutput(url, token, lines.append, **options)
    made.open(128, 128, 30.0)
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)
        assert not made.is_open
        await wait_until_settled(
            lambda: not [each for each in threading.enumerate() if each.name.startswith("publish")]
        )


@contextlib.asynccontextmanager
async def feeding(made: WhipOutput, grey: int = 200) -> AsyncIterator[None]:
    """While this context is open, frames of one brightness and sound are sent."""

    async def feed() -> None:
        while True:
            made.send(AvatarFrame(np.full((128, 128, 3), grey, np.uint8), 0.0))
            made.hear(np.ones((960, 2), np.int16))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(feed())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_output_publishes_frames_and_ends_the_stream_when_closed(codec: Any) -> None:
    lines: list[str] = []
    async with media_server() as (address, server):
        async with output(f"{address}/whip", TOKEN, lines, codec=codec) as made, feeding(made):
            await wait_until_settled(lambda: len(lines) >= 1)
            async with WhepPlayer(f"{address}/whep", token=TOKEN) as player:
                await player.wait_until(
                    lambda: player.frame is not None and abs(left_of(player) - 200) < 12 and player.sound is not None
                )
        assert lines == [f"publishing the avatar to {address.removeprefix('http://')}"]
        await wait_until_settled(lambda: server.engine.session_count == 0)


def left_of(player: WhepPlayer) -> float:
    assert player.frame is not None
    return float(player.frame.to_ndarray(format="rgb24")[:, :60].mean())


async def test_output_comes_back_when_the_media_server_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_RETRY_S", 0.05)
    lines: list[str] = []
    async with media_server() as (address, server):
        at = address.removeprefix("http://")
        async with output(f"{address}/whip", TOKEN, lines) as made, feeding(made):
            await wait_until_settled(lambda: len(lines) >= 1)
            await next(iter(server.whip._resources.values())).close()
            await wait_until_settled(lambda: len(lines) >= 3)
            assert lines[:3] == [
                f"publishing the avatar to {at}",
                f"cannot publish to {at}, trying again: the connection was lost",
                f"publishing the avatar to {at}",
            ]


async def test_stream_ends_when_nobody_is_live_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip_output, "NOBODY_LIVE_S", 0.3)
    lines: list[str] = []
    async with media_server() as (address, server):
        at = address.removeprefix("http://")
        async with output(f"{address}/whip", TOKEN, lines) as made:
            assert server.engine.session_count == 0  # nothing before the first frame
            async with feeding(made):
                await wait_until_settled(lambda: len(lines) >= 1)
            await wait_until_settled(lambda: server.engine.session_count == 0)
            async with feeding(made):
                await wait_until_settled(lambda: len(lines) >= 3)
            assert lines[1] == f"nobody is live: the stream to {at} has ended"


async def test_output_tells_once_why_it_cannot_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_RETRY_S", 0.01)
    offers: list[str] = []
    monkeypatch.setattr(
        whip_output, "post_offer", lambda *rest, of=whip_output.post_offer: offers.append("") or of(*rest)
    )
    lines: list[str] = []
    async with media_server() as (address, _):
        at = address.removeprefix("http://")
        async with output(f"{address}/whip", "wrong", lines) as made, feeding(made):
            await wait_until_settled(lambda: len(offers) >= 3)
            assert lines == [
                f"cannot publish to {at}, trying again: it refuses the token: set KAGAMI_PUBLISH_TOKEN to the one that "
                "it expects"
            ]


async def test_answer_that_is_no_sdp_ends_nothing_but_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    media = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 "
    answers = iter(["hello", f"{media}AV1/90000\r\n"])
    monkeypatch.setattr(attempts, "FIRST_RETRY_S", 0.01)

    def answer(*_: Any) -> whip_output.MediaSession:
        return whip_output.MediaSession(
            next(answers, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 97\r\na=rtpmap:97 VP8/90000\r\n"), None
        )

    monkeypatch.setattr(whip_output, "post_offer", answer)
    lines: list[str] = []
    async with output("http://127.0.0.1:9/whip", None, lines) as made, feeding(made):
        await wait_until_settled(lambda: len(lines) >= 2)
    assert lines[:2] == [
        "cannot publish to 127.0.0.1:9, trying again: it takes neither VP8 nor H.264",
        "cannot publish to 127.0.0.1:9, trying again: its answer cannot be used",
    ]


async def test_closing_waits_for_no_server_that_is_silent() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        made = WhipOutput(f"http://127.0.0.1:{silent.getsockname()[1]}/whip", None, lambda line: None)
        assert made.problem() is None
        made.open(128, 128, 30.0)
        async with feeding(made):
            accepted, _ = await asyncio.to_thread(silent.accept)  # it has connected, and waits for an answer
        with accepted:
            await asyncio.to_thread(made.close)
            await asyncio.to_thread(made.close)
            assert not made.is_open


async def test_closing_while_candidates_are_gathered_leaves_no_socket() -> None:
    before = udp_sockets()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:  # a STUN server that answers nothing
        silent.bind(("127.0.0.1", 0))
        servers = [RTCIceServer(f"stun:127.0.0.1:{silent.getsockname()[1]}")]
        async with output("http://127.0.0.1:9/whip", None, [], ice_servers=servers) as made, feeding(made):
            await asyncio.to_thread(silent.recvfrom, 2048)
    await wait_until_settled(lambda: udp_sockets() <= before)
