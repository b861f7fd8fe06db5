from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from streamer.camera import ReceivedFrame
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.webrtc import tracks
from streamer.webrtc.tracks import AvatarTrack, pump_frames, to_video
from tests.support.page import FakeCamera


def test_to_video_keeps_colours() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:32], rgb[32:] = (220, 30, 90), (20, 200, 160)
    back = to_video(AvatarFrame(rgb, 0.0)).to_ndarray(format="rgb24")
    assert (
        np.abs(back[8:24].astype(int) - rgb[8:24]).max() < 8 and np.abs(back[40:56].astype(int) - rgb[40:56]).max() < 8
    )


def test_to_video_cuts_odd_sides() -> None:
    video = to_video(AvatarFrame(np.zeros((33, 65, 3), np.uint8), 0.0))
    assert (video.width, video.height) == (64, 32)


def test_to_video_puts_alpha_below_the_colours() -> None:
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    video = to_video(AvatarFrame(np.full((32, 64, 3), 200, np.uint8), 0.0, alpha))
    assert (video.width, video.height) == (64, 64)
    back = video.to_ndarray(format="rgb24").astype(int)
    assert np.abs(back[:32] - 200).max() < 6 and np.abs(back[32:] - alpha[..., None]).max() < 6


def test_to_video_draws_a_key_colour_in_place_of_transparency() -> None:
    rgb, alpha = np.full((32, 32, 3), 60, np.uint8), np.zeros((32, 32), np.uint8)
    rgb[:, 16:], alpha[:, :16] = 0, 255
    video = to_video(AvatarFrame(rgb, 0.0, alpha), key=(0, 255, 0))
    back = video.to_ndarray(format="rgb24").astype(int)
    assert back.shape == (32, 32, 3)
    assert np.abs(back[:, :14] - 60).max() < 8 and np.abs(back[:, 18:] - (0, 255, 0)).max() < 8


async def test_avatar_track_sends_the_newest_frame_with_the_time_of_sending() -> None:
    now = 10.0
    inbox: Mailbox[AvatarFrame] = Mailbox()
    track = AvatarTrack(inbox, clock=lambda: now)
    for brightness in (10, 250):
        inbox.put(AvatarFrame(np.full((32, 32, 3), brightness, np.uint8), 9.0))
    now = 10.5
    video = await track.recv()
    assert video.pts == 45_000 and video.to_ndarray(format="rgb24").mean() > 240
    inbox.put(AvatarFrame(np.zeros((32, 32, 3), np.uint8), 9.0))
    assert (await track.recv()).pts == 45_001  # timestamps increase even if the clock does not


@pytest.mark.parametrize("ends", ["mailbox", "track"])
async def test_avatar_track_and_its_mailbox_end_together(ends: str) -> None:
    inbox: Mailbox[AvatarFrame] = Mailbox()
    track = AvatarTrack(inbox)
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    inbox.close() if ends == "mailbox" else track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    assert inbox.closed and track.readyState == "ended"
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_pump_frames_keeps_only_the_newest_and_ends_with_the_track() -> None:
    camera: Mailbox[ReceivedFrame] = Mailbox()
    track = FakeCamera()
    calls: list[int] = []

    class Burst(FakeCamera):
        async def recv(self) -> VideoFrame:
            if len(calls) == 5:
                self.stop()
                raise MediaStreamError
            return await track.recv()

    await pump_frames(Burst(), camera, lambda: calls.append(1), lambda width, height: None)
    assert len(calls) == camera.puts == 5 and camera.drops == 4 and len(camera) == 1


async def test_pump_frames_drops_frames_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "MAX_SIDE", 100)
    frames = iter([to_video(AvatarFrame(np.zeros((side, 100, 3), np.uint8), 0.0)) for side in (102, 100)])

    class Camera(FakeCamera):
        async def recv(self) -> VideoFrame:
            for frame in frames:
                return frame
            raise MediaStreamError

    camera: Mailbox[ReceivedFrame] = Mailbox()
    dropped: list[tuple[int, int]] = []
    await pump_frames(Camera(), camera, lambda: None, lambda width, height: dropped.append((width, height)))
    assert dropped == [(100, 102)] and camera.puts == 1
