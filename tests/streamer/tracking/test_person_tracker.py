"""The tracker of a live session with several people: each driver has a neutral of their own."""

import numpy as np

from streamer.frames import CameraFrame
from streamer.tracking.person_tracker import PersonTracker
from streamer.tracking.shown_body import WHOLE_BODY
from streamer.tracking.tracker import Wanted
from tests.support.two_people import two_drivers


def track(tracker, pictures, start=0):
    """The tracked motions of pictures at 12 a second."""
    return [tracker.track(CameraFrame(rgb, (start + index) / 12, start + index)) for index, rgb in enumerate(pictures)]


def test_person_tracker_tracks_a_driver_for_each_character_and_idles_for_the_rest():
    pictures = two_drivers(20)
    tracker = PersonTracker()
    try:
        tracker.look_for(Wanted((WHOLE_BODY,) * 3, body=False))
        tracked = track(tracker, pictures)
        idle = tracker.idle(10.0)
    finally:
        tracker.close()
    last = tracked[-1]
    assert last.people == 2 and len(last.others) == 2 and len(idle.others) == 2
    assert all(motion.face is not None for motion in (last.motion, *(motion for motion, _ in last.others)))
    assert all(motion.face is not None for motion, _ in idle.others)
    (second, neutral), (third, idling) = last.others
    assert last.neutral.face[:, 0].mean() < 0 < neutral.face[:, 0].mean()  # each was calibrated on their own place
    assert second.face[:, 0].mean() > 0
    assert abs(third.face[:, 0].mean()) < 0.1 and abs(idling.face[:, 0].mean()) < 1e-3


def test_person_tracker_calibrates_another_person_anew():
    pictures = two_drivers(36)
    tracker = PersonTracker()
    try:
        tracker.look_for(Wanted(who="left", body=False))
        before = track(tracker, pictures[:12])[-1]
        tracker.look_for(Wanted(who="right", body=False))
        after = track(tracker, pictures[12:], start=12)
    finally:
        tracker.close()
    assert before.phase == "live" and before.neutral.face[:, 0].mean() < 0
    assert any(tracked.phase == "calibrating" for tracked in after)
    assert after[-1].neutral.face[:, 0].mean() > 0
    faces = np.stack([tracked.motion.face.mean(0) for tracked in (before, *after)])
    assert np.abs(np.diff(faces[:, 0])).max() < 0.6  # eased over, by way of the idle motion
