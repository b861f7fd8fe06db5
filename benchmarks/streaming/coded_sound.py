"""A microphone whose sound tells when it was made: the pitch rises in steps and begins again, as a clock's hand."""

from __future__ import annotations

import asyncio
import fractions
import time

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from numpy.typing import NDArray

from streamer.runtime import pacing

STEP_S = 0.1  # for which a pitch lasts
STEPS = 24  # until the first pitch again: longer delays cannot be told
LOWEST_HZ, RISE_HZ = 500.0, 120.0  # multiples of 1 / STEP_S, so that the wave has no jumps; all below 4 kHz
AMPLITUDE = 8000
MIN_LEVEL = 400.0  # root mean square, below which there is silence
FRAME_S = 0.02
BIN_HZ = 10.0  # resolution of the spectrum

Samples = NDArray[np.int16]


class CodedMicrophone(MediaStreamTrack):
    """rate: samples a second; may be changed between two connections. began: seconds on `time.monotonic`, at which the
    first pitch began. A frame is sent once its last sample was heard.
    """

    kind = "audio"

    def __init__(self, rate: int = 48_000) -> None:
        super().__init__()
        self.rate = rate
        self.began = 0.0
        self._pace: pacing.Pace | None = None

    async def recv(self) -> AudioFrame:
        """The next 20 ms, mono."""
        now = time.monotonic()
        if self._pace is None:
            self._pace, self.began = pacing.begin(now, 1 / FRAME_S), now
        await asyncio.sleep(pacing.wait(self._pace, now))
        if self.readyState != "live":
            raise MediaStreamError
        tick = self._pace.tick
        self._pace = pacing.advance(self._pace, time.monotonic())
        count = round(self.rate * FRAME_S)
        frame = AudioFrame.from_ndarray(self.sound((tick - 1) * FRAME_S, count)[None], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = self.rate, tick * count, fractions.Fraction(1, self.rate)
        return frame

    def sound(self, start_s: float, count: int) -> Samples:
        """(count,) samples from so many seconds after `began`."""
        return coded_sound(start_s, count, self.rate)

    def delay_s(self, step: int, at: float) -> float:
        """How long before `at`, seconds on `time.monotonic`, the pitch of a step began last."""
        since = at - self.began
        last = int(since / STEP_S)
        return since - (last - (last - step) % STEPS) * STEP_S


def coded_sound(start_s: float, count: int, rate: int) -> Samples:
    """(count,) int16 samples from so many seconds after the first pitch began."""
    seconds = start_s + np.arange(count) / rate
    pitch = LOWEST_HZ + RISE_HZ * (np.floor(seconds / STEP_S + 1e-9) % STEPS)
    return np.rint(AMPLITUDE * np.sin(2 * np.pi * pitch * seconds)).astype(np.int16)


def read_step(samples: Samples, rate: int) -> int | None:
    """The step 0..STEPS-1 that sounds in (N,) samples; None for silence and anything else."""
    sound = samples.astype(np.float64)
    if not len(sound) or np.sqrt(np.mean(sound**2)) < MIN_LEVEL:
        return None
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), max(len(sound), round(rate / BIN_HZ))))
    pitch = float(np.argmax(spectrum)) * rate / max(len(sound), round(rate / BIN_HZ))
    step = round((pitch - LOWEST_HZ) / RISE_HZ)
    return step if 0 <= step < STEPS else None
