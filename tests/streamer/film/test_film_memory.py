"""The parts of a film keep nothing of its frames, neither in Python nor in FFmpeg, MediaPipe, OpenCV, numba and torch.

What a film itself holds back is counted in test_film_maker.py, with fakes in place of these parts.
"""

import gc
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from streamer.files.sound import Sound
from streamer.files.video_reader import VideoReader
from streamer.files.video_writer import open_recording
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.generation.stream import FrameRequest
from streamer.rigging.picture import load_picture
from streamer.tracking.drivers import Drivers
from tests.support.allocations import allocated_bytes, can_count
from tests.support.clips import AVATAR, DRIVER, grey_frames, make_video
from tests.support.people import person

# For a frame. Pictures of these tests have 18 kB at least, a motion 28; MediaPipe's named tuples kept 5 in each of its
# models, and decoded frames that referred to themselves 300. What is left is MediaPipe's own, .2 in each of its models,
# and the index of an MP4, .1.
MAX_GROWTH = 3000  # bytes
MAX_GARBAGE = 3  # objects that refer to themselves; one of MediaPipe's classes had some 30


def reading(stack: ExitStack, folder: Path) -> Callable[[], object]:
    count = 400
    clip = make_video(
        folder / "a.mp4", [*grey_frames(height=96, width=96)] * (count // 8), [40 * i for i in range(count)]
    )
    frames = iter(stack.enter_context(VideoReader(clip)))
    return lambda: next(frames)


def tracking(stack: ExitStack, folder: Path) -> Callable[[], object]:
    """Face, body and hands of a person who talks."""
    with VideoReader(DRIVER) as reader:
        there = [np.ascontiguousarray(frame.rgb[::2, ::2]) for frame, _ in zip(reader, range(20), strict=False)]
    drivers = stack.enter_context(Drivers(smooth=False, live=False))
    frames = (CameraFrame(rgb, index / 25, index) for index, rgb in enumerate(cycle([*there, *there[-2:0:-1]])))
    return lambda: drivers.process(next(frames))


def drawing(stack: ExitStack, folder: Path) -> Callable[[], object]:
    pipeline = make_pipeline("geometry", size=128)
    stream = pipeline.open(pipeline.prepare(load_picture(AVATAR)))
    stack.callback(pipeline.close, stream)
    motions = cycle([person(index / 25, mouth=0.1 * (index % 3)) for index in range(6)])
    neutral = person(0.0)
    return lambda: pipeline.draw([FrameRequest(stream, next(motions), neutral, Controls())])


def writing(stack: ExitStack, folder: Path) -> Callable[[], object]:
    source = make_video(folder / "a.mp4", grey_frames(), sound="aac", seconds=20)
    sound = stack.enter_context(Sound(source))
    out = stack.enter_context(open_recording(folder / "b.mp4", Fraction(25), sound=sound))
    frames = (AvatarFrame(rgb, index / 25) for index, rgb in enumerate(cycle(grey_frames(height=80, width=80))))
    return lambda: out.write(next(frames))


@pytest.mark.skipif(not can_count(), reason="the C library does not count")
@pytest.mark.parametrize(
    ("part", "warm", "frames"), [(reading, 40, 300), (tracking, 30, 30), (drawing, 6, 12), (writing, 100, 300)]
)
def test_part_of_a_film_keeps_nothing_of_its_frames(part, warm, frames, tmp_path):
    """Nothing is collected meanwhile: what refers to itself counts as kept, as it is until a collection, which may come
    a long time later. warm: frames until all buffers are filled.
    """
    with ExitStack() as stack:
        step = part(stack, tmp_path)
        for _ in range(warm):
            step()
        gc.collect()
        gc.disable()
        stack.callback(gc.enable)
        before = allocated_bytes()
        for _ in range(frames):
            step()
        growth, garbage = (allocated_bytes() - before) / frames, gc.collect() / frames
        assert growth < MAX_GROWTH
        assert garbage < MAX_GARBAGE
