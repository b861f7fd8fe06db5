"""Whole sessions over a real WebSocket and real WebRTC in one process; only tracking and drawing are fakes."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import AudioStreamTrack
from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from streamer.frames import CameraFrame
from streamer.server import session as session_module
from streamer.settings import Settings
from streamer.tracking.tracker import TrackedMotion
from tests.support.drivers import rotation_of
from tests.support.fakes import FakePipeline, FakeTracker
from tests.support.page import MESSAGE_TIMEOUT_S, FakeCamera, Page, serving, socket_url
from tests.support.server_checks import png, wait_for_brightness, wait_for_colour, wait_until_settled

FIXTURE = json.loads((Path(__file__).parents[2] / "fixtures" / "protocol.json").read_text())


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_avatar_follows_the_camera(codec: str) -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        assert ready["video"] == {"width": 128, "height": 128, "fps": 30.0}
        camera = FakeCamera(brightness=200)
        await page.start(camera, codec=codec)
        await wait_for_brightness(page, 200)
        await wait_for_colour(page, (200, 120, 40))
        camera.brightness = 60
        await wait_for_brightness(page, 60)
        stats = await page.receive("stats", 2)
        assert stats["fps"]["out"] > 0 and stats["sessions"] == 1 and 200 < stats["bitrate_kbps"] <= 3000
        assert {"decode", "track", "draw", "encode"} <= stats["stage_ms"].keys()
        assert stats["latency_ms"]["p99"] >= stats["latency_ms"]["p95"] >= stats["latency_ms"]["p50"] > 0
        assert stats["queue_age_ms"].keys() == {"p50", "p95", "p99"} and "queue age" not in stats["stage_ms"]
        assert stats["spread"]["fps"]["max"] > 0 and 10 < stats["memory_mb"]["rss"] < 100_000
        await page.receive("state", phase="live")


@pytest.mark.parametrize(("setting", "sent"), [("h264", "H264"), ("vp8", "VP8")])
async def test_codec_setting_overrides_the_order_of_the_offer(setting: str, sent: str) -> None:
    async with serving(Settings(codec=setting)) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        answer = (await page.receive("answer"))["sdp"]
        assert sent in next(line for line in answer.splitlines() if line.startswith("a=rtpmap"))
        await page.wait_for_frames(5)


@pytest.mark.parametrize("share", [0.05])
async def test_stream_survives_packet_loss_in_both_directions(share: float) -> None:
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
        for connection in (page.peer, session._connection.peer._connection):  # type: ignore[union-attr]
            transport = connection.getTransceivers()[0].sender.transport.transport  # type: ignore[union-attr]
            transport._send = lossy(transport._send)
        for brightness in (180, 40, 230):
            camera.brightness = brightness
            await wait_for_brightness(page, brightness)
        await page.wait_for_frames(60)


async def test_unplugged_camera_stalls_and_resumes() -> None:
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
            "No picture comes from the camera: check that it is plugged in and that no other program holds it."
        )
        await page.wait_for_frames(20)  # the avatar idles
        sender.replaceTrack(FakeCamera(brightness=240))
        await wait_for_brightness(page, 240)


async def test_page_gets_a_sentence_while_the_tracker_does_not_answer() -> None:
    class Hung(FakeTracker):
        def track(self, frame: CameraFrame) -> TrackedMotion:
            return replace(super().track(frame), phase="stalled", responding=False)

    async with serving(tracker=Hung) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        state = await page.receive("state", phase="stalled")
        assert state["message"] == (
            "Tracking on the server does not answer; it is started anew by itself within a few seconds."
        )
        await page.wait_for_frames(5)


async def test_session_whose_reports_break_off_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError

    async with serving() as (address, server), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(2)
        monkeypatch.setattr(session_module, "state_message", broken)
        assert (await page.receive("error", code="session"))["fatal"]
        await wait_until_settled(lambda: server.engine.session_count == 0)


async def test_controls_reach_the_pipeline() -> None:
    seen: list[Any] = []

    class Watching(FakePipeline):
        def draw(self, requests: Any) -> Any:
            seen.extend(request.controls for request in requests)
            return super().draw(requests)

    async with serving(pipeline=Watching(size=128)) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        assert ready["controls"].keys() == FIXTURE["server"][0]["controls"].keys()
        await page.send(type="control", head=0.5, mirror=False)  # before there is an engine session
        await page.start(FakeCamera())
        await page.wait_until(
            lambda: bool(seen) and seen[-1].head == 0.5 and not seen[-1].mirror, "the change before the offer"
        )
        await page.send(type="control", body=0, teeth=False, background="colour", colour="#ff8000")
        await page.wait_until(lambda: seen[-1].colour == (255, 128, 0), "the change while live")
        assert (seen[-1].head, seen[-1].body, seen[-1].teeth, seen[-1].background) == (0.5, 0.0, False, "colour")


async def test_straighten_measures_the_turns_and_tells_the_page() -> None:
    class Aside(FakeTracker):
        """Sees a driver who is turned by 15 degrees to the right of the picture."""

        def track(self, frame: CameraFrame) -> TrackedMotion:
            tracked = super().track(frame)
            assert tracked.neutral.face is not None
            turned = tracked.neutral.face @ rotation_of(math.radians(-15))[0].numpy().T
            return replace(tracked, motion=replace(tracked.motion, face=turned.astype(np.float32)))

    seen: list[Any] = []

    class Watching(FakePipeline):
        def draw(self, requests: Any) -> Any:
            seen.extend(request.controls for request in requests)
            return super().draw(requests)

    async with serving(tracker=Aside, pipeline=Watching(size=128)) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.send(type="control", straighten=True)
        error = await page.receive("error", code="not-seen")
        assert error["message"] == "No face is seen now: go live, look at the camera and try again."
        await page.start(FakeCamera())
        await page.wait_for_frames(3)
        await page.send(type="control", straighten=True)
        changed = await page.receive("controls")
        assert changed["controls"] == {"yaw": 15.0, "pitch": 0.0, "roll": 0.0, "gaze_x": 0.0, "gaze_y": 0.0}
        await page.wait_until(lambda: seen[-1].yaw == 15, "the turn in the picture")


async def test_pause_idles_the_avatar_and_calibrate_reaches_the_tracker() -> None:
    trackers: list[FakeTracker] = []

    def make() -> FakeTracker:
        trackers.append(FakeTracker())
        return trackers[-1]

    async with serving(tracker=make) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera(200))
        await wait_for_brightness(page, 200)
        await page.send(type="control", paused=True)
        await page.receive("state", phase="paused")
        await wait_for_brightness(page, 0)
        await page.send(type="control", paused=False, calibrate=True)
        await wait_for_brightness(page, 200)
        await page.wait_until(lambda: trackers[0].calibrated == 1, "the calibration")


async def test_transparent_background_doubles_the_height() -> None:
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


async def test_uploaded_picture_is_used_while_live() -> None:
    pipeline = FakePipeline(size=128, prepare_delay=0.5)
    async with serving(pipeline=pipeline) as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        await page.start(FakeCamera())
        await wait_for_colour(page, (200, 120, 40))
        async with httpx.AsyncClient(base_url=address, timeout=MESSAGE_TIMEOUT_S) as http:
            query = {"session": ready["session"], "name": "my <b>cat</b>.png"}
            answer = await http.put("/api/picture", params=query, content=png((20, 200, 90)))
            assert (answer.status_code, answer.json()) == (202, {"stage": "preparing", "name": "my bcatb.png"})
            again = await http.put("/api/picture", params=query, content=png((20, 200, 90)))
            assert (again.status_code, again.json()["code"]) == (409, "busy")
            before = page.received
            status = await page.receive("picture-status", stage="ready")
            assert (status["width"], status["height"], status["name"]) == (128, 128, "my bcatb.png")
            assert page.received > before + 3  # frames came on meanwhile
            await wait_for_colour(page, (20, 200, 90))


async def test_picture_uploaded_before_the_offer_is_used_from_the_first_frame() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        ready = await page.hello()
        async with httpx.AsyncClient(base_url=address, timeout=MESSAGE_TIMEOUT_S) as http:
            await http.put("/api/picture", params={"session": ready["session"]}, content=png((20, 200, 90)))
        await page.receive("picture-status", stage="ready")
        await page.start(FakeCamera())
        await wait_for_colour(page, (20, 200, 90))


async def test_viewer_gets_the_newest_session_and_takes_no_engine_session() -> None:
    async with (
        serving(Settings(max_sessions=1)) as (address, server),
        Page(socket_url(address)) as viewer,
        Page(socket_url(address)) as page,
    ):
        await viewer.hello(watch=True)
        await viewer.start()
        await page.hello()
        await page.start(FakeCamera(180))
        await wait_for_brightness(viewer, 180)
        assert server.engine.session_count == 1
        await viewer.close()
        await wait_until_settled(lambda: not server.engine.watchers)
        await page.wait_for_frames(3)


async def test_microphone_is_sent_back_on_the_same_connection() -> None:
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


async def test_camera_may_change_its_size_while_it_is_live() -> None:
    camera = FakeCamera()
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(camera)
        for brightness, size in [(40, (640, 480)), (90, (480, 640)), (140, (320, 240)), (190, (1920, 1080))]:
            camera.brightness, camera.size = brightness, size
            await wait_for_brightness(page, brightness)
