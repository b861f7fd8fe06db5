"""Bodies in the frames of a clip."""

import numpy as np

from benchmarks.evaluation.body_tracks import BodyTrack, person_masks, track_bodies
from streamer.files.video_reader import VideoReader
from tests.support.clips import DRIVER
from training.render.joints import Joint


def test_a_joint_is_seen_if_it_is_visible_and_within_the_frame():
    joints = np.zeros((33, 3))
    joints[:] = 10, 20, 1
    joints[Joint.NOSE, 2] = 0.6
    joints[Joint.LEFT_EAR, 0] = 64
    joints[Joint.RIGHT_EAR, 1] = -0.1
    track = BodyTrack(64, 48, [joints, None], [{}, {}])
    hidden = {Joint.NOSE, Joint.LEFT_EAR, Joint.RIGHT_EAR}
    assert set(np.flatnonzero(~track.visible(0))) == hidden
    assert not track.visible(1).any()


def test_a_talking_person_is_found_with_shoulders_in_pixels_and_a_matte():
    with VideoReader(DRIVER) as reader:
        first = next(iter(reader)).rgb
    empty = np.full_like(first, 90)
    track = track_bodies([first, empty])
    height, width = first.shape[:2]
    assert (track.width, track.height) == (width, height) and track.joints[1] is None and track.hands == [{}, {}]
    joints = track.joints[0]
    assert joints is not None and joints.shape == (33, 3) and track.visible(0)[Joint.NOSE]
    assert joints[Joint.LEFT_SHOULDER, 0] > joints[Joint.NOSE, 0] > joints[Joint.RIGHT_SHOULDER, 0]
    person = person_masks([first])[0]
    across, down = joints[Joint.NOSE, :2].astype(int)
    assert person.shape == (height, width) and person[down, across] and not person[2, 2]
