"""What the engine needs of a tracker: camera pictures in, motions to draw out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streamer.frames import CameraFrame
from streamer.options import Phase
from streamer.tracking.motion import Motion
from streamer.tracking.shown_body import ShownBody


@dataclass(frozen=True, slots=True)
class TrackedMotion:
    """A motion to draw (its face is never None) and the neutral that it is measured against.

    phase, progress: state of tracking and of the calibration (0..1), for the page.
    responding: False if the tracker does not answer and this is an idle motion in place of its own.
    """

    motion: Motion
    neutral: Motion
    phase: Phase = "live"
    progress: float = 1.0
    responding: bool = True


class Tracker(Protocol):
    """Turns camera pictures into motions to draw. Made, used and closed by one tracking thread."""

    def track(self, frame: CameraFrame) -> TrackedMotion:
        """The motion of one picture; pictures come in the order of their capture."""
        ...

    def idle(self, now: float) -> TrackedMotion:
        """The motion while no picture comes. now: seconds on the clock of the pictures."""
        ...

    def look_for(self, shown: ShownBody) -> None:
        """From the next picture on, look at the driver's body only as closely as an avatar with this picture needs."""
        ...

    def calibrate(self) -> None:
        """Measure the neutral again, from the next pictures."""
        ...

    def close(self) -> None:
        """Release models, threads and processes."""
        ...
