"""Faces that are too small for the detector are found on a crop around the body's head."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry.body import HEAD_JOINTS
from models.geometry.topology import (
    CHIN,
    FOREHEAD,
    LEFT_EYE_OUTER,
    LEFT_FACE_EDGE,
    LEFT_MOUTH_CORNER,
    MESH,
    NOSE_TIP,
    RIGHT_EYE_OUTER,
    RIGHT_FACE_EDGE,
    RIGHT_MOUTH_CORNER,
)
from streamer.files.video_reader import VideoReader
from streamer.frames import CameraFrame
from streamer.tracking.face_tracker import FaceTracker
from streamer.tracking.motion import VISIBILITY
from streamer.tracking.motion_extractor import MotionExtractor
from tests.support.clips import DRIVER

WIDTH, HEIGHT, SMALL = 960, 720, 110  # pixels
# Eleven landmarks all over the face, in place of the head's joints:
HEAD_LANDMARKS = [NOSE_TIP, RIGHT_EYE_OUTER, LEFT_EYE_OUTER, RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER, RIGHT_FACE_EDGE,
                  LEFT_FACE_EDGE, FOREHEAD, CHIN, 4, 5]  # fmt: skip


@pytest.fixture(scope="module")
def person():
    """The first picture of the repository's clip, RGB."""
    with VideoReader(Path(DRIVER)) as reader:
        return next(iter(reader)).rgb


def scene(person, left, top, side=SMALL):
    """The person, `side` pixels large, on a wide grey background."""
    rgb = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    rgb[top : top + side, left : left + side] = cv2.resize(person, (side, side), interpolation=cv2.INTER_AREA)
    return rgb


def joints(person_face, left, top, side=SMALL):
    """A body whose head joints lie on the face of the person in `scene`; camera units."""
    points = (person_face[HEAD_LANDMARKS, :2] + 1) / 2 * side + [left, top]
    body = np.zeros((33, 4), np.float32)
    body[HEAD_JOINTS, :2] = (points * 2 - [WIDTH, HEIGHT]) / WIDTH
    body[HEAD_JOINTS, VISIBILITY] = 1
    return body


@pytest.fixture(scope="module")
def near(person):
    with MotionExtractor(body=False, smooth=False) as extractor:
        return extractor.process(CameraFrame(person, 0.0, 0)).face


@pytest.fixture
def tracker():
    tracker = FaceTracker()
    yield tracker
    tracker.close()


def expected(near, left, top, side=SMALL):
    """The landmarks of the near face in the scene, camera units."""
    pixels = (near[:, :2] + 1) / 2 * side + [left, top]
    return (pixels * 2 - [WIDTH, HEIGHT]) / WIDTH


def test_face_tracker_finds_a_small_face_at_the_head_of_the_body(tracker, person, near):
    rgb = scene(person, 700, 60)
    assert tracker.track(rgb, None) is None  # too small for the detector alone
    face = tracker.track(rgb, joints(near, 700, 60))
    np.testing.assert_allclose(face[:MESH, :2], expected(near, 700, 60)[:MESH], atol=0.008)


def test_face_tracker_moves_its_crop_with_a_small_face(tracker, person, near):
    lost = 0
    for i in range(40):
        left = 700 - 12 * i
        face = tracker.track(scene(person, left, 60), joints(near, left, 60) if i == 0 else None)
        lost += face is None
    assert lost <= 4  # moving the crop may cost a frame
    np.testing.assert_allclose(face[:MESH, :2], expected(near, left, 60)[:MESH], atol=0.012)


def test_face_tracker_returns_to_the_whole_picture_for_a_face_that_comes_near(tracker, person, near):
    tracker.track(scene(person, 300, 60), joints(near, 300, 60))
    found = [tracker.track(scene(person, 300 - i, 60, SMALL + 10 * i), None) is not None for i in range(50)]
    assert np.mean(found) > 0.85 and all(found[-5:])


def test_face_tracker_makes_no_crop_for_a_body_without_a_visible_head(tracker, person, near):
    body = joints(near, 700, 60)
    body[HEAD_JOINTS, VISIBILITY] = 0.1
    assert tracker.track(scene(person, 700, 60), body) is None
