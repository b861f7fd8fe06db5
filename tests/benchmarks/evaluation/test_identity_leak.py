"""The leak probe on painters who do, and who do not, give the character its driver's face."""

import numpy as np
import pytest

from benchmarks.evaluation.identity_leak import probe
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion

SIDE = 96
FACES = [CANONICAL * np.array([wide, 1, 1], np.float32) for wide in (0.9, 1.0, 1.1)]
CHIN = [152, 377, 148, 176, 400]


def drive(face, motion):
    """A neutral and five frames: the head sinks, or the chin does."""
    clip = [Motion.still(face)]
    for t in range(1, 6):
        now = face.copy()
        now[CHIN if motion else slice(None), 1] += 0.1 * t
        clip.append(Motion.still(now))
    return clip


DRIVES = [[drive(face, motion) for motion in (0, 1)] for face in FACES]


class Painter:
    """Draws dots at the landmarks: of the driver as it is, or of its own face with the driver's change."""

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

    def read(self, frames):
        return [self.faces[id(frame)][1] for frame in frames]


def test_a_leaking_painter_rings():
    painter = Painter(leaks=True)
    got = probe(painter.draw, painter.read, DRIVES)
    assert got["leak"] > 0.3
    assert got["shape_corr"] > 0.95 and got["shape_gain"] == pytest.approx(1, abs=0.1)


def test_an_honest_painter_does_not():
    painter = Painter(leaks=False)
    got = probe(painter.draw, painter.read, DRIVES)
    assert got["leak"] == 0 and got["same_l1"] == 0 and got["other_l1"] > 0
    assert got["shape_corr"] == pytest.approx(0, abs=1e-6) and got["shape_gain"] == pytest.approx(0, abs=1e-6)


def test_faces_that_are_not_found_leave_the_shape_open():
    painter = Painter(leaks=True)
    got = probe(painter.draw, lambda frames: [None] * len(frames), DRIVES)
    assert got["leak"] > 0.3 and np.isnan(got["shape_corr"]) and np.isnan(got["shape_gain"])
