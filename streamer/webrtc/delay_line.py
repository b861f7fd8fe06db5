"""Sound that waits as long as the picture does: a ring buffer that follows a changing delay without a jump."""

from __future__ import annotations

import statistics
import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from streamer.runtime.sound_feed import CHANNELS, SAMPLE_RATE, Samples

CAPACITY_S = 2.0  # of sound in the ring buffer
MAX_DELAY_S = 1.5
MIN_DELAY_S = 0.08  # a frame being read, one being heard, and as much for packets that come late, which are silence
MAX_SPEED_CHANGE = 0.01  # share by which playback is faster or slower to follow the delay: 1/6 semitone, inaudible
FINE_ERROR_S = 0.04  # of the read position, up to which it is inaudible; larger ones are corrected faster
MAX_FAST_CHANGE = 0.05  # share of the speed for these: nearly a semitone, for a second or two after a disturbance
MAX_POSITION_ERROR_S = 0.12  # a larger error of the read position is corrected in one jump
ARRIVAL_SMOOTHING = 0.05  # weight of the newest arrival time in the estimate of these times
MAX_JITTER_S = 0.02  # a packet that is earlier or later than this counts as if it were off by so much
ARRIVAL_GAP_S = 0.1  # a packet that is so much early restarts the estimate, and LATE_PACKETS that are so much late
LATE_PACKETS = 25  # in a row: fewer were only kept back, as by a busy machine, and the next ones are on time again
MAX_LATE_S = 1.0  # by which one packet is late that restarts the estimate, as after a pause of the microphone
DELAY_WINDOW = 50  # frames whose median delay is taken: the first after the machine slept are seconds late
DELAY_SMOOTHING = 0.02  # weight of the newest delay in the moving average, per frame


class DelayLine:
    """A ring buffer of samples with a variable delay, which is followed by playing slightly faster or slower.

    Positions count samples since the start. Any thread may push, one thread may pull. capacity_s: of sound that it
    holds, which bounds the memory.
    """

    def __init__(self, capacity_s: float = CAPACITY_S) -> None:
        self._lock = threading.Lock()
        self._ring = np.zeros((int(capacity_s * SAMPLE_RATE), CHANNELS), np.int16)
        self._write_position = 0  # after the newest sample
        self._newest_at = 0.0  # seconds: estimated arrival time of the newest sample
        self._late_packets = 0  # in a row
        self._next_pull = 0.0  # seconds: when the next samples are due
        self._read_position: float | None = None  # of the next sample to pull; fractional when the speed is not 1

    def push(self, samples: Samples, at: float) -> None:
        """Append samples (N, 2), int16 at 48 kHz, the last of which arrived at `at` seconds."""
        samples = samples[-len(self._ring) :]
        with self._lock:
            indices = (self._write_position + np.arange(len(samples))) % len(self._ring)
            self._ring[indices] = samples
            self._newest_at = self._arrival(self._newest_at + len(samples) / SAMPLE_RATE, at)
            self._write_position += len(samples)

    def _arrival(self, expected: float, at: float) -> float:
        """The estimated arrival time of samples that came `at` seconds: smoothed, since times of arrival have jitter
        and samples have none, except at the start and after a gap.
        """
        late = at - expected
        self._late_packets = self._late_packets + 1 if late > ARRIVAL_GAP_S else 0
        is_gap = late < -ARRIVAL_GAP_S or late > MAX_LATE_S or self._late_packets >= LATE_PACKETS
        if is_gap or self._write_position == 0:
            self._late_packets = 0
            return at
        if self._late_packets:
            return expected
        return expected + ARRIVAL_SMOOTHING * min(max(late, -MAX_JITTER_S), MAX_JITTER_S)

    def pull(self, count: int, now: float, delay: float) -> Samples:
        """Return the samples (count, 2) that arrived from `now - delay` on, seconds; zeros where there are none. Where
        calls were left out before, as of a track that was late, their samples are, too.
        """
        with self._lock:
            wanted = self._write_position - (self._newest_at - now + min(delay, MAX_DELAY_S)) * SAMPLE_RATE
            position = self._read_position
            left_out = round((now - self._next_pull) * SAMPLE_RATE)
            if position is not None and left_out > count / 2:
                position += left_out
            self._next_pull = now + count / SAMPLE_RATE
            if position is None or abs(wanted - position) > MAX_POSITION_ERROR_S * SAMPLE_RATE:
                position = wanted
            error = (wanted - position) / SAMPLE_RATE
            limit = MAX_SPEED_CHANGE if abs(error) <= FINE_ERROR_S else MAX_FAST_CHANGE
            speed = 1.0 + float(np.clip(error, -limit, limit))
            positions = position + speed * np.arange(count)
            self._read_position = position + speed * count
            before = np.floor(positions).astype(np.int64)
            fraction = (positions - before)[:, None]
            samples = (1 - fraction) * self._samples_at(before) + fraction * self._samples_at(before + 1)
        return np.rint(samples).astype(np.int16)

    def _samples_at(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, 2) the samples at whole positions (N,); zeros for those that are not in the ring."""
        oldest = max(0, self._write_position - len(self._ring))
        stored = (positions >= oldest) & (positions < self._write_position)
        return np.where(stored[:, None], self._ring[positions % len(self._ring)], 0).astype(np.float64)


class SmoothedDelay:
    """A moving average of the median of the last DELAY_WINDOW delays, seconds."""

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=DELAY_WINDOW)
        self._smoothed: float | None = None

    def add(self, delay: float) -> float:
        """Take a delay in. Returns the average."""
        self._delays.append(delay)
        median = statistics.median(self._delays)
        before = median if self._smoothed is None else self._smoothed
        self._smoothed = before + DELAY_SMOOTHING * (median - before)
        return self._smoothed
