"""Changes to the motion of rendered characters."""

import numpy as np

from benchmarks.evaluation.track_edits import end_as_begun, subsample_from_rest
from training.render.scene.motion_tracks import Track


def test_subsample_from_rest_interpolates_from_rest():
    shapes = {"expression": 57, "gaze": 2, "head": 3, "translation": 3, "lean": 3, "shrug": 2}
    track = Track(**{name: np.arange(6)[:, None] + np.ones((6, n), np.float32) for name, n in shapes.items()})
    got = subsample_from_rest(track, 2, np.array([0.0, 0.5, 1.0]))
    assert len(got) == 3 and got.head[:, 0].tolist() == [0, 1.5, 5]


def test_end_as_begun_repeats_the_first_frames():
    random = np.random.default_rng(1)
    shapes = {"expression": 57, "gaze": 2, "head": 3, "translation": 3, "lean": 3, "shrug": 2}
    track = Track(**{name: random.normal(0, 1, (60, n)).astype(np.float32) for name, n in shapes.items()})
    got = end_as_begun(track, window=20, ease=9)
    assert (got.head[-20:] == track.head[:20]).all() and (got.head[:31] == track.head[:31]).all()
    assert np.abs(got.head[39] - track.head[0]).max() < np.abs(got.head[31] - track.head[0]).max()
