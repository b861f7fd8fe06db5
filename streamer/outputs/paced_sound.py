"""The sound of an output that has a clock of its own: blocks of one length, evenly, from a delay line."""

from __future__ import annotations

from collections.abc import Iterator

from streamer.runtime.sound_feed import SAMPLE_RATE, Samples
from streamer.webrtc.delay_line import MAX_DELAY_S, MIN_DELAY_S, DelayLine, SmoothedDelay

MAX_LATE_S = 1.0  # by which the sound is late, as when the machine slept, until what is missing is left out


class PacedSound:
    """Blocks of block_samples since started_at, and how much later each is than it came. Seconds on one clock.

    The sound is later by as much as frames are later than their camera pictures, but by MIN_DELAY_S at least.
    """

    def __init__(self, block_samples: int, started_at: float) -> None:
        self._block_samples = block_samples
        self._started_at = started_at
        self._block = 0
        self._smoothed = SmoothedDelay()
        self._newest_delay: float | None = None  # of a frame
        self._frame_delay = MIN_DELAY_S  # smoothed

    @property
    def next_due(self) -> float:
        """When the next block is due."""
        return self._started_at + self._block * self._block_samples / SAMPLE_RATE

    @property
    def delay_s(self) -> float:
        return max(MIN_DELAY_S, self._frame_delay)

    @property
    def ahead_s(self) -> float:
        """By how much a frame that is sent now is earlier than its sound."""
        return self.delay_s - self._frame_delay

    def follow(self, frame_delay_s: float) -> None:
        """Tell how much later a frame is than its camera picture, and than the sound that moves it."""
        self._newest_delay = min(max(0.0, frame_delay_s), MAX_DELAY_S)

    def due(self, line: DelayLine, now: float) -> Iterator[tuple[int, Samples]]:
        """The number and the samples (block_samples, 2) of each block that is due, silence where there is no sound."""
        if now - self.next_due > MAX_LATE_S:
            self._block = round((now - self._started_at) * SAMPLE_RATE / self._block_samples)
        while self.next_due <= now:
            if self._newest_delay is not None:
                self._frame_delay = self._smoothed.add(self._newest_delay)
            yield self._block, line.pull(self._block_samples, self.next_due, self.delay_s)
            self._block += 1
