"""Faces and gestures: within what faces can do, from rest to rest, and each to its own side."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.sources.acts import FACE_NAMES, GESTURE_NAMES, GESTURES, FaceName, GestureName, face
from streamer.sources.expression import bounds


@pytest.mark.parametrize("name", FACE_NAMES)
def test_faces_are_within_bounds_at_all_times(name: FaceName) -> None:
    for seconds in np.linspace(0, 2, 41):
        shown = face(name, float(seconds))
        assert (np.abs(shown.weights) <= bounds()).all() and max(shown.weights.max(), shown.extras.max()) > 0.3
        assert shown.extras.min() >= 0 and shown.extras.max() <= 1
        assert shown.kept.min() >= 0 and np.abs(shown.turn).max() < 0.2


@pytest.mark.parametrize("name", GESTURE_NAMES)
def test_gestures_begin_and_end_at_rest_and_never_jump(name: GestureName) -> None:
    shares = np.linspace(0, 1, 121)
    steps = [GESTURES[name].at(float(share)) for share in shares]
    for end in (steps[0], steps[-1]):
        assert np.abs(end.turn).max() < 1e-6 and end.raised.max() < 1e-6 and np.abs(end.weights).max() < 1e-6
    turns = np.array([step.turn for step in steps])
    assert np.abs(np.diff(turns, axis=0)).max() < 0.035
    assert max(np.abs(turns).max(), *(step.raised.max() for step in steps)) > 0.15


def test_sides_are_mirror_images() -> None:
    left, right = face("wink-left", 0), face("wink-right", 0)
    assert left.weights[INDEX["eyeBlink_L"]] == right.weights[INDEX["eyeBlink_R"]] == 1
    assert left.weights[INDEX["eyeBlink_R"]] == 0 and left.turn[2] == -right.turn[2]


def test_only_a_laugh_moves_while_it_is_held() -> None:
    moving = [name for name in FACE_NAMES if np.abs(face(name, 0.05).weights - face(name, 0.16).weights).max() > 0]
    assert moving == ["laugh"]
