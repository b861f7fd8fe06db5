"""Tracks drivers from camera pictures to motions to draw: extraction, calibration and presence of each in sequence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamer.frames import CameraFrame
from streamer.options import Obstacle, Phase
from streamer.tracking.calibration import Calibration
from streamer.tracking.drivers import Drivers
from streamer.tracking.habits import Habits
from streamer.tracking.idle_habits import IdleHabits
from streamer.tracking.motion import CONFIDENCE, KEYFRAME, Motion
from streamer.tracking.neutral_change import neutral_for
from streamer.tracking.presence import NEUTRAL, Presence
from streamer.tracking.tracker import DriverState, Handover, TrackedMotion, Wanted

MIN_CLOTHES_CONFIDENCE = 0.8  # confidence of the torso, from which the clothes tell how the shoulders move
DARK_LEVEL = 34.0  # mean of a picture, 0..255, below which landmarks become uncertain
DARK_STEP = 16  # pixels between those that are looked at for it
FACE_LOST_S = 0.5  # without a face, after which the phase is "lost"


class PersonTracker:
    """The `Tracker` of a live session: of one driver, or of one for each character of its picture.

    Not thread-safe: made, used and closed by one tracking thread.
    """

    def __init__(self) -> None:
        self._drivers = Drivers()
        self._each = [_Driver(0)]
        self._is_dark = False

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """Track one picture, in the order of capture."""
        self._is_dark = float(frame.rgb[::DARK_STEP, ::DARK_STEP].mean()) < DARK_LEVEL
        motions = []
        for slot, (driver, motion) in enumerate(zip(self._each, self._drivers.process(frame), strict=True)):
            motions.append(driver.take(motion, self._drivers.people.generation(slot)))
            self._drivers.let_clothes_suffice(slot, driver.clothes_suffice)
        return self._resolve(motions, frame.captured)

    def idle(self, now: float) -> TrackedMotion:
        """The motion while no picture comes. now: seconds on the clock of the pictures."""
        return self._resolve([Motion(now)] * len(self._each), now)

    def idle_soon(self, now: float) -> TrackedMotion:
        """See `Tracker`."""
        return self.idle(now)

    def look_for(self, wanted: Wanted) -> None:
        """See `Tracker`."""
        self._drivers.shown, self._drivers.body = wanted.shown, wanted.body
        self._drivers.smoothing, self._drivers.body_share = wanted.smoothing, wanted.body_share
        self._drivers.follow(wanted.who, wanted.mirrored)
        kept = self._each[: len(wanted.shown)]
        self._each = [*kept, *(_Driver(slot) for slot in range(len(kept), len(wanted.shown)))]
        self._each[0].idle_as(wanted.idle)

    def calibrate(self) -> None:
        """Measure the neutrals again, from the next steady pictures."""
        for driver in self._each:
            driver.calibration.request()

    def adopt(self, handover: Handover) -> None:
        """See `Tracker`."""
        if handover.people is not None:
            self._drivers.adopt(handover.people)
        for driver, state in zip(self._each, handover.drivers, strict=False):
            driver.adopt(state)

    def close(self) -> None:
        """Release the models and the threads; may be called twice."""
        self._drivers.close()

    def _resolve(self, motions: list[Motion], now: float) -> TrackedMotion:
        """The phase is the first driver's."""
        first, *others = [driver.resolve(motion, now) for driver, motion in zip(self._each, motions, strict=True)]
        leader, people = self._each[0], self._drivers.people
        return TrackedMotion(
            *first, leader.phase(now), leader.calibration.progress, others=tuple(others), people=people.seen,
            obstacle=self._obstacle(leader, now),
            handover=Handover(tuple(driver.state for driver in self._each), people.copy()),
            is_seen=leader.is_seen,
        )  # fmt: skip

    def _obstacle(self, leader: _Driver, now: float) -> Obstacle | None:
        """What keeps the first driver from being calibrated, or from being seen."""
        return "dark" if self._is_dark and leader.phase(now) != "live" else leader.calibration.obstacle


class _Driver:
    """What is known of the driver of one character. seed: of their idle motion."""

    def __init__(self, seed: int) -> None:
        self.calibration = Calibration()
        self.clothes_suffice = False
        self.is_seen = False  # in the last picture
        self._habits = Habits()
        self._presence = Presence(seed)
        self._neutral: Motion | None = None
        self._last_face: float | None = None  # seconds, when one was found
        self._last: Motion | None = None  # the last one with a face
        self._generation: int | None = None  # of the person who drives

    def take(self, motion: Motion, generation: int) -> Motion:
        """Learn from a motion, and measure it against what is usual. generation: changes with the person, who is then
        calibrated anew.
        """
        if motion.face is not None and generation != self._generation:
            if self._generation is not None:
                self.calibration, self._habits, self._last = Calibration(), Habits(), None
            self._generation = generation
        if motion.face is not None:
            self._notice_scene(motion)
            self._last, self._last_face = motion, motion.captured
        self.is_seen = motion.face is not None
        measured = self._habits.update(motion)
        neutral = self.calibration.update(measured)
        if neutral is not None:
            if self.calibration.is_deliberate and neutral is self.calibration.neutral:
                self._habits.trust(neutral)
            neutral = self._habits.relate(neutral, motion.captured)
        self._neutral = neutral
        self.clothes_suffice = neutral is not None and _clothes_tell(measured, neutral)
        return measured

    @property
    def state(self) -> DriverState:
        """For `adopt`."""
        return DriverState(self._neutral, self.calibration.is_requested)

    def adopt(self, state: DriverState) -> None:
        """Go on as another tracker did, whose scenes and keyframes have other numbers than these."""
        if state.neutral is not None:
            self._neutral = replace(state.neutral, scene=0, torso=np.zeros_like(state.neutral.torso))
            self.calibration.adopt(self._neutral)
            self._habits.adopt(self._neutral)
        if state.is_calibrated_anew:
            self.calibration.request()

    def idle_as(self, habits: IdleHabits) -> None:
        """From now on, idle with these habits."""
        self._presence.habits = habits

    def _notice_scene(self, motion: Motion) -> None:
        """Begin anew where a face is in another scene: continue from what was shown, and find a new neutral."""
        if self._last is None or self._last.scene == motion.scene or self._neutral is None:
            return
        provisional = neutral_for(motion, self._last, self._neutral)
        self.calibration.change_scene(provisional)
        self._presence.change_scene(self._neutral, provisional, motion.captured)
        self._habits = Habits()

    def resolve(self, motion: Motion, now: float) -> tuple[Motion, Motion]:
        """The motion to draw, and the neutral that it is measured against."""
        return self._presence.resolve(motion, self._neutral, now), self._neutral or NEUTRAL

    def phase(self, now: float) -> Phase:
        """As the page shows it."""
        if self._last_face is None or now - self._last_face > FACE_LOST_S:
            return "lost"
        return "live" if self.calibration.progress >= 1 else "calibrating"


def _clothes_tell(motion: Motion, neutral: Motion) -> bool:
    """Whether the clothes tell how the shoulders have moved since the neutral."""
    now, before = motion.torso[0], neutral.torso[0]
    return bool(now[KEYFRAME] == before[KEYFRAME] and min(now[CONFIDENCE], before[CONFIDENCE]) > MIN_CLOTHES_CONFIDENCE)
