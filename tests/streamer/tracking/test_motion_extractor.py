"""The extractor on the repository's own clip: faces of any size, in camera units, and what closing releases."""

import gc
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry.body import LEFT_SHOULDER, RIGHT_SHOULDER
from models.geometry.topology import CHIN, LOWER_LIP_INNER, MESH, UPPER_LIP_INNER
from streamer.files.video_reader import VideoReader
from streamer.frames import CameraFrame
from streamer.tracking.body_tracker import BodyMeasurement, BodyTracker
from streamer.tracking.head_pose import head_pose, rotation_vector
from streamer.tracking.motion import VISIBILITY
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.people import Place
from streamer.tracking.shown_body import ShownBody

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


def test_process_tracks_every_frame_of_the_clip(frames, motions):
    assert [motion.captured for motion in motions] == [frame.captured for frame in frames]
    assert all(motion.face is not None and motion.face.shape == (478, 3) for motion in motions)
    assert all(motion.face_confidence > 0.5 for motion in motions)
    openings = [np.linalg.norm(motion.face[UPPER_LIP_INNER] - motion.face[LOWER_LIP_INNER]) for motion in motions]
    assert max(openings) > 3 * min(openings)  # the person on the clip talks
    assert all(motion.stages["face"] > 0 and motion.stages["body"] > 0 for motion in motions)


def test_process_finds_the_shoulders_below_the_chin(motions):
    left, right = motions[30].body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
    assert left[0] > right[0]  # the person's left shoulder is on the right in the picture
    assert min(left[1], right[1]) > motions[30].face[CHIN, 1]
    assert min(left[VISIBILITY], right[VISIBILITY]) > 0.5


def test_process_returns_landmarks_in_camera_units(frames, motions):
    """A square picture padded to a wide one: the unit is half the longer side, the origin the centre."""
    rgb = frames[0].rgb
    size = rgb.shape[0]
    wide = np.pad(rgb, ((0, 0), (size // 2, size // 2), (0, 0)), mode="edge")
    square, padded = track_one(rgb, smooth=False, body=False), track_one(wide, smooth=False, body=False)
    np.testing.assert_allclose(padded.face[:, :2] * 2, square.face[:, :2], atol=0.03)


def test_process_of_a_mirrored_frame_is_the_mirrored_motion(frames, motions):
    mirrored = track_one(frames[0].rgb[:, ::-1], smooth=False, body=False)
    expected = track_one(frames[0].rgb, smooth=False, body=False).mirrored()
    np.testing.assert_allclose(mirrored.face[:MESH, :2], expected.face[:MESH, :2], atol=0.03)
    np.testing.assert_allclose(rotation_vector(mirrored.head), rotation_vector(expected.head), atol=0.06)


@pytest.mark.parametrize("shape", [(480, 640), (1280, 720), (2160, 3840), (121, 97)])
def test_process_accepts_any_size_of_frame(frames, shape):
    side = min(shape)
    rgb = np.zeros((*shape, 3), np.uint8)
    rgb[:side, :side] = cv2.resize(frames[0].rgb, (side, side), interpolation=cv2.INTER_AREA)
    motion = track_one(rgb, body=False)
    assert motion.face is not None
    assert head_pose(motion.face).rotation[2, 2] > 0.9


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (3, 500)])
def test_process_finds_nothing_in_an_empty_picture(shape):
    motion = track_one(np.full((*shape, 3), 90, np.uint8))
    assert motion.face is None and motion.face_confidence == 0 and motion.body is None
    assert not motion.hands[..., 3].any()


def test_process_leaves_nothing_to_the_garbage_collector(frames):
    """What refers to itself stays for minutes where much else is alive, and its landmarks with it."""
    with MotionExtractor(live=False) as extractor:
        extractor.process(frames[0])
        gc.collect()
        gc.disable()
        try:
            for frame in frames[1:6]:
                extractor.process(frame)
            assert gc.collect() < 5  # objects; a class for each model and frame would be some 500
        finally:
            gc.enable()


def test_process_jitters_less_with_smoothing(frames, motions):
    with MotionExtractor(smooth=False, body=False) as extractor:
        raw = np.array([extractor.process(frame).face for frame in frames])
    smooth = np.array([motion.face for motion in motions])

    def jitter(faces):
        return np.abs(np.diff(faces[:, :MESH, :2], 3, axis=0)).mean()

    assert jitter(smooth) < 0.9 * jitter(raw)
    assert np.abs(smooth - raw).mean() < 0.005


def test_process_live_returns_the_body_of_a_second_thread_and_keeps_it(frames):
    with MotionExtractor(live=True) as extractor:
        bodies, index = [], 0
        while len([body for body in bodies if body is not None]) < 5:
            assert index < 3000, "the body tracker returned nothing"
            # One picture, since a look at a clip that jumps back to its beginning may find nobody.
            bodies.append(extractor.process(CameraFrame(frames[0].rgb, time.monotonic(), index)).body)
            index += 1
    first = next(i for i, body in enumerate(bodies) if body is not None)
    assert all(body is not None for body in bodies[first:])


def test_the_body_is_left_out_and_taken_up_while_the_extractor_runs(frames):
    with MotionExtractor(live=False, smooth=False) as extractor:
        assert extractor.process(frames[0]).body is not None
        extractor.body = False
        without = extractor.process(frames[1])
        assert without.body is None and without.face is not None and "body" not in without.stages
        assert not without.hands.any() and not without.torso.any()
        extractor.body = True
        assert extractor.process(frames[2]).body is not None


def test_an_extractor_without_a_body_makes_no_thread_until_it_has_one():
    before = threading.active_count()
    black = np.zeros((64, 64, 3), np.uint8)
    with MotionExtractor(body=False, live=True) as extractor:
        extractor.process(CameraFrame(black, 0.0, 0))
        assert threading.active_count() == before
        extractor.body = True
        extractor.process(CameraFrame(black, 0.1, 1))
        assert threading.active_count() == before + 1


def test_close_ends_the_thread_and_may_be_repeated():
    before = threading.active_count()
    extractor = MotionExtractor(live=True)
    extractor.process(CameraFrame(np.zeros((64, 64, 3), np.uint8), 0.0, 0))
    extractor.close()
    extractor.close()
    assert threading.active_count() == before


def test_process_loses_a_hidden_face_and_finds_it_again(frames):
    with MotionExtractor(body=False) as extractor:
        found = []
        for i in range(30):
            rgb = np.zeros_like(frames[0].rgb) if 10 <= i < 20 else frames[i].rgb
            found.append(extractor.process(CameraFrame(rgb, i / 25, i)).face is not None)
    assert found == [True] * 10 + [False] * 10 + [True] * 10


def test_live_process_goes_on_when_the_camera_changes_its_size_or_rate(frames):
    """The person turns a phone: 640×480, 480×640, 320×240, 640×360, of which each shows the same square."""
    square = frames[0].rgb
    with MotionExtractor() as extractor:
        at = 0.0
        for width, height, fps in [(640, 480, 30), (480, 640, 30), (320, 240, 15), (640, 360, 60)]:
            side = min(width, height)
            picture = np.zeros((height, width, 3), np.uint8)
            top, left = (height - side) // 2, (width - side) // 2
            picture[top : top + side, left : left + side] = cv2.resize(square, (side, side))
            for _ in range(4):
                at += 1 / fps
                motion = extractor.process(CameraFrame(picture, at, 0))
                assert motion.face is not None and motion.face_confidence > 0.5
                half = np.array([width, height]) / max(width, height)
                assert (np.abs(motion.face[CHIN, :2]) < half).all()


class StubbornFace:
    """In place of a `FaceTracker`: finds the face on the left until it has to search anew."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def track(self, rgb, body, place):
        return self.left

    def restart(self):
        self.left = self.right

    def close(self):
        pass


def test_process_drops_a_face_that_is_somebody_elses(frames, motions):
    """A mesh that followed another face goes on there, even where that is painted over."""
    left, right = (motions[0].face + np.float32([x, 0, 0]) for x in (-0.4, 0.4))
    places = [Place.of(face) for face in (left, right)]
    for after_restart, expected in ((right, right), (left, None)):
        with MotionExtractor(body=False, live=False, smooth=False) as extractor:
            extractor._face.close()
            extractor._face = StubbornFace(left, after_restart)
            assert Place.of(extractor.process(frames[0], [places[1]], places[0]).face).x < 0
            found = extractor.process(frames[1], [places[0]], places[1]).face
        assert (found is None) == (expected is None)
        assert found is None or Place.of(found).x > 0


def test_process_keeps_a_face_where_somebody_else_was_just_now(frames, motions):
    own = Place.of(motions[0].face)
    with MotionExtractor(body=False, live=False, smooth=False) as extractor:
        extractor._face.close()
        extractor._face = StubbornFace(motions[0].face, None)
        moved = own._replace(x=own.x + own.half / 2)  # where the followed one was before: further away than the other
        assert extractor.process(frames[0], [own._replace(x=own.x + own.half / 4)], moved).face is not None


@pytest.mark.parametrize("limbs", [True, False])
def test_bodies_of_files_are_looked_at_closely_where_the_picture_shows_limbs(monkeypatch, limbs):
    looked_at = []

    def track(self, rgb, captured, hands, face, closely):
        looked_at.append(closely)
        return BodyMeasurement(captured, None, np.zeros((2, 21, 4), np.float32), 1.0)

    monkeypatch.setattr(BodyTracker, "track", track)
    track_one(np.zeros((64, 64, 3), np.uint8), shown=ShownBody(limbs=limbs, hands=False))
    assert looked_at == [limbs]
