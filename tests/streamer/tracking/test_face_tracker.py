"""Faces too small for the detector, found through a window around the body's head."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.files.video_reader import VideoReader
from streamer.frames import CameraFrame
from streamer.tracking.face_tracker import FaceTracker
from streamer.tracking.motion_extractor import MotionExtractor
from tests.support.clips import DRIVER

WIDTH, HEIGHT, SMALL = 960, 720, 110


@pytest.fixture(scope="module")
def person():
    """The first picture of the repository's clip, RGB."""
    with VideoReader(Path(DRIVER)) as reader:
        return next(iter(reader)).rgb


def scene(person, left, top, side=SMALL):
    """The person, `side` pixels large, in a wide grey room."""
    rgb = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    rgb[top : top + side, left : left + side] = cv2.resize(person, (side, side), interpolation=cv2.INTER_AREA)
    return rgb


def joints(person_face, left, top, side=SMALL):
    """A body whose head joints lie on the face of the person in `scene`; camera units."""
    points = (person_face[[1, 33, 263, 61, 291, 234, 454, 10, 152, 4, 5], :2] + 1) / 2 * side + [left, top]
    body = np.zeros((33, 4), np.float32)
    body[:11, :2] = (points * 2 - [WIDTH, HEIGHT]) / WIDTH
    body[:11, 3] = 1
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
    """Where the landmarks of the near face are in the scene, camera units."""
    pixels = (near[:, :2] + 1) / 2 * side + [left, top]
    return (pixels * 2 - [WIDTH, HEIGHT]) / WIDTH


def test_a_small_face_is_found_where_the_body_has_its_head(tracker, person, near):
    rgb = scene(person, 700, 60)
    assert tracker.track(rgb, None) is None  # too small for the detector alone
    face = tracker.track(rgb, joints(near, 700, 60))
    np.testing.assert_allclose(face[:468, :2], expected(near, 700, 60)[:468], atol=0.008)


def test_the_window_follows_a_small_face_without_the_body(tracker, person, near):
    lost = 0
    for i in range(40):
        left = 700 - 12 * i
        face = tracker.track(scene(person, left, 60), joints(near, left, 60) if i == 0 else None)
        lost += face is None
    assert lost <= 4  # a window that moves may cost a frame
    np.testing.assert_allclose(face[:468, :2], expected(near, left, 60)[:468], atol=0.012)


def test_a_face_that_comes_near_is_followed_in_the_whole_picture_again(tracker, person, near):
    tracker.track(scene(person, 300, 60), joints(near, 300, 60))
    found = [tracker.track(scene(person, 300 - i, 60, SMALL + 10 * i), None) is not None for i in range(50)]
    assert np.mean(found) > 0.85 and all(found[-5:])


def test_a_body_without_a_visible_head_opens_no_window(tracker, person, near):
    body = joints(near, 700, 60)
    body[:11, 3] = 0.1
    assert tracker.track(scene(person, 700, 60), body) is None
