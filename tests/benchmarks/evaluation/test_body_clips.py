"""Reading the beginnings of clips of bodies."""

from fractions import Fraction

import numpy as np

from benchmarks.evaluation.body_clips import MAX_RATE, MAX_SIDE, resampled, shrunk
from streamer.frames import CameraFrame


def frames_at(rate, count):
    picture = np.zeros((4, 4, 3), np.uint8)
    return [CameraFrame(picture, i / rate, i) for i in range(count)]


def test_a_slower_clip_keeps_every_frame():
    for rate in (10, 20, 24):
        assert [frame.index for frame in resampled(frames_at(rate, 50), MAX_RATE)] == list(range(50))


def test_a_faster_clip_loses_frames_evenly_and_keeps_their_times():
    kept = list(resampled(frames_at(30, 60), Fraction(24)))
    assert len(kept) == 48 and kept[0].index == 0
    assert max(np.diff([frame.index for frame in kept])) == 2
    assert kept[-1].captured == kept[-1].index / 30
    assert len(list(resampled(frames_at(25, 50), Fraction(24)))) == 48


def test_frames_are_shrunk_by_their_longer_side_and_never_enlarged():
    wide = shrunk(CameraFrame(np.zeros((720, 1280, 3), np.uint8), 0.5, 3))
    assert wide.rgb.shape == (360, MAX_SIDE, 3) and (wide.captured, wide.index) == (0.5, 3)
    small = CameraFrame(np.zeros((300, 200, 3), np.uint8), 0.0, 0)
    assert shrunk(small) is small
