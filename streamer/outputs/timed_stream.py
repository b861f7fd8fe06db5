"""The timing of a stream to a media server: when a frame is shown, and which sound belongs to it."""

from __future__ import annotations

from streamer.frames import KEY, AvatarFrame, Image, over_colour
from streamer.outputs.avatar_muxer import SAMPLES_PER_BLOCK, AvatarMuxer
from streamer.outputs.link import Link
from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.virtual_camera import fit_to_size
from streamer.webrtc.delayed_audio import MAX_DELAY_S, MIN_DELAY_S, DelayLine, SmoothedDelay

HOLD_INTERVAL_S = 0.2  # from a frame until it is sent again, where no other has come
MAX_LATE_S = 1.0  # by which the sound is late, as when the machine slept, until what is missing is left out
BLOCK_S = SAMPLES_PER_BLOCK / SAMPLE_RATE


class TimedStream:
    """One stream, of the size of its first frame. All times are seconds on one clock.

    A frame gets the time of its sending, which is even. The sound is later than it came by as much as the frame is
    later than its camera picture, but by MIN_DELAY_S at least; by what is missing to that, the frame is shown later.

    first: is held until another comes. started_at: when the stream begins. Others as in `AvatarMuxer`.
    """

    def __init__(self, link: Link, first: AvatarFrame, fps: float, bitrate: int, started_at: float) -> None:
        self._width, self._height = (side + side % 2 for side in first.rgb.shape[1::-1])
        self._muxer = AvatarMuxer(link.write, link.container, self._width, self._height, fps, bitrate)
        self._started_at = started_at
        self._smoothed = SmoothedDelay()
        self._delay = MIN_DELAY_S  # from a camera picture to its frame, with what sound is later by; smoothed
        self._block = 0
        self._rgb = self._fit(first)
        self._shown_at = started_at - HOLD_INTERVAL_S

    @property
    def next_due(self) -> float:
        """When the next sound is due."""
        return self._started_at + self._block * BLOCK_S

    def show(self, frame: AvatarFrame | None, now: float, lag_s: float) -> None:
        """Send a frame; None: the last one again, if that is due. lag_s: by how much what the sound moves is later than
        what the camera moves.
        """
        if frame is not None:
            self._rgb = self._fit(frame)
            self._delay = self._smoothed.add(min(max(0.0, now - frame.captured + lag_s), MAX_DELAY_S))
        elif now - self._shown_at < HOLD_INTERVAL_S:
            return
        self._shown_at = now
        self._muxer.write_picture(self._rgb, now - self._started_at + self._sound_delay - self._delay)

    def play(self, line: DelayLine, now: float) -> None:
        """Send the sound that is due, silence where there is none."""
        if now - self.next_due > MAX_LATE_S:
            self._block = round((now - self._started_at) / BLOCK_S)
        while self.next_due <= now:
            samples = line.pull(SAMPLES_PER_BLOCK, self.next_due, self._sound_delay)
            self._muxer.write_sound(samples, self._block)
            self._block += 1

    def close(self) -> None:
        """Write what the container ends with."""
        self._muxer.close()

    def _fit(self, frame: AvatarFrame) -> Image:
        return fit_to_size(over_colour(frame, KEY), self._width, self._height)

    @property
    def _sound_delay(self) -> float:
        return max(MIN_DELAY_S, self._delay)
