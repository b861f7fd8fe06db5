"""The microphone, held back until the avatar's mouth has caught up."""

from __future__ import annotations

import asyncio
import fractions
import threading
import time
from collections.abc import Callable

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from streamer.runtime import pacing

RATE = 48_000
CHANNELS = 2
CHUNK = RATE // 50  # 20 ms, what Opus wants
CAPACITY = 2.0  # seconds kept; a longer delay is cut to this
MAX_DELAY = 1.5
LEAST_DELAY = 0.06  # a chunk asked for, one on its way, their jitter: sooner there is only silence to give
HEAD_START = 0.08  # aiortc's audio buffer holds four packets back before the samples get here; video it does not
GENTLE = 0.01  # how much faster or slower sound may run to catch up: a sixth of a semitone, which nobody hears
JUMP = 0.25  # seconds of error beyond which it jumps at once

Samples = NDArray[np.int16]


class DelayLine:
    """Samples in at one time, out later; the delay may change and is followed gently.

    Positions count samples since the start. Any thread may push, one may pull. Nothing grows: a ring of `CAPACITY`
    seconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ring = np.zeros((int(CAPACITY * RATE), CHANNELS), np.int16)
        self._written = 0  # position after the newest sample
        self._newest = 0.0  # time at which it came
        self._read: float | None = None  # position of the next sample to give; fractional while the speed is not 1

    def push(self, samples: Samples, at: float) -> None:
        """samples: (N, 2) int16 at 48 kHz, whose last one came at `at` seconds."""
        samples = samples[-len(self._ring) :]
        with self._lock:
            where = (self._written + np.arange(len(samples))) % len(self._ring)
            self._ring[where] = samples
            # The arrival times jitter, the samples do not: follow the times slowly, save at the start and after a gap.
            expected = self._newest + len(samples) / RATE
            fresh = self._written == 0 or abs(at - expected) > 0.1
            self._newest = at if fresh else expected + 0.05 * (at - expected)
            self._written += len(samples)

    def pull(self, count: int, now: float, delay: float) -> Samples:
        """(count, 2): what was said from `delay` seconds before `now` on; silence where nothing is there yet, or no
        more.
        """
        with self._lock:
            goal = self._written - (self._newest - now + min(delay, MAX_DELAY)) * RATE
            if self._read is None or abs(goal - self._read) > JUMP * RATE:
                self._read = goal
            speed = 1.0 + float(np.clip((goal - self._read) / RATE, -GENTLE, GENTLE))
            where = self._read + speed * np.arange(count)
            self._read += speed * count
            first = np.floor(where).astype(np.int64)
            share = (where - first)[:, None]
            sound = (1 - share) * self._at(first) + share * self._at(first + 1)
        return np.rint(sound).astype(np.int16)

    def _at(self, position: NDArray[np.int64]) -> NDArray[np.float64]:
        known = (position >= max(0, self._written - len(self._ring))) & (position < self._written)
        return np.where(known[:, None], self._ring[position % len(self._ring)], 0).astype(np.float64)


class DelayedAudioTrack(MediaStreamTrack):
    """The microphone's sound, `delay()` seconds later, in even chunks of 20 ms; silence while the microphone says
    nothing.
    """

    kind = "audio"

    def __init__(self, line: DelayLine, delay: Callable[[], float]) -> None:
        super().__init__()
        self._line = line
        self._delay = delay
        self._pace: pacing.Pace | None = None
        self._smooth: float | None = None

    async def recv(self) -> AudioFrame:
        """The next 20 ms, 48 kHz stereo. Raises MediaStreamError once stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        pace = self._pace or pacing.begin(now, RATE / CHUNK)
        await asyncio.sleep(pacing.wait(pace, now))
        tick = pace.tick
        self._pace = pacing.advance(pace, time.monotonic())
        wanted = max(LEAST_DELAY, self._delay() - HEAD_START)
        self._smooth = wanted if self._smooth is None else self._smooth + 0.02 * (wanted - self._smooth)
        sound = self._line.pull(CHUNK, pace.due, self._smooth)
        frame = AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = tick * CHUNK, fractions.Fraction(1, RATE)
        return frame


async def pump_audio(track: MediaStreamTrack, line: DelayLine) -> None:
    """Move a remote microphone's sound into a delay line until the track ends."""
    resampler = AudioResampler(format="s16", layout="stereo", rate=RATE)
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame)
        for chunk in resampler.resample(frame):
            line.push(chunk.to_ndarray().astype(np.int16, copy=False).reshape(-1, CHANNELS), time.monotonic())
