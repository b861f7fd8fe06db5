"""A session that another program's tracker drives, and how it goes over to it and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.topology import CHIN
from streamer.sources.expression import weights
from streamer.sources.received_pose import REST, ReceivedPose
from streamer.sources.received_tracker import FORGOTTEN_S, Changeover, Mover, ReceivedTracker
from streamer.sources.tracker_feed import TrackerFeed
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix, rotation_vector
from streamer.tracking.motion import Motion
from streamer.tracking.presence import EASE_IN_S, EASE_OUT_S, NEUTRAL
from streamer.tracking.tracker import TrackedMotion


class Driven:
    """A tracker, its feed, and their clock."""

    def __init__(self) -> None:
        self.now = 10.0
        self.feed = TrackerFeed(lambda: self.now)
        self.tracker = ReceivedTracker(self.feed, self)
        self.feed.claim(self)

    def pose(self, pose: ReceivedPose) -> TrackedMotion:
        self.now += 1 / 60
        self.feed.put(pose, "VMC", "a")
        tracked = self.tracker.track(self.now)
        assert tracked is not None
        return tracked


def turn(tracked: TrackedMotion) -> list[float]:
    vector: list[float] = np.degrees(rotation_vector(tracked.motion.head)).round(3).tolist()
    return vector


def test_tracker_drives_while_poses_come() -> None:
    driven = Driven()
    assert driven.tracker.track(driven.now) is None and not driven.tracker.drives
    tracked = driven.pose(ReceivedPose(head=rotation_matrix(np.radians([0, 20, 0]))))
    assert turn(tracked) == pytest.approx([0, 20, 0], abs=0.01) and tracked.neutral is REST
    assert tracked.phase == "live" and tracked.is_seen and tracked.motion.captured == driven.now
    driven.now += 0.31
    assert driven.tracker.track(driven.now) is None


def test_tracker_looks_straight_ahead_from_where_it_was_calibrated() -> None:
    driven = Driven()
    aside = ReceivedPose(head=rotation_matrix(np.radians([-20, 0, 0])), place=np.array([0.1, 0, 0.5]))
    assert turn(driven.pose(aside)) == pytest.approx([-20, 0, 0], abs=0.01)
    driven.tracker.calibrate()
    tracked = driven.pose(aside)
    assert turn(tracked) == pytest.approx([0, 0, 0], abs=0.01)
    assert tracked.motion.face is not None and REST.face is not None
    np.testing.assert_allclose(tracked.motion.face, REST.face, atol=1e-4)


def test_tracker_takes_its_first_place_for_the_resting_one_and_a_new_one_after_a_break() -> None:
    driven = Driven()
    for place in ([0.1, 0.2, 0.5], [-0.2, 0, 0.9]):
        tracked = driven.pose(ReceivedPose(place=np.array(place)))
        assert tracked.motion.face is not None and REST.face is not None
        np.testing.assert_allclose(tracked.motion.face, REST.face, atol=1e-4)
        driven.now += FORGOTTEN_S


def test_tracker_lets_further_characters_idle() -> None:
    driven = Driven()
    driven.tracker.characters = 3
    tracked = driven.pose(ReceivedPose(weights(jawOpen=1.0)))
    assert len(tracked.others) == 2
    assert all(motion.face is not None and neutral is NEUTRAL for motion, neutral in tracked.others)
    driven.tracker.characters = 1
    assert driven.pose(ReceivedPose()).others == ()


CAMERA = Motion.still(
    HeadTransform(0.2, np.eye(3, dtype=np.float32), np.array([0.3, 0.1, 0], np.float32)).apply(CANONICAL)
)


def drawn(changeover: Changeover, mover: Mover, at: float, degrees: float) -> float:
    """Degrees to their own right by which the head is shown turned, while a mover has it turned by `degrees`."""
    neutral = CAMERA if mover == "camera" else NEUTRAL
    assert neutral.face is not None
    pose = head_pose(neutral.face)
    face = replace(pose, rotation=rotation_matrix(np.radians([0, degrees, 0])).astype(np.float32)).apply(CANONICAL)
    tracked = changeover.eased(TrackedMotion(Motion.still(face), neutral), mover, at)
    vector = rotation_vector(tracked.neutral.head.T @ tracked.motion.head)
    return float(np.degrees(vector[1]))


@pytest.mark.parametrize(("last", "seconds"), [("camera", EASE_IN_S), ("idle", EASE_OUT_S)])
def test_changeover_goes_over_without_a_jump(last: Mover, seconds: float) -> None:
    changeover = Changeover()
    assert drawn(changeover, "camera", 0.0, -20) == pytest.approx(-20, abs=0.1), "at once, as nothing was shown before"
    shown = [drawn(changeover, "tracker", 1 + t, 20) for t in np.linspace(0, EASE_IN_S, 10)]
    assert shown[0] == pytest.approx(-20, abs=0.1) and shown[-1] == pytest.approx(20, abs=0.1)
    assert max(np.abs(np.diff(shown))) < 9 and shown == sorted(shown)
    back = [drawn(changeover, last, 2 + t, 0) for t in np.linspace(0, seconds, 10)]
    assert back[0] == pytest.approx(20, abs=0.1) and back[-1] == pytest.approx(0, abs=0.1)
    assert max(np.abs(np.diff(back))) < 5
    assert drawn(changeover, "camera", 9.0, 5) == pytest.approx(5, abs=0.1), "the camera's own easing is not ours"


def test_changeover_carries_the_face_along() -> None:
    changeover = Changeover()
    open_mouth = CAMERA.face
    assert open_mouth is not None
    open_mouth = open_mouth.copy()
    open_mouth[CHIN, 1] += 0.05  # by a quarter of the distance between the eyes' corners
    changeover.eased(TrackedMotion(Motion.still(open_mouth), CAMERA), "camera", 0.0)
    tracked = changeover.eased(TrackedMotion(NEUTRAL, NEUTRAL), "tracker", 0.1)
    assert tracked.motion.face is not None and NEUTRAL.face is not None
    assert (tracked.motion.face - NEUTRAL.face)[CHIN, 1] == pytest.approx(0.075, abs=0.005)
