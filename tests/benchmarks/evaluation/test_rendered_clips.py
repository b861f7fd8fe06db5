"""Landmarks of rendered clips."""

import numpy as np

from benchmarks.evaluation.rendered_clips import landmarks_in_pixels
from streamer.tracking.motion import Motion


def test_landmarks_in_pixels_scales_canvas_units():
    face = np.zeros((478, 3), np.float32)
    face[0] = 1, -1, 0.5
    assert landmarks_in_pixels(Motion(0.0, face), 256)[0].tolist() == [256, 0, 64]
    assert landmarks_in_pixels(Motion(0.0, face), 256)[1].tolist() == [128, 128, 0]
