"""A voice's steps become frames 25 times a second, and at once where the lips move."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.geometry.topology import LEFT_EYE_OUTER, LOWER_LIP_INNER, RIGHT_EYE_OUTER
from streamer.engine.camera_silence import IDLE_FPS
from streamer.engine.voice_frames import IDLE_HELD_S, LIPS_MOVED, VoiceFrames, held, is_recent
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion
from streamer.tracking.tracker import TrackedMotion


def face(opening: float) -> NDArray[np.float32]:
    """With lips that part by `opening` distances of the eyes' outer corners."""
    landmarks = CANONICAL.copy()
    size = np.linalg.norm(landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER])
    landmarks[LOWER_LIP_INNER, 1] += opening * size
    return landmarks


def test_still_lips_have_the_usual_frames() -> None:
    frames = VoiceFrames()
    drawn = [step for step in range(100) if frames.take(face(0.1), step * 0.02)]
    assert len(drawn) == pytest.approx(2 * IDLE_FPS, abs=1)


@pytest.mark.parametrize("share, is_drawn", [(0.8, False), (1.2, True)])
def test_lips_that_move_much_are_drawn_at_once(share: float, is_drawn: bool) -> None:
    frames = VoiceFrames()
    assert frames.take(face(0.1), 0.0)
    assert frames.take(face(0.1 + share * LIPS_MOVED), 0.02) is is_drawn


def test_slow_movements_add_up() -> None:
    frames = VoiceFrames()
    assert frames.take(face(0.0), 0.0)
    drawn = [frames.take(face(0.4 * LIPS_MOVED * step), 0.005 * step) for step in range(1, 4)]
    assert drawn == [False, False, True]


def test_a_motion_without_a_face_is_drawn_by_time() -> None:
    frames = VoiceFrames()
    assert frames.take(None, 0.0) and not frames.take(None, 0.02) and frames.take(None, 0.04)


def test_an_idle_motion_is_drawn_once_more_at_its_new_time_until_it_is_old() -> None:
    idle = TrackedMotion(Motion(1.0, face(0.1), stages={"idle": 1.0}), Motion(1.0, face(0.0)))
    assert is_recent(idle, 0.9 + IDLE_HELD_S) and not is_recent(idle, 1.1 + IDLE_HELD_S)
    again = held(idle, 1.02)
    assert again.motion.captured == 1.02 and again.motion.face is idle.motion.face and not again.motion.stages
