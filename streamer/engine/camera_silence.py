"""For how long a camera has sent nothing that it usually sends, and how long to wait for its next picture."""

from __future__ import annotations

import math

from streamer.engine.draw_schedule import RecentDurations

CAMERA_IDLE_S = 0.25  # without a camera picture, until the avatar shows its idle motion
IDLE_FPS = 25.0
USUAL_QUANTILE = 0.75  # of the times between pictures
VOICE_FPS = 50.0  # that are looked at while somebody speaks whose face no camera shows: each step of their voice
PACKET_S = 0.02  # of sound
LATE_PACKET_S = 0.02  # by which a packet is later than usual, before a frame is begun without it
LATE_S = 0.04  # by which a picture is later than usual, before a voice moves the mouth without it


class CameraSilence:
    """The pictures of one session's camera, as its tracking thread takes them. Times: seconds on `time.monotonic`."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._periods = RecentDurations()

    def notice(self, received_at: float) -> None:
        """A picture was taken."""
        if self._last is not None:
            self._periods.add(min(received_at - self._last, CAMERA_IDLE_S))
        self._last = received_at

    def lasts_s(self, now: float) -> float:
        """Seconds since the last picture; infinity before the first."""
        return math.inf if self._last is None else now - self._last

    def is_idle(self, now: float) -> bool:
        """Whether it lasts so long that the avatar shows its idle motion."""
        return self.lasts_s(now) >= CAMERA_IDLE_S

    def is_late(self, now: float) -> bool:
        """Whether the next picture should have come."""
        return self.lasts_s(now) >= self._late_after_s

    @property
    def _late_after_s(self) -> float:
        """Seconds after a picture, until the next one is late."""
        return min(self._periods.quantile(USUAL_QUANTILE) + LATE_S, CAMERA_IDLE_S)

    def patience_s(self, now: float, began_at: float, sound_at: float | None, fps: float = IDLE_FPS) -> float:
        """How long to wait for the next picture before a frame is begun without it; 0: no longer.

        began_at: of the last frame. sound_at: when the last packet of a voice came that moves the mouth meanwhile; None
        where nobody is heard. fps: frames a second meanwhile, at most. Frames then begin when a packet comes, so that
        no sound waits for a frame: ask again after each.
        """
        if sound_at is None:
            return max(CAMERA_IDLE_S - self.lasts_s(now), began_at + 1 / fps - now, 0.0)
        due = max(now + self._late_after_s - self.lasts_s(now), began_at + 1 / fps)
        earliest = due - PACKET_S / 2
        if now < earliest:
            return earliest - now
        if sound_at > began_at and sound_at >= max(earliest, now - PACKET_S / 2):
            return 0.0
        return max(max(due, sound_at + PACKET_S) + LATE_PACKET_S - now, 0.0)
