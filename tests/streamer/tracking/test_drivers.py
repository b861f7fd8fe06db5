"""Two people before one camera: each is tracked for itself, and a choice follows one of them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER
from streamer.frames import CameraFrame
from streamer.tracking.drivers import Drivers
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.shown_body import WHOLE_BODY
from tests.support.two_people import DELAY, driver_frames, two_drivers

COUNT = 24


def frames(pictures):
    return [CameraFrame(rgb, index * 0.08, index) for index, rgb in enumerate(pictures)]


def opening(motion):
    shape = head_pose(motion.face).inverse(motion.face)
    return float(np.linalg.norm(shape[UPPER_LIP_INNER] - shape[LOWER_LIP_INNER]))


@pytest.fixture(scope="module")
def pictures():
    return frames(two_drivers(COUNT))


@pytest.fixture(scope="module")
def both(pictures):
    """The motions of the left and of the right driver."""
    with Drivers(smooth=False, live=False, shown=(WHOLE_BODY, WHOLE_BODY)) as drivers:
        return list(zip(*map(drivers.process, pictures), strict=True))


@pytest.fixture(scope="module")
def alone():
    """Openings of the mouth of the left and of the right driver, each tracked alone."""
    with MotionExtractor(body=False, smooth=False, live=False) as extractor:
        left = [opening(extractor.process(frame)) for frame in frames(driver_frames(0, COUNT))]
    with MotionExtractor(body=False, smooth=False, live=False) as extractor:
        return left, [opening(extractor.process(frame)) for frame in frames(driver_frames(DELAY, COUNT))]


def test_drivers_each_character_has_the_motion_of_its_own_driver(both, alone):
    own = [np.corrcoef([opening(motion) for motion in both[slot]], alone[slot])[0, 1] for slot in range(2)]
    others = [np.corrcoef([opening(motion) for motion in both[slot]], alone[1 - slot])[0, 1] for slot in range(2)]
    assert min(own) > 0.8
    assert max(others) < min(own) - 0.3


def test_drivers_face_and_body_are_those_of_the_same_person(both):
    for slot, side in enumerate((-1, 1)):
        for motion in both[slot]:
            assert np.sign(motion.face[:, 0].mean()) == side
            if motion.body is not None:
                assert np.sign(motion.body[0, 0]) == side
        assert sum(motion.body is not None for motion in both[slot]) > COUNT // 2


def test_drivers_with_one_person_are_what_one_tracker_is():
    pictures = frames(driver_frames(0, 6))
    with Drivers(body=False, smooth=False, live=False) as drivers:
        several = [drivers.process(frame)[0] for frame in pictures]
    with MotionExtractor(body=False, smooth=False, live=False) as extractor:
        single = [extractor.process(frame) for frame in pictures]
    for one, other in zip(several, single, strict=True):
        assert np.array_equal(one.face, other.face)


def test_drivers_another_choice_follows_the_other_person(pictures):
    with Drivers(body=False, smooth=False, live=False, who="left") as drivers:
        sides = [drivers.process(frame)[0] for frame in pictures[:6]]
        before = drivers.people.generation(0)
        drivers.follow("right", mirrored=False)
        after = [drivers.process(frame)[0] for frame in pictures[6:14]]
    assert all(motion.face[:, 0].mean() < 0 for motion in sides)
    assert after[-1].face[:, 0].mean() > 0
    assert drivers.people.generation(0) > before


def test_drivers_who_is_followed_stays_when_a_larger_person_comes_in(pictures):
    with Drivers(body=False, smooth=False, live=False) as drivers:
        for index, frame in enumerate(pictures[:12]):
            rgb = np.full((256, 512, 3), 200, np.uint8)
            rgb[:, :256] = frame.rgb[:, :256]
            if index >= 3:
                rgb[:, 256:] = cv2.resize(frame.rgb[:, 256:], (384, 384))[40:296, 64:320]
            motion = drivers.process(CameraFrame(rgb, index * 0.3, index))[0]
            assert motion.face is not None and motion.face[:, 0].mean() < 0
    assert drivers.people.seen == 2


def test_drivers_a_character_without_a_driver_costs_no_tracker(pictures):
    with Drivers(body=False, smooth=False, live=False, shown=(WHOLE_BODY,) * 3) as drivers:
        motions = [drivers.process(replace(frame, rgb=frame.rgb[:, :256])) for frame in pictures[:3]]
        assert [extractor is not None for extractor in drivers._extractors] == [True, False, False]
    assert all(each[0].face is not None and each[1].face is None for each in motions)
