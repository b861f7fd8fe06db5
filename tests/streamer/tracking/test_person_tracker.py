"""The tracker of a live session: with several people each driver has a neutral of their own, and a tracker that
replaces another goes on with who was followed and the neutral that was found before.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from streamer.frames import CameraFrame
from streamer.tracking import person_tracker
from streamer.tracking.motion import Motion
from streamer.tracking.person_tracker import PersonTracker
from streamer.tracking.shown_body import WHOLE_BODY
from streamer.tracking.tracker import DriverState, Handover, TrackedMotion, Wanted
from tests.support.people import STEP, nobody, person
from tests.support.two_people import two_drivers

GREY = np.full((32, 32, 3), 128, np.uint8)


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


def test_person_tracker_that_replaces_another_follows_who_was_followed_though_somebody_is_larger():
    both = two_drivers(13)
    width = both[0].shape[1] // 2
    for rgb in both:
        small = cv2.resize(rgb[:, :width], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        rgb[:, :width] = 128
        rgb[-len(small) :, : small.shape[1]] = small
    alone = [np.where(np.arange(2 * width)[:, None] < width, rgb, 128).astype(np.uint8) for rgb in both[:12]]
    wanted, first, second = Wanted(body=False), PersonTracker(), PersonTracker()
    try:
        first.look_for(wanted)
        before = track(first, alone)[-1]
        second.look_for(wanted)
        second.adopt(before.handover)
        (after,) = track(second, both[12:], start=12)
    finally:
        first.close()
        second.close()
    assert (before.phase, before.people) == ("live", 1) and before.motion.face[:, 0].mean() < 0
    assert after.phase == "live" and after.motion.face[:, 0].mean() < 0
    assert np.array_equal(after.neutral.face, before.neutral.face)


def test_person_tracker_calibrates_another_person_anew():
    pictures = two_drivers(36)
    tracker = PersonTracker()
    try:
        tracker.look_for(Wanted(who="left", body=False))
        before = track(tracker, pictures[:12])[-1]
        tracker.look_for(Wanted(who="right", body=False))
        after = track(tracker, pictures[12:], start=12)
        for direction in (-1, 1, -1, 1):  # on a busy machine the second thread finds the other person later
            if after[-1].neutral.face[:, 0].mean() < 0:
                after += track(tracker, pictures[12:][::direction], start=12 + len(after))
    finally:
        tracker.close()
    assert before.phase == "live" and before.neutral.face[:, 0].mean() < 0
    assert any(tracked.phase == "calibrating" for tracked in after)
    assert after[-1].neutral.face[:, 0].mean() > 0
    faces = np.stack([tracked.motion.face.mean(0) for tracked in (before, *after)])
    assert np.abs(np.diff(faces[:, 0])).max() < 0.6  # eased over, by way of the idle motion


class ScriptedDrivers:
    """In place of `Drivers`: motions by a function of the time, of one person."""

    script: Callable[[float], Motion]

    def __init__(self) -> None:
        self.people = SimpleNamespace(generation=lambda slot: self.generation, seen=1, copy=lambda: None)
        self.generation = 0  # as `People` count: nobody is followed yet

    def process(self, frame: CameraFrame) -> list[Motion]:
        motion = type(self).script(frame.captured)
        self.generation = self.generation if motion.face is None else 1
        return [motion]

    def let_clothes_suffice(self, slot: int, suffices: bool) -> None:
        pass


def talker(at: float) -> Motion:
    """Somebody who smiles when they are first seen, then talks, and closes the mouth between the words."""
    return person(at, smile=0.25 if at < 2 else 0.0, mouth=max(0.0, 0.25 * float(np.sin(5 * at))))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[PersonTracker, float, float], list[TrackedMotion]]:
    monkeypatch.setattr(person_tracker, "Drivers", ScriptedDrivers)
    ScriptedDrivers.script = staticmethod(talker)

    def run(tracker: PersonTracker, start: float, end: float) -> list[TrackedMotion]:
        times = np.arange(start, end, STEP)
        return [tracker.track(CameraFrame(GREY, float(at), index)) for index, at in enumerate(times)]

    return run


def resting(tracked: TrackedMotion) -> np.ndarray:
    """The neutral's face with what habits add to it."""
    assert tracked.neutral.face is not None
    return tracked.neutral.face + 0.3 * tracked.neutral.correction  # 0.3: the scale of these people


def test_person_tracker_that_adopts_a_neutral_is_live_at_once_and_rests_as_before(scripted) -> None:
    first = PersonTracker()
    before = scripted(first, 0.0, 12.0)[-1]
    assert np.abs(before.neutral.correction).max() > 0.02  # the smile of the beginning is corrected
    second = PersonTracker()
    second.adopt(before.handover)
    after = scripted(second, 12.0, 24.0)
    assert {(each.phase, each.progress) for each in after} == {("live", 1.0)}
    assert all(np.array_equal(each.neutral.face, before.neutral.face) for each in after)
    moved = [float(np.abs(resting(each) - resting(before)).max()) for each in after]
    smile = float(np.abs(before.neutral.correction).max()) * 0.3
    assert moved[0] < 0.02 * smile and max(moved) < 0.35 * smile
    assert abs(after[0].neutral.lids - before.neutral.lids).max() < 0.1


def test_person_tracker_that_adopts_a_neutral_idles_in_it_until_somebody_is_seen(scripted) -> None:
    before = scripted(PersonTracker(), 0.0, 3.0)[-1]
    ScriptedDrivers.script = staticmethod(nobody)
    second = PersonTracker()
    second.adopt(before.handover)
    (idle,) = scripted(second, 3.0, 3.0 + STEP / 2)
    assert idle.phase == "lost" and np.array_equal(idle.neutral.face, before.neutral.face)
    assert before.is_seen and not idle.is_seen and not PersonTracker().idle(0.0).is_seen
    fresh = PersonTracker()
    fresh.adopt(Handover((DriverState(),)))  # nothing was known of the driver
    ScriptedDrivers.script = staticmethod(talker)
    assert scripted(fresh, 4.0, 4.2)[-1].phase == "calibrating"


def test_person_tracker_begins_a_requested_calibration_again_that_did_not_end(scripted) -> None:
    first = PersonTracker()
    scripted(first, 0.0, 3.0)
    first.calibrate()
    before = scripted(first, 3.0, 3.3)[-1]
    assert before.phase == "calibrating" and before.handover.drivers[0].is_calibrated_anew
    second = PersonTracker()
    second.adopt(before.handover)
    after = scripted(second, 3.3, 10.0)
    assert after[0].phase == "calibrating" and np.array_equal(after[0].neutral.face, before.neutral.face)
    assert after[-1].phase == "live" and not after[-1].handover.drivers[0].is_calibrated_anew
    assert not np.array_equal(after[-1].neutral.face, before.neutral.face)


def test_person_tracker_keeps_an_adopted_neutral_where_its_first_pictures_show_nobody(scripted) -> None:
    before = scripted(PersonTracker(), 0.0, 3.0)[-1]
    second = PersonTracker()
    second.adopt(before.handover)
    ScriptedDrivers.script = staticmethod(nobody)
    scripted(second, 3.0, 3.5)
    ScriptedDrivers.script = staticmethod(talker)
    after = scripted(second, 3.5, 4.0)
    assert {each.phase for each in after} == {"live"}
    assert np.array_equal(after[-1].neutral.face, before.neutral.face)


def test_person_tracker_adopts_no_keyframe_of_the_clothes_since_another_tracker_numbers_them_anew(scripted) -> None:
    before = scripted(PersonTracker(), 0.0, 3.0)[-1]
    marked = Motion.still(before.neutral.face, before.neutral.body)
    marked.torso[:] = 1.0
    second = PersonTracker()
    second.adopt(Handover((DriverState(marked),)))
    assert not scripted(second, 3.0, 3.1)[-1].neutral.torso.any()
