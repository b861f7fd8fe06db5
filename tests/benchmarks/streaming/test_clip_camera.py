"""The clip camera: every frame numbered and on time, the clip played forwards and backwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from benchmarks.streaming import barcode
from benchmarks.streaming.clip_camera import ClipCamera, load_clip
from benchmarks.streaming.webrtc_client import luma
from streamer.files.video_reader import VideoError
from streamer.runtime import pacing

ROOT = Path(__file__).resolve().parents[3]


async def test_camera_numbers_its_frames_and_plays_forwards_and_backwards() -> None:
    shades = [np.full((240, 320, 3), shade, np.uint8) for shade in (0, 100, 200)]
    camera = ClipCamera(shades, fps=200.0)
    frames = [await camera.recv() for _ in range(9)]
    numbers = [barcode.read(frame.to_ndarray(format="rgb24")) for frame in frames]
    assert numbers[0] == 0
    assert numbers == sorted(set(numbers))  # late frames skip numbers and never repeat one
    assert list(camera.sent_at) == numbers
    assert list(camera.sent_at.values()) == sorted(camera.sent_at.values())
    for frame, number in zip(frames, numbers, strict=True):
        assert frame.to_ndarray(format="rgb24")[100, 100, 0] == (0, 100, 200, 100)[number % 4]
        assert frame.pts == number * 450
    camera.stop()
    with pytest.raises(MediaStreamError):
        await camera.recv()
    assert not shades[0].any()  # the code is drawn on a copy


async def test_tick_of_a_number_is_the_last_one_sent() -> None:
    camera = ClipCamera([np.full((240, 320, 3), 50, np.uint8)] * 3, fps=500.0)
    assert camera.period == 4
    camera._pace = pacing.Pace(0.0, 1 / 500.0, tick=barcode.NUMBERS + 10)  # just over 36 minutes at 30 a second
    assert camera.tick_of(9) == barcode.NUMBERS + 9
    assert camera.tick_of(10) == 10  # the second tick with this number is not sent yet
    assert camera.tick_of(barcode.NUMBERS - 1) == barcode.NUMBERS - 1


async def test_camera_repeats_a_single_picture() -> None:
    camera = ClipCamera([np.full((240, 320, 3), 50, np.uint8)], fps=500.0)
    for _ in range(3):
        assert (await camera.recv()).to_ndarray(format="rgb24")[100, 100, 0] == 50


async def test_luma_plane_is_enough_to_read_the_code() -> None:
    camera = ClipCamera([np.full((242, 322, 3), 50, np.uint8)], fps=500.0)  # rows that the codec pads
    frame = (await camera.recv()).reformat(format="yuv420p")
    assert luma(frame).shape == (242, 322)
    assert barcode.read(luma(frame)) == 0


def test_load_clip_fits_frames_into_the_camera_size() -> None:
    clip = load_clip(ROOT / "assets" / "driver.mp4", 640, 480)
    assert len(clip) > 50
    assert clip[0].shape == (480, 640, 3)
    assert not clip[0][:, :80].any()  # a square clip stands between black bars
    assert clip[0][:, 80:560].any()


def test_load_clip_raises_for_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught:
        load_clip(tmp_path / "none.mp4", 640, 480)
    assert str(caught.value) == f"There is no video at {tmp_path / 'none.mp4'}: check the path."
