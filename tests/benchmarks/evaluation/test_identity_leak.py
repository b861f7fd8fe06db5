"""The figures of identity leak for a generator that draws the driver's face, and one that does not."""

import numpy as np
import pytest

from benchmarks.evaluation.identity_leak import leak_figures
from models.geometry.topology import CHIN
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion

SIDE = 96
FACES = [CANONICAL * np.array([wide, 1, 1], np.float32) for wide in (0.9, 1.0, 1.1)]
CHIN_LANDMARKS = [CHIN, 377, 148, 176, 400]


def drive(face, motion):
    """A neutral and five frames in which the head moves down, or the chin alone."""
    clip = [Motion.still(face)]
    for t in range(1, 6):
        now = face.copy()
        now[CHIN_LANDMARKS if motion else slice(None), 1] += 0.1 * t
        clip.append(Motion.still(now))
    return clip


DRIVES = [[drive(face, motion) for motion in (0, 1)] for face in FACES]


class DotGenerator:
    """Draws dots at landmarks: at those of the driver, or at those of its own face moved as the driver's are."""

    def __init__(self, leaks):
        self.leaks, self.faces = leaks, {}

    def draw(self, clip):
        frames = []
        for motion in clip:
            own = CANONICAL + motion.face - clip[0].face
            face = motion.face if self.leaks else own
            frame = np.zeros((SIDE, SIDE, 3), np.uint8)
            x, y = (face[:, :2] * 20 + SIDE / 2).round().astype(int).clip(0, SIDE - 1).T
            frame[y, x] = 255
            self.faces[id(frame)] = frame, face
            frames.append(frame)
        return frames

    def find_faces(self, frames):
        return [self.faces[id(frame)][1] for frame in frames]


def test_a_leaking_generator_is_detected():
    generator = DotGenerator(leaks=True)
    got = leak_figures(generator.draw, generator.find_faces, DRIVES)
    assert got["leak"] > 0.3
    assert got["shape_corr"] > 0.95 and got["shape_gain"] == pytest.approx(1, abs=0.1)


def test_a_generator_without_leak_has_none():
    generator = DotGenerator(leaks=False)
    got = leak_figures(generator.draw, generator.find_faces, DRIVES)
    assert got["leak"] == 0 and got["same_l1"] == 0 and got["other_l1"] > 0
    assert got["shape_corr"] == pytest.approx(0, abs=1e-6) and got["shape_gain"] == pytest.approx(0, abs=1e-6)


def test_shape_figures_are_undefined_without_faces():
    generator = DotGenerator(leaks=True)
    got = leak_figures(generator.draw, lambda frames: [None] * len(frames), DRIVES)
    assert got["leak"] > 0.3 and np.isnan(got["shape_corr"]) and np.isnan(got["shape_gain"])
