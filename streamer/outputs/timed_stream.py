"""The timing of a stream to a media server: when a frame is shown, and which sound belongs to it."""

from __future__ import annotations

from streamer.frames import AvatarFrame, Image
from streamer.outputs.avatar_muxer import SAMPLES_PER_BLOCK, AvatarMuxer
from streamer.outputs.fitted_frame import fit_frame
from streamer.outputs.link import Link
from streamer.outputs.paced_sound import PacedSound
from streamer.webrtc.delay_line import DelayLine

HOLD_INTERVAL_S = 0.2  # from a frame until it is sent again, where no other has come


class TimedStream:
    """One stream, of the size of its first frame. All times are seconds on one clock.

    A frame gets the time of its sending, which is even, and its sound the same; where the sound cannot be there as
    soon, the frame is shown later.

    first: is held until another comes. started_at: when the stream begins. Others as in `AvatarMuxer`.
    """

    def __init__(self, link: Link, first: AvatarFrame, fps: float, bitrate: int, started_at: float) -> None:
        self._width, self._height = (side + side % 2 for side in first.rgb.shape[1::-1])
        self._muxer = AvatarMuxer(link.write, link.container, self._width, self._height, fps, bitrate)
        self._started_at = started_at
        self._sound = PacedSound(SAMPLES_PER_BLOCK, started_at)
        self._rgb = self._fit(first)
        self._shown_at = started_at - HOLD_INTERVAL_S

    @property
    def next_due(self) -> float:
        """When the next sound is due."""
        return self._sound.next_due

    def show(self, frame: AvatarFrame | None, now: float, lag_s: float) -> None:
        """Send a frame; None: the last one again, if that is due. lag_s: by how much what the sound moves is later than
        what the camera moves.
        """
        if frame is not None:
            self._rgb = self._fit(frame)
            self._sound.follow(now - frame.captured + lag_s)
        elif now - self._shown_at < HOLD_INTERVAL_S:
            return
        self._shown_at = now
        self._muxer.write_picture(self._rgb, now - self._started_at + self._sound.ahead_s)

    def play(self, line: DelayLine, now: float) -> None:
        """Send the sound that is due, silence where there is none."""
        for block, samples in self._sound.due(line, now):
            self._muxer.write_sound(samples, block)

    def close(self) -> None:
        """Write what the container ends with."""
        self._muxer.close()

    def _fit(self, frame: AvatarFrame) -> Image:
        return fit_frame(frame, self._width, self._height, alpha=False).rgb
