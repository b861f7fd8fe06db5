"""The tracker on the repository's own clip: found, in any size, in camera units, and closed without a trace."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.files.video_reader import VideoReader
from streamer.frames import CameraFrame
from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion_extractor import MotionExtractor

CLIP = Path(__file__).parents[3] / "assets" / "driver.mp4"


@pytest.fixture(scope="module")
def frames():
    with VideoReader(CLIP) as reader:
        return [frame for frame, _ in zip(reader, range(60), strict=False)]


@pytest.fixture(scope="module")
def motions(frames):
    with MotionExtractor(live=False) as extractor:
        return [extractor.process(frame) for frame in frames]


def track_one(rgb, **options):
    with MotionExtractor(live=False, **options) as extractor:
        return extractor.process(CameraFrame(np.ascontiguousarray(rgb), 0.0, 0))


def test_the_clip_is_followed(frames, motions):
    assert [motion.captured for motion in motions] == [frame.captured for frame in frames]
    assert all(motion.face is not None and motion.face.shape == (478, 3) for motion in motions)
    assert all(motion.face_confidence > 0.5 for motion in motions)
    openings = [np.linalg.norm(motion.face[13] - motion.face[14]) for motion in motions]
    assert max(openings) > 3 * min(openings)  # the person on the clip talks
    assert all(motion.stages["face"] > 0 and motion.stages["body"] > 0 for motion in motions)


def test_shoulders_are_where_a_person_has_them(motions):
    body = motions[30].body
    assert body[11, 0] > body[12, 0]  # the person's left shoulder is on the right in the picture
    assert min(body[11, 1], body[12, 1]) > motions[30].face[152, 1]  # and below the chin
    assert body[[11, 12], 3].min() > 0.5


def test_landmarks_are_in_camera_units(frames, motions):
    """A square picture padded to a wide one: the unit is half the longer side, the origin the middle."""
    rgb = frames[0].rgb
    size = rgb.shape[0]
    wide = np.pad(rgb, ((0, 0), (size // 2, size // 2), (0, 0)), mode="edge")
    square, padded = track_one(rgb, smooth=False, body=False), track_one(wide, smooth=False, body=False)
    np.testing.assert_allclose(padded.face[:, :2] * 2, square.face[:, :2], atol=0.03)


def test_a_mirrored_camera_gives_the_mirrored_motion(frames, motions):
    seen = track_one(frames[0].rgb[:, ::-1], smooth=False, body=False)
    expected = track_one(frames[0].rgb, smooth=False, body=False).mirrored()
    np.testing.assert_allclose(seen.face[:468, :2], expected.face[:468, :2], atol=0.03)
    np.testing.assert_allclose(rotation_vector(seen.head), rotation_vector(expected.head), atol=0.06)


@pytest.mark.parametrize("shape", [(480, 640), (1280, 720), (2160, 3840), (121, 97)])
def test_any_size_of_frame_will_do(frames, shape):
    side = min(shape)
    rgb = np.zeros((*shape, 3), np.uint8)
    rgb[:side, :side] = cv2.resize(frames[0].rgb, (side, side), interpolation=cv2.INTER_AREA)
    motion = track_one(rgb, body=False)
    assert motion.face is not None
    assert head_pose(motion.face).rotation[2, 2] > 0.9


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (3, 500)])
def test_a_picture_of_nobody_has_no_motion(shape):
    motion = track_one(np.full((*shape, 3), 90, np.uint8))
    assert motion.face is None and motion.face_confidence == 0 and motion.body is None
    assert not motion.hands[..., 3].any()


def test_smoothing_can_be_switched_off_and_calms(frames, motions):
    with MotionExtractor(smooth=False, body=False) as extractor:
        raw = np.array([extractor.process(frame).face for frame in frames])
    smooth = np.array([motion.face for motion in motions])

    def tremble(faces):
        return np.abs(np.diff(faces[:, :468, :2], 3, axis=0)).mean()

    assert tremble(smooth) < 0.9 * tremble(raw)
    assert np.abs(smooth - raw).mean() < 0.005


def test_live_the_body_comes_from_a_second_thread_and_is_kept_between(frames):
    with MotionExtractor(live=True) as extractor:
        bodies, index = [], 0
        while len([body for body in bodies if body is not None]) < 5:
            assert index < 3000, "the body tracker never answered"
            frame = frames[index % len(frames)]
            bodies.append(extractor.process(CameraFrame(frame.rgb, time.monotonic(), index)).body)
            index += 1
    first = next(i for i, body in enumerate(bodies) if body is not None)
    assert all(body is not None for body in bodies[first:])


def test_closing_ends_the_thread_and_may_be_repeated():
    before = threading.active_count()
    extractor = MotionExtractor(live=True)
    extractor.process(CameraFrame(np.zeros((64, 64, 3), np.uint8), 0.0, 0))
    extractor.close()
    extractor.close()
    assert threading.active_count() == before


def test_a_face_that_is_hidden_is_lost_and_found_again(frames):
    with MotionExtractor(body=False) as extractor:
        seen = []
        for i in range(30):
            rgb = np.zeros_like(frames[0].rgb) if 10 <= i < 20 else frames[i].rgb
            seen.append(extractor.process(CameraFrame(rgb, i / 25, i)).face is not None)
    assert seen == [True] * 10 + [False] * 10 + [True] * 10
