"""The microphone's sound, delayed by the latency of the avatar video so that both stay in sync."""

from __future__ import annotations

import asyncio
import fractions
import time
from collections.abc import Callable

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from streamer.runtime import pacing
from streamer.runtime.sound_feed import CHANNELS, SAMPLE_RATE, Samples
from streamer.webrtc.delay_line import MAX_DELAY_S, MIN_DELAY_S, DelayLine, SmoothedDelay

SAMPLES_PER_FRAME = SAMPLE_RATE // 50  # 20 ms, the frame length of Opus
MAX_SILENCE_S = 1.0  # in place of missing frames; after more, the sound begins anew


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
