"""Whole sessions: real WebSocket, real WebRTC, one process; only tracking and drawing are stubs."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import random
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import AudioStreamTrack
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame
from PIL import Image

from streamer.server import session as sessions
from streamer.settings import Settings
from tests.support.fakes import FakePipeline, FakeTracker
from tests.support.page import MESSAGE_TIMEOUT_S, FakeCamera, Page, serving, socket_url

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures" / "protocol.json").read_text())


def left(page: Page) -> float:
    """Mean of the left half, where the stub paints the camera's brightness."""
    picture = page.avatar_rgb()
    return float(picture[:128, : picture.shape[1] // 2 - 4].mean())


def right(page: Page) -> np.ndarray:
    """Mean colour of the right half, where the stub paints the avatar's colour."""
    picture = page.avatar_rgb()
    return picture[:128, picture.shape[1] // 2 + 4 :].reshape(-1, 3).mean(0)


async def until_brightness(page: Page, value: float) -> None:
    await page.wait_until(lambda: page.frame is not None and abs(left(page) - value) < 12, f"brightness {value}")


async def until_colour(page: Page, colour: tuple[int, int, int]) -> None:
    await page.wait_until(
        lambda: page.frame is not None and np.abs(right(page) - colour).max() < 14, f"colour {colour}"
    )


async def settles(true: Callable[[], bool], what: Callable[[], Any] = lambda: "") -> None:
    for _ in range(round(MESSAGE_TIMEOUT_S / 0.1)):
        if true():
            return
        gc.collect()
        await asyncio.sleep(0.1)
    raise AssertionError(f"it did not settle: {what()}")


def png(colour: tuple[int, int, int], size: int = 80) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_the_avatar_follows_the_camera(codec: str) -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        assert ready["video"] == {"width": 128, "height": 128, "fps": 30.0}
        camera = FakeCamera(brightness=200)
        await page.start(camera, codec=codec)
        await until_brightness(page, 200)
        await until_colour(page, (200, 120, 40))
        camera.brightness = 60
        await until_brightness(page, 60)
        stats = await page.receive("stats", 2)
        assert stats["fps"]["out"] > 0 and stats["sessions"] == 1 and 200 < stats["bitrate_kbps"] <= 3000
        assert {"decode", "track", "draw", "encode"} <= stats["stage_ms"].keys()
        assert stats["latency_ms"]["p99"] >= stats["latency_ms"]["p95"] >= stats["latency_ms"]["p50"] > 0
        assert stats["queue_age_ms"].keys() == {"p50", "p95", "p99"} and "queue age" not in stats["stage_ms"]
        assert stats["spread"]["fps"]["max"] > 0 and 10 < stats["memory_mb"]["rss"] < 100_000
        await page.receive("state", phase="live")


@pytest.mark.parametrize(("setting", "sent"), [("h264", "H264"), ("vp8", "VP8")])
async def test_the_wanted_codec_is_sent_whatever_the_page_likes(setting: str, sent: str) -> None:
    async with serving(Settings(codec=setting)) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        answer = (await page.receive("answer"))["sdp"]
        assert sent in next(line for line in answer.splitlines() if line.startswith("a=rtpmap"))
        await page.wait_for_frames(5)


@pytest.mark.parametrize("share", [0.05])
async def test_packet_loss_both_ways_stops_nothing(share: float) -> None:
    chance = random.Random(3)

    def lossy(send: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        async def maybe(data: bytes) -> None:
            if not (data[0] & 0xC0 == 0x80 and chance.random() < share):  # only RTP and RTCP are lost
                await send(data)

        return maybe

    async with serving(pipeline=FakePipeline(size=128)) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        camera = FakeCamera(brightness=90)
        await page.start(camera)
        await page.wait_for_frames(5)
        (session,) = server.conversations.sessions.values()
        for connection in (page.peer, session._peer._connection):  # type: ignore[union-attr]
            transport = connection.getTransceivers()[0].sender.transport.transport  # type: ignore[union-attr]
            transport._send = lossy(transport._send)
        for brightness in (180, 40, 230):
            camera.brightness = brightness
            await until_brightness(page, brightness)
        await page.wait_for_frames(60)


async def test_twenty_sessions_leave_nothing_behind() -> None:
    async with serving() as (address, server):

        async def stay() -> None:
            async with Page(socket_url(address)) as page:
                await page.hello()
                await page.start(FakeCamera(), microphone=AudioStreamTrack())
                await page.wait_for_frames(3)

        for _ in range(3):  # what is made once: executors, codecs' tables
            await stay()
        await settles(lambda: server.engine.session_count == 0)
        threads, tasks = threading.active_count(), len(asyncio.all_tasks())
        for _ in range(20):
            await stay()
        executors = 8  # the default executor may still grow to its bound
        await settles(
            lambda: len(asyncio.all_tasks()) <= tasks and threading.active_count() <= threads + executors,
            lambda: (asyncio.all_tasks(), [thread.name for thread in threading.enumerate()]),
        )
        await settles(lambda: not busy_threads() and not remains(), lambda: (busy_threads(), remains()))
        assert server.engine.session_count == 0 and not server.conversations.sessions and not len(server.conversations)


def busy_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name == "tracking" or "decoder" in name]


def remains() -> list[object]:
    return [one for one in gc.get_objects() if type(one) in (sessions.Session, sessions.EngineSession, sessions.Peer)]


async def test_one_more_is_told_so_and_may_try_again() -> None:
    async with serving(Settings(max_sessions=1)) as (address, server), Page(socket_url(address)) as second:
        async with Page(socket_url(address)) as first:
            await first.hello()
            await first.start(FakeCamera())
            await first.wait_for_frames(2)
            await second.hello()
            await second.send(type="offer", sdp="v=0")
            error = await second.receive("error", code="full")
            assert error == {
                "type": "error",
                "code": "full",
                "message": "The server is full: 1 person is live already; try again later or start it with a larger "
                "--max-sessions.",
                "fatal": False,
            }
        await settles(lambda: server.engine.session_count == 0)
        await second.start(FakeCamera())
        await second.wait_for_frames(2)


async def test_one_too_many_for_the_machine_is_told_so_and_those_who_are_live_go_on() -> None:
    slow = FakePipeline(delay=0.2, size=128)
    async with (
        serving(pipeline=slow, min_fps=4.5) as (address, server),
        Page(socket_url(address)) as first,
        Page(socket_url(address)) as second,
    ):
        await first.hello()
        await first.start(FakeCamera())
        await first.wait_for_frames(6)
        await second.hello()
        await second.send(type="offer", sdp="v=0")
        error = await second.receive("error", code="full")
        assert not error["fatal"] and error["message"].endswith(
            "and it keeps to 4.5; try again later or start it with a smaller --min-fps."
        )
        await first.wait_for_frames(3)
        assert server.engine.session_count == 1


async def test_a_session_without_device_memory_is_told_and_the_others_go_on() -> None:
    pipeline = FakePipeline(size=128, no_memory_on=(9, 9, 9))
    async with (
        serving(pipeline=pipeline) as (address, server),
        Page(socket_url(address)) as good,
        Page(socket_url(address)) as bad,
    ):
        await good.hello()
        await good.start(FakeCamera())
        await good.wait_for_frames(2)
        ready = await bad.hello()
        async with httpx.AsyncClient(base_url=address) as http:
            await http.put("/api/picture", params={"session": ready["session"]}, content=png((9, 9, 9)))
        await bad.receive("picture-status", stage="ready")
        await bad.start(FakeCamera())
        error = await bad.receive("error", code="memory")
        assert error in FIXTURE["server"]
        await asyncio.wait_for(bad.closed.wait(), MESSAGE_TIMEOUT_S)
        await good.wait_for_frames(5)
        assert server.engine.session_count == 1


async def test_a_camera_that_is_unplugged_and_comes_back() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        camera = FakeCamera()
        await page.start(camera)
        await page.wait_for_frames(5)
        assert page.peer is not None
        sender = page.peer.getSenders()[0]
        sender.replaceTrack(None)
        state = await page.receive("state", phase="stalled")
        assert state["message"] == (
            "No picture comes from the camera; check that it is plugged in and that no other program holds it."
        )
        await page.wait_for_frames(20)  # the avatar idles on
        sender.replaceTrack(FakeCamera(brightness=240))
        await until_brightness(page, 240)


async def test_a_new_offer_replaces_the_connection_and_keeps_the_seat() -> None:
    async with serving(Settings(max_sessions=1)) as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        for brightness in (40, 220):
            await page.start(FakeCamera(brightness))
            await until_brightness(page, brightness)
            await page.drop_peer()
        assert server.engine.session_count == 1
        assert len(server.conversations.sessions) == 1


async def test_a_connection_that_is_lost_is_told_and_can_be_made_again() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await page.drop_peer()  # says goodbye by DTLS, which ends the server's side
        error = await page.receive("error", code="connection")
        assert error["message"] == "The media connection was lost; it is set up anew when the network is back."
        assert not error["fatal"]
        await page.start(FakeCamera(30))
        await until_brightness(page, 30)


async def test_a_peer_that_never_sends_media_is_told_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MEDIA_TIMEOUT_S", 1.0)

    class Silent(FakeCamera):
        async def recv(self) -> Any:
            await asyncio.sleep(3600)

    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(Silent())
        error = await page.receive("error", code="no-media")
        assert error["fatal"] and error["message"] == (
            "No camera picture arrived within 1 seconds; check camera and network and start again."
        )
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        await settles(lambda: server.engine.session_count == 0)


OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
MEDIA = "m={} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=mid:{}\r\na={}\r\na=rtcp-mux\r\n"
CONFUSED = "The page's connection offer cannot be used; reload the page or try another browser."
LINES = "The offer must have one video line and at most one audio line; reload the page."


@pytest.mark.parametrize(
    ("offer", "sentence"),
    [
        ("hello", LINES),
        ("", LINES),
        ("v=0\r\nm=video", CONFUSED),
        (OFFER + "m=video x y z\r\n", CONFUSED),
        (OFFER + MEDIA.format("video", 0, "sendrecv"), CONFUSED),  # no ICE, no DTLS
        (OFFER, LINES),
        (OFFER + MEDIA.format("audio", 0, "sendrecv"), LINES),
        (OFFER + MEDIA.format("video", 0, "sendrecv") + MEDIA.format("video", 1, "sendrecv"), LINES),
        (OFFER + MEDIA.format("video", 0, "sendonly"), "The offer takes no video back; reload the page."),
        (
            OFFER + MEDIA.format("video", 0, "recvonly"),
            "The offer sends no camera video; allow the camera and start again.",
        ),
    ],
)
async def test_a_wrong_offer_gets_a_sentence_and_the_session_goes_on(offer: str, sentence: str) -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.send(type="offer", sdp=offer)
        error = await page.receive("error", code="negotiation")
        assert error == {"type": "error", "code": "negotiation", "message": sentence, "fatal": False}
        await page.start(FakeCamera(50))
        await until_brightness(page, 50)


async def test_wrong_messages_change_nothing() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.send(type="control", mirror=True)
        await page.receive("error", message="The first message must be 'hello'; reload the page.")
        await page.hello()
        await page.start(FakeCamera(70))
        await page.wait_for_frames(2)
        wrong = ["{", "[]", json.dumps({"type": "nonsense"}), b"\x00", "x" * 100_000, '{"type":"control","head":9}']
        wrong += ['{"type":"candidate","candidate":"candidate:1 1 udp x","sdpMid":"0"}']
        for text in wrong:
            await page.send_text(text)
        await page.wait_until(
            lambda: sum(one["type"] == "error" for one in page.messages) == len(wrong) + 1, "all errors"
        )
        assert {one["code"] for one in page.messages if one["type"] == "error"} == {"protocol"}
        await until_brightness(page, 70)
        await page.wait_for_frames(5)


async def test_too_many_wrong_messages_end_the_conversation() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        for _ in range(60):
            await page.send_text("{")
        error = await page.receive("error", fatal=True)
        assert error["message"] == "Too many wrong messages came and the session was closed; reload the page."
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)


async def test_controls_reach_the_performer() -> None:
    seen: list[Any] = []

    class Watching(FakePipeline):
        def draw(self, requests: Any) -> Any:
            seen.extend(request.controls for request in requests)
            return super().draw(requests)

    async with serving(pipeline=Watching(size=128)) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        assert ready["controls"].keys() == FIXTURE["server"][0]["controls"].keys()
        await page.send(type="control", head=0.5, mirror=False)  # before there is a seat
        await page.start(FakeCamera())
        await page.wait_until(lambda: bool(seen) and seen[-1].head == 0.5 and not seen[-1].mirror, "the early change")
        await page.send(type="control", body=0, teeth=False, background="colour", colour="#ff8000")
        await page.wait_until(lambda: seen[-1].colour == (255, 128, 0), "the late change")
        assert (seen[-1].head, seen[-1].body, seen[-1].teeth, seen[-1].background) == (0.5, 0.0, False, "colour")


async def test_pause_and_calibrate() -> None:
    trackers: list[FakeTracker] = []

    def make() -> FakeTracker:
        trackers.append(FakeTracker())
        return trackers[-1]

    async with serving(tracker=make) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera(200))
        await until_brightness(page, 200)
        await page.send(type="control", paused=True)
        await page.receive("state", phase="paused")
        await until_brightness(page, 0)
        await page.send(type="control", paused=False, calibrate=True)
        await until_brightness(page, 200)
        await page.wait_until(lambda: trackers[0].calibrated == 1, "the calibration")


async def test_a_transparent_background_doubles_the_height() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(3)
        assert page.avatar_rgb().shape == (128, 128, 3)
        await page.send(type="control", background="transparent")
        await page.wait_until(lambda: page.avatar_rgb().shape == (256, 128, 3), "alpha below the picture")
        assert abs(page.avatar_rgb()[140:].mean() - 128) < 8
        await page.send(type="control", background="original")
        await page.wait_until(lambda: page.avatar_rgb().shape == (128, 128, 3), "the plain picture again")


async def test_a_picture_is_uploaded_and_swapped_while_live() -> None:
    pipeline = FakePipeline(size=128, prepare_delay=0.5)
    async with serving(pipeline=pipeline) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        await until_colour(page, (200, 120, 40))
        async with httpx.AsyncClient(base_url=address) as http:
            query = {"session": ready["session"], "name": "my <b>cat</b>.png"}
            answer = await http.put("/api/picture", params=query, content=png((20, 200, 90)))
            assert (answer.status_code, answer.json()) == (202, {"stage": "preparing", "name": "my bcatb.png"})
            again = await http.put("/api/picture", params=query, content=png((20, 200, 90)))
            assert (again.status_code, again.json()["code"]) == (409, "busy")
            before = page.received
            status = await page.receive("picture-status", stage="ready")
            assert (status["width"], status["height"], status["name"]) == (128, 128, "my bcatb.png")
            assert page.received > before + 3  # frames came on meanwhile
            await until_colour(page, (20, 200, 90))


async def test_a_picture_chosen_before_the_start_is_there_at_the_start() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        async with httpx.AsyncClient(base_url=address) as http:
            await http.put("/api/picture", params={"session": ready["session"]}, content=png((20, 200, 90)))
        await page.receive("picture-status", stage="ready")
        await page.start(FakeCamera())
        await until_colour(page, (20, 200, 90))


async def test_a_session_that_breaks_is_told_and_the_others_go_on() -> None:
    trackers = iter([FakeTracker(), FakeTracker(fail_at=3)])
    async with (
        serving(tracker=lambda: next(trackers)) as (address, server),
        Page(socket_url(address)) as good,
        Page(socket_url(address)) as bad,
    ):
        await good.hello()
        await good.start(FakeCamera())
        await good.wait_for_frames(2)
        await bad.hello()
        await bad.start(FakeCamera())
        error = await bad.receive("error", code="session")
        assert error["fatal"]
        await asyncio.wait_for(bad.closed.wait(), MESSAGE_TIMEOUT_S)
        await good.wait_for_frames(10)
        assert server.engine.session_count == 1


async def test_a_viewer_sees_the_newest_session_and_takes_no_seat() -> None:
    async with (
        serving(Settings(max_sessions=1)) as (address, server),
        Page(socket_url(address)) as viewer,
        Page(socket_url(address)) as page,
    ):
        await viewer.hello(watch=True)
        await viewer.start()
        await page.hello()
        await page.start(FakeCamera(180))
        await until_brightness(viewer, 180)
        assert server.engine.session_count == 1
        await viewer.close()
        await settles(lambda: not server.engine._watchers)
        await page.wait_for_frames(3)


async def test_the_sound_comes_back_on_the_same_connection() -> None:
    class Tone(MediaStreamTrack):
        kind = "audio"

        def __init__(self) -> None:
            super().__init__()
            self._silence = AudioStreamTrack()

        async def recv(self) -> AudioFrame:
            frame = await self._silence.recv()
            wave = np.sin(2 * np.pi * 440 * (frame.pts + np.arange(frame.samples)) / 8000) * 12_000
            tone = AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 8000, frame.pts, frame.time_base
            return tone

    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera(), microphone=Tone())
        await page.wait_for_frames(3)

        def loudest() -> float:
            """Frequency of the last second."""
            spectrum = np.abs(np.fft.rfft(page.sound[-48_000:, 0].astype(float), 48_000))
            return float(spectrum.argmax()) if spectrum.max() > 1e7 else 0.0

        await page.wait_until(lambda: abs(loudest() - 440) < 8, "the tone")


async def test_the_server_says_goodbye() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await server.close()
        await page.receive("bye", reason="The server is shutting down; start it again to go on.")
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        assert server.engine.session_count == 0


async def test_bye_gives_the_seat_back() -> None:
    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        await page.send(type="bye")
        await asyncio.wait_for(page.closed.wait(), MESSAGE_TIMEOUT_S)
        await settles(lambda: server.engine.session_count == 0)
