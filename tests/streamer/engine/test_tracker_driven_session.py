"""A session that the tracker of another program drives in place of its camera, or without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from streamer.engine.engine_session import EngineSession
from streamer.generation.controls import Controls
from streamer.sources.received_pose import ReceivedPose
from streamer.sources.tracker_feed import FRESH_S, TrackerFeed
from streamer.tracking.head_pose import rotation_matrix, rotation_vector
from tests.support.engines import admit, received, running, take, until
from tests.support.fakes import FakeAvatar, FakeTracker


class Feed(TrackerFeed):
    """A feed whose poses last until the test breaks off, however busy the machine is."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        super().__init__(lambda: self.now)

    def send(self, pose: ReceivedPose) -> None:
        self.now += 0.01
        self.put(pose, "VMC", "a")

    def break_off(self) -> None:
        self.now += FRESH_S + 0.1


@contextmanager
def driven() -> Iterator[tuple[EngineSession, Feed, FakeTracker]]:
    """A session without a camera, its feed, and its own tracker."""
    trackers, feed = [FakeTracker()], Feed()
    with running(tracker=lambda: trackers[0], feed=feed) as engine:
        session, failures = admit(engine)
        yield session, feed, trackers[0]
        assert failures == []


def yaw(session: EngineSession) -> float:
    """Degrees to their own right by which the driver's head is turned in the last motion that was live; 0 in none."""
    return float(np.degrees(rotation_vector(session.recent[-1].motion.head)[1])) if session.recent else 0.0


def turn(feed: Feed, session: EngineSession, degrees: float) -> None:
    """Send poses that are turned so far, until one was drawn."""
    pose = ReceivedPose(head=rotation_matrix(np.radians([0, degrees, 0])))

    def is_there() -> bool:
        feed.send(pose)
        return abs(yaw(session) - degrees) < 0.01

    until(is_there, f"a turn by {degrees}°")


def test_tracker_drives_a_session_without_a_camera() -> None:
    with driven() as (session, feed, _):
        out = session.new_output()
        take(out)
        assert session.state.phase == "waiting" and session.feed_state is not None
        assert session.feed_state.kind == "silent"
        turn(feed, session, 20)
        until(lambda: session.state.phase == "live" and session.state.progress == 1, "the state")  # told after it
        take(out)
        feed.break_off()
        until(lambda: session.state.phase == "waiting" and not session.recent, "the end of the poses")


def test_tracker_drives_in_place_of_the_camera_and_leaves_it_the_character_again() -> None:
    with driven() as (session, feed, tracker):
        session.camera.put(received(80))
        until(lambda: tracker.tracked == 1, "a picture")
        turn(feed, session, -15)
        tracked = tracker.tracked
        for _ in range(5):
            session.camera.put(received(80))
            turn(feed, session, -15)
        assert tracker.tracked == tracked, "pictures are not tracked meanwhile"

        feed.break_off()

        def is_back() -> bool:
            session.camera.put(received(80))
            return tracker.tracked > tracked

        until(is_back, "the camera")
        until(lambda: session.state.phase == "live", "the state")  # told after it


def test_tracker_does_not_drive_a_session_that_does_not_want_it_or_is_paused() -> None:
    with driven() as (session, feed, _):
        turn(feed, session, 10)
        session.let_trackers_drive(False)

        def is_idle() -> bool:
            feed.send(ReceivedPose())
            return session.state.phase == "waiting"

        until(is_idle, "idling")
        assert session.feed_state is not None and session.feed_state.kind == "off"
        session.let_trackers_drive(True)
        turn(feed, session, 12)
        session.paused = True
        until(lambda: session.state.phase == "paused", "the pause")


def test_tracker_drives_the_newest_session_until_it_leaves() -> None:
    feed = Feed()
    with running(feed=feed) as engine:
        old, _ = admit(engine)
        new, _ = admit(engine)
        turn(feed, new, 10)
        assert old.feed_state is not None and old.feed_state.kind == "elsewhere" and not old.recent
        engine.leave(new)
        new.let_trackers_drive(True)  # the page's switch, too late
        turn(feed, old, 12)
        unwilling = engine.admit(FakeAvatar(32, 32), Controls(tracker=False), lambda failure: None)
        unwilling.start()
        turn(feed, old, 14)
        assert unwilling.feed_state is not None and unwilling.feed_state.kind == "off"


def test_calibration_sets_the_head_of_a_driven_session_straight() -> None:
    with driven() as (session, feed, tracker):
        turn(feed, session, 20)
        session.calibrate()
        pose = ReceivedPose(head=rotation_matrix(np.radians([0, 20, 0])))

        def is_straight() -> bool:
            feed.send(pose)
            return bool(session.recent) and abs(yaw(session)) < 0.01

        until(is_straight, "a head that is straight")
        assert tracker.calibrated == 0


def test_engine_without_trackers_says_so() -> None:
    with running() as engine:
        session, _ = admit(engine)
        assert session.feed_state is None
        session.let_trackers_drive(True)
        take(session.new_output())
