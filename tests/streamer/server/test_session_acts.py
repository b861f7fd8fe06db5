"""Faces and gestures that a page asks for: they reach the pipeline, end as they should, and one's own are measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from aiortc import AudioStreamTrack
from av import AudioFrame
from numpy.typing import NDArray

from models.voice.mouth_shapes import SHAPE_NAMES
from streamer.frames import CameraFrame
from streamer.sources import mixer
from streamer.sources.act_player import MAX_OWN
from streamer.sources.acting import act_out
from streamer.sources.expression import Expression, weights
from streamer.sources.voice_motion import VoiceFrame
from streamer.sources.voice_source import VoiceSource
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion
from tests.support.fakes import FakeTracker
from tests.support.page import FakeCamera, Page, serving, socket_url
from tests.support.watching_pipeline import Watching


async def test_faces_and_gestures_reach_the_pipeline_and_end_with_the_page() -> None:
    pipeline = Watching(size=128)
    async with serving(pipeline=pipeline) as (address, _):
        async with Page(socket_url(address)) as page:
            await page.hello(resume="r" * 22)
            await page.send(type="act", name="smile")  # before there is an engine session
            await page.start(FakeCamera())
            await page.wait_until(lambda: pipeline.smile > 0.2, "a smile")
            await page.send(type="act", name="smile", on=False)
            await page.wait_until(lambda: pipeline.smile == 0, "its end")
            await page.send(type="act", name="wave")
            await page.wait_until(lambda: pipeline.is_waving, "a wave")
            await page.wait_until(lambda: not pipeline.is_waving, "its end")
            await page.send(type="act", name="own-1", weights={"mouthSmile_L": 1, "mouthSmile_R": 1})
            await page.wait_until(lambda: pipeline.smile > 0.2, "a face of one's own")
        async with Page(socket_url(address)) as page:
            assert (await page.hello(resume="r" * 22))["resumed"]
            await page.wait_until(lambda: pipeline.smile == 0, "its end with the page that began it")


async def test_more_faces_of_ones_own_than_can_be_shown_are_refused() -> None:
    async with serving() as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        for number in range(MAX_OWN + 1):
            await page.send(type="act", name=f"own-{number}", weights={"jawOpen": 0.1})
        error = await page.receive("error", code="protocol")
        assert error["message"] == f"More than {MAX_OWN} faces of your own are on: end one of them first."
        await page.send(type="act", name="own-0", on=False)
        await page.send(type="act", name="own-99", weights={"jawOpen": 0.1})
        await page.send(type="remember")
        await page.receive("error", code="not-seen")


async def test_remember_tells_the_face_that_the_driver_makes() -> None:
    class Grimacing(FakeTracker):
        def track(self, frame: CameraFrame) -> TrackedMotion:
            motion, _ = act_out(NEUTRAL, NEUTRAL, Expression(weights(jawOpen=0.6, browDown_L=0.8)))
            return replace(super().track(frame), motion=replace(motion, captured=frame.captured))

    async with serving(tracker=Grimacing) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera())
        await page.wait_for_frames(3)
        await page.send(type="act", name="surprise")  # does not count, since the driver does not make it
        await page.wait_for_frames(10)
        await page.send(type="remember")
        face = await page.receive("face")
        assert 0.45 < face["weights"]["jawOpen"] < 0.75 and 0.6 < face["weights"]["browDown_L"] <= 1
        assert "eyeWide_L" not in face["weights"]


class Speaker(AudioStreamTrack):
    """A microphone that hears a tone."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        wave = (9000 * np.sin(2 * np.pi * 300 * np.arange(frame.samples) / frame.sample_rate)).astype(np.int16)
        loud = AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        loud.sample_rate, loud.pts, loud.time_base = frame.sample_rate, frame.pts, frame.time_base
        return loud


class Smiler:
    """Stands in for the voice network: smiles at sound."""

    def feed(self, samples: NDArray[np.float32]) -> list[VoiceFrame]:
        said = np.zeros(len(SHAPE_NAMES), np.float32)
        if np.abs(samples).max(initial=0) > 0.1:
            said[[SHAPE_NAMES.index("mouthSmile_L"), SHAPE_NAMES.index("mouthSmile_R")]] = 1
        return [VoiceFrame(0.0, said, (0.0, 0.0, 0.0), 1.0)]


async def test_the_microphone_moves_the_mouth_by_the_share_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixer, "VoiceSource", partial(VoiceSource, make=Smiler))
    pipeline = Watching(size=128)
    async with serving(pipeline=pipeline) as (address, _), Page(socket_url(address)) as page:
        await page.hello()
        await page.start(FakeCamera(), Speaker())
        await page.wait_for_frames(10)
        assert pipeline.smile == 0, "a face is seen, and the voice has no share beside it"
        await page.send(type="control", voice=1)
        await page.wait_until(lambda: pipeline.smile > 0.2, "a mouth that the voice moves")
        await page.send(type="control", voice=0)
        await page.wait_until(lambda: pipeline.smile == 0, "the driver's own mouth")
        await page.send(type="control", voice=1, paused=True)
        await page.wait_for_frames(10)
        assert pipeline.smile == 0
