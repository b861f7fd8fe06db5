"""Drift, loops and flicker on clips whose answer is known."""

import numpy as np
import pytest

from benchmarks.evaluation.stability import come_back, drift, file_codec, flicker, live_codec, loop_return
from training.render.scene.motion_tracks import Track


def grey(*levels):
    return [np.full((64, 64, 3), level, np.uint8) for level in levels]


def test_a_decay_is_a_negative_drift():
    truth = grey(100, 120, 140)
    worse, better = grey(104, 124, 144), grey(102, 118, 142)
    got = drift(truth, better, worse)
    assert got["first_db"] == pytest.approx(10 * np.log10(255**2 / 4))
    assert got["drift_db"] == pytest.approx(-20 * np.log10(2))
    assert drift(truth, worse, worse)["drift_db"] == 0


def test_a_loop_that_does_not_close_says_by_how_much():
    assert loop_return(grey(50, 60, 80, 53)) == {"return_l1": 3.0, "farthest_l1": 30.0}
    assert loop_return(grey(50, 60, 50))["return_l1"] == 0


def test_flicker_is_what_changes_from_frame_to_frame():
    assert flicker(grey(9, 200, 50, 52, 50, 52), settle=2) == 2
    assert flicker(grey(*[50] * 8)) == 0


def test_a_still_picture_through_the_codecs_stays_nearly_still():
    random = np.random.default_rng(0)
    still = random.integers(0, 256, (64, 64, 3), np.uint8)
    for codec in (file_codec, live_codec):
        frames = codec(still, 12)
        assert len(frames) == 12 and frames[0].shape == still.shape
        assert 0 <= flicker(frames) < 20


def test_a_track_ends_as_it_began():
    random = np.random.default_rng(1)
    shapes = {"expression": 57, "gaze": 2, "head": 3, "translation": 3, "lean": 3, "shrug": 2}
    track = Track(**{name: random.normal(0, 1, (60, n)).astype(np.float32) for name, n in shapes.items()})
    got = come_back(track, window=20, ease=9)
    assert (got.head[-20:] == track.head[:20]).all() and (got.head[:31] == track.head[:31]).all()
    assert np.abs(got.head[39] - track.head[0]).max() < np.abs(got.head[31] - track.head[0]).max()
