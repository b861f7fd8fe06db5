"""What the engine needs of a tracker: camera pictures in, motions to draw out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamer.frames import CameraFrame
from streamer.options import LARGEST_PERSON, Obstacle, Phase
from streamer.tracking.motion import Motion
from streamer.tracking.presence import is_measured
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an avatar needs of the people before the camera.

    shown: what of a body each of its characters shows, from left to right. who: whom to follow for a single one, see
    `People`. mirrored: whether left and right are those of a mirror. body: whether bodies and hands are looked at.
    smoothing: 0..2, see `MotionFilter`.
    """

    shown: tuple[ShownBody, ...] = (WHOLE_BODY,)
    who: str = LARGEST_PERSON
    mirrored: bool = False
    body: bool = True
    smoothing: float = 1.0


@dataclass(frozen=True, slots=True)
class TrackedMotion:
    """A motion to draw (its face is never None) and the neutral that it is measured against.

    phase, progress: state of tracking and of the calibration (0..1), for the page.
    responding: False if the tracker does not answer and this is an idle motion in place of its own. others: motion and
    neutral for each further character, from left to right. people: how many are seen before the camera. obstacle: what
    keeps the calibration from going on.
    """

    motion: Motion
    neutral: Motion
    phase: Phase = "live"
    progress: float = 1.0
    responding: bool = True
    others: tuple[tuple[Motion, Motion], ...] = ()
    people: int = 0
    obstacle: Obstacle | None = None

    @property
    def neutrals(self) -> tuple[Motion | None, ...]:
        """What `Tracker.adopt` needs to go on: the neutral of each character's driver, None before a calibration."""
        return tuple(each if is_measured(each) else None for each in (self.neutral, *(own for _, own in self.others)))


class Tracker(Protocol):
    """Turns camera pictures into motions to draw. Made, used and closed by one tracking thread."""

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """The motion of one picture; pictures come in the order of their capture."""
        ...

    def idle(self, now: float) -> TrackedMotion:
        """The motion while no picture comes. now: seconds on the clock of the pictures."""
        ...

    def look_for(self, wanted: Wanted) -> None:
        """From the next picture on, track as many people, and these only as closely, as an avatar needs."""
        ...

    def calibrate(self) -> None:
        """Measure the neutral again, from the next pictures."""
        ...

    def adopt(self, neutrals: tuple[Motion | None, ...]) -> None:
        """Measure against neutrals that another tracker found of the same people, from left to right, instead of
        calibrating; None for a character whose driver has none yet. To be called before the first picture.
        """
        ...

    def close(self) -> None:
        """Release models, threads and processes."""
        ...
