"""Tracks one person from camera pictures to motions to draw: extraction, calibration and presence in sequence."""

from __future__ import annotations

from streamer.frames import CameraFrame
from streamer.options import Phase
from streamer.tracking.calibration import Calibration
from streamer.tracking.habits import Habits
from streamer.tracking.motion import CONFIDENCE, KEYFRAME, Motion
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.presence import NEUTRAL, Presence
from streamer.tracking.shown_body import ShownBody
from streamer.tracking.tracker import TrackedMotion

MIN_CLOTHES_CONFIDENCE = 0.8  # confidence of the torso, from which the clothes tell how the shoulders move
FACE_LOST_S = 0.5  # without a face, after which the phase is "lost"


class PersonTracker:
    """The `Tracker` of a live session. Not thread-safe: made, used and closed by one tracking thread."""

    def __init__(self, body: bool = True, smooth: bool = True) -> None:
        self._extractor = MotionExtractor(body=body, smooth=smooth)
        self._calibration = Calibration()
        self._habits = Habits()
        self._presence = Presence()
        self._neutral: Motion | None = None
        self._last_face: float | None = None  # seconds, when one was found

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """Track one picture, in the order of capture."""
        motion = self._habits.update(self._extractor.process(frame))
        neutral = self._calibration.update(motion)
        if neutral is not None:
            if self._calibration.is_deliberate and neutral is self._calibration.neutral:
                self._habits.trust(neutral)
            neutral = self._habits.relate(neutral, frame.captured)
        self._neutral = neutral
        self._extractor.clothes_suffice = neutral is not None and _clothes_tell(motion, neutral)
        if motion.face is not None:
            self._last_face = frame.captured
        return self._resolve(motion, frame.captured)

    def idle(self, now: float) -> TrackedMotion:
        """The motion while no picture comes. now: seconds on the clock of the pictures."""
        return self._resolve(Motion(now), now)

    def look_for(self, shown: ShownBody) -> None:
        """See `Tracker`."""
        self._extractor.shown = shown

    def calibrate(self) -> None:
        """Measure the neutral again, from the next steady pictures."""
        self._calibration.request()

    def close(self) -> None:
        """Release the models and the thread; may be called twice."""
        self._extractor.close()

    def _resolve(self, motion: Motion, now: float) -> TrackedMotion:
        shown = self._presence.resolve(motion, self._neutral, now)
        return TrackedMotion(shown, self._neutral or NEUTRAL, self._phase(now), self._calibration.progress)

    def _phase(self, now: float) -> Phase:
        if self._last_face is None or now - self._last_face > FACE_LOST_S:
            return "lost"
        return "live" if self._calibration.progress >= 1 else "calibrating"


def _clothes_tell(motion: Motion, neutral: Motion) -> bool:
    """Whether the clothes tell how the shoulders have moved since the neutral."""
    now, before = motion.torso[0], neutral.torso[0]
    return bool(now[KEYFRAME] == before[KEYFRAME] and min(now[CONFIDENCE], before[CONFIDENCE]) > MIN_CLOTHES_CONFIDENCE)
