"""What the engine needs of a tracker: camera pictures in, motions to draw out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamer.effort import FULL
from streamer.frames import CameraFrame
from streamer.options import LARGEST_PERSON, Obstacle, Phase
from streamer.tracking.idle_habits import USUAL_HABITS, IdleHabits
from streamer.tracking.motion import Motion
from streamer.tracking.people import People
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an avatar needs of the people before the camera.

    shown: what of a body each of its characters shows, from left to right. who: whom to follow for a single one, see
    `People`. mirrored: whether left and right are those of a mirror. body: whether bodies and hands are looked at.
    smoothing: 0..2, see `MotionFilter`. body_share: as `Effort`. idle: how the first character idles.
    """

    shown: tuple[ShownBody, ...] = (WHOLE_BODY,)
    who: str = LARGEST_PERSON
    mirrored: bool = False
    body: bool = True
    smoothing: float = 1.0
    body_share: float = FULL.body_share
    idle: IdleHabits = USUAL_HABITS


@dataclass(frozen=True, slots=True)
class DriverState:
    """What is known of the driver of one character.

    neutral: None before a calibration. is_calibrated_anew: whether a calibration that was requested is running.
    """

    neutral: Motion | None = None
    is_calibrated_anew: bool = False


@dataclass(frozen=True, slots=True)
class Handover:
    """What a tracker needs to go on in place of another.

    drivers: of the characters, from left to right. people: who is before the camera, and who of them is followed; None
    if nobody kept them apart.
    """

    drivers: tuple[DriverState, ...] = ()
    people: People | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether each character's driver has a neutral."""
        return bool(self.drivers) and all(driver.neutral is not None for driver in self.drivers)


@dataclass(frozen=True, slots=True)
class TrackedMotion:
    """A motion to draw (its face is never None) and the neutral that it is measured against.

    phase, progress: state of tracking and of the calibration (0..1), for the page.
    responding: False if the tracker does not answer and this is an idle motion in place of its own. others: motion and
    neutral for each further character, from left to right. people: how many are seen before the camera. obstacle: what
    keeps the calibration from going on. handover: for a tracker that takes the place of this one. is_seen:
    whether the first driver's face was found in the last picture, of which `phase` tells only FACE_LOST_S later.
    """

    motion: Motion
    neutral: Motion
    phase: Phase = "live"
    progress: float = 1.0
    responding: bool = True
    others: tuple[tuple[Motion, Motion], ...] = ()
    people: int = 0
    obstacle: Obstacle | None = None
    handover: Handover = Handover()
    is_seen: bool = True


class Tracker(Protocol):
    """Turns camera pictures into motions to draw. Made, used and closed by one tracking thread."""

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """The motion of one picture; pictures come in the order of their capture."""
        ...

    def idle(self, now: float) -> TrackedMotion:
        """The motion while no picture comes. now: seconds on the clock of the pictures."""
        ...

    def idle_soon(self, now: float) -> TrackedMotion | None:
        """As `idle`, without waiting: what was answered since this was asked last, and asks for the next one; None
        where nothing was, until a tracker that does not answer is replaced by an idle motion without it.
        """
        ...

    def look_for(self, wanted: Wanted) -> None:
        """From the next picture on, track as many people, and these only as closely, as an avatar needs."""
        ...

    def calibrate(self) -> None:
        """Measure the neutral again, from the next pictures."""
        ...

    def adopt(self, handover: Handover) -> None:
        """Go on in place of another tracker: follow the same people, measure against their neutrals instead of
        calibrating, and begin a requested calibration again that did not end. To be called before the first picture,
        after `look_for`.
        """
        ...

    def close(self) -> None:
        """Release models, threads and processes."""
        ...
