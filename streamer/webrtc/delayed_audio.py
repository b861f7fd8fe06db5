"""The microphone's sound, delayed by the latency of the avatar video so that both stay in sync."""

from __future__ import annotations

import asyncio
import fractions
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from streamer.runtime import pacing
from streamer.runtime.sound_feed import CHANNELS, SAMPLE_RATE, Samples

SAMPLES_PER_FRAME = SAMPLE_RATE // 50  # 20 ms, the frame length of Opus
CAPACITY_S = 2.0  # of sound in the ring buffer
MAX_DELAY_S = 1.5
MIN_DELAY_S = 0.08  # a frame being read, one being heard, and as much for packets that come late, which are silence
MAX_SPEED_CHANGE = 0.01  # share by which playback is faster or slower to follow the delay: 1/6 semitone, inaudible
FINE_ERROR_S = 0.04  # of the read position, up to which it is inaudible; larger ones are corrected faster
MAX_FAST_CHANGE = 0.05  # share of the speed for these: nearly a semitone, for a second or two after a disturbance
MAX_POSITION_ERROR_S = 0.12  # a larger error of the read position is corrected in one jump
ARRIVAL_GAP_S = 0.1  # a packet that is so much early or late restarts the estimate of arrival times
ARRIVAL_SMOOTHING = 0.05  # weight of the newest arrival time in that estimate
DELAY_WINDOW = (
    50  # frames over which the median of the delay is taken: the first after the machine slept are seconds late
)
MAX_SILENCE_S = 1.0  # in place of missing frames; after more, the sound begins anew
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
        self._read_position: float | None = None  # of the next sample to pull; fractional when the speed is not 1

    def push(self, samples: Samples, at: float) -> None:
        """Append samples (N, 2), int16 at 48 kHz, the last of which arrived at `at` seconds."""
        samples = samples[-len(self._ring) :]
        with self._lock:
            indices = (self._write_position + np.arange(len(samples))) % len(self._ring)
            self._ring[indices] = samples
            # Arrival times have jitter, samples have none: smooth the times, except at the start and after a gap.
            expected = self._newest_at + len(samples) / SAMPLE_RATE
            restarts = self._write_position == 0 or abs(at - expected) > ARRIVAL_GAP_S
            self._newest_at = at if restarts else expected + ARRIVAL_SMOOTHING * (at - expected)
            self._write_position += len(samples)

    def pull(self, count: int, now: float, delay: float) -> Samples:
        """Return the samples (count, 2) that arrived from `now - delay` on, seconds; zeros where there are none."""
        with self._lock:
            wanted = self._write_position - (self._newest_at - now + min(delay, MAX_DELAY_S)) * SAMPLE_RATE
            position = self._read_position
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


class DelayedAudioTrack(MediaStreamTrack):
    """The microphone's sound, `delay()` seconds later, as evenly paced frames of 20 ms; silence where no sound came.

    delay: seconds. clock: seconds, injectable for tests.
    """

    kind = "audio"

    def __init__(
        self, line: DelayLine, delay: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._clock = clock
        self._line = line
        self._delay = delay
        self._pace: pacing.Pace | None = None
        self._smoothed_delay = SmoothedDelay()

    async def recv(self) -> AudioFrame:
        """The next 20 ms, 48 kHz stereo. Raises MediaStreamError once stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        now = self._clock()
        pace = self._pace or pacing.begin(now, SAMPLE_RATE / SAMPLES_PER_FRAME)
        await asyncio.sleep(pacing.wait(pace, now))
        tick = pace.tick
        self._pace = pacing.advance(pace, self._clock())
        delay = self._smoothed_delay.add(min(max(MIN_DELAY_S, self._delay()), MAX_DELAY_S))
        samples = self._line.pull(SAMPLES_PER_FRAME, pace.due, delay)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = tick * SAMPLES_PER_FRAME, fractions.Fraction(1, SAMPLE_RATE)
        return frame


async def pump_audio(track: MediaStreamTrack, line: DelayLine, on_sound: Callable[[Samples], None]) -> None:
    """Decode a remote audio track into a delay line until the track ends. Its frames may change their rate, their
    sample format and the number of their channels, as when the page's codec does. Where frames are missing, silence of
    their length takes their place, so that what follows is not early. on_sound: gets all that goes into the line.
    """

    def push(samples: Samples) -> None:
        line.push(samples, time.monotonic())
        on_sound(samples)

    kind: tuple[str, str, int] | None = None
    resampler = _make_resampler()
    next_pts: int | None = None  # of the frame that should follow, in samples
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame)
        if kind != (kind := (frame.format.name, frame.layout.name, frame.sample_rate)):
            resampler = _make_resampler()  # PyAV's converts one kind of frames only
            next_pts = None
        missing = 0 if next_pts is None or frame.pts is None else frame.pts - next_pts
        if 0 < missing <= MAX_SILENCE_S * frame.sample_rate:
            silence = np.zeros((round(missing * SAMPLE_RATE / frame.sample_rate), CHANNELS), np.int16)
            push(silence)
        next_pts = None if frame.pts is None else frame.pts + frame.samples
        for resampled in resampler.resample(frame):
            push(resampled.to_ndarray().astype(np.int16, copy=False).reshape(-1, CHANNELS))


def _make_resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE)
