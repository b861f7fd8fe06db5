from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from aiortc import AudioStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from streamer.runtime.meter import TOTAL, Meter
from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.webrtc import delayed_audio
from streamer.webrtc.delayed_audio import (
    CAPACITY_S,
    SAMPLES_PER_FRAME,
    DelayedAudioTrack,
    DelayLine,
    pump_audio,
)


def ramp(start: int, count: int) -> np.ndarray:
    """Samples (count, 2) whose value is their position modulo 30,000."""
    return np.repeat((np.arange(start, start + count) % 30_000)[:, None], 2, 1).astype(np.int16)


def play(line: DelayLine, delays: list[float], clip: list[np.ndarray] | None = None) -> np.ndarray:
    """Push and pull one frame of 20 ms per delay; returns the pulled samples (N, 2)."""
    out = []
    for number, delay in enumerate(delays):
        now = number * 0.02
        line.push(ramp(number * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME) if clip is None else clip[number], now)
        out.append(line.pull(SAMPLES_PER_FRAME, now, delay))
    return np.concatenate(out)


def test_delay_line_returns_the_samples_unchanged_after_the_delay() -> None:
    out = play(DelayLine(), [0.1] * 60)[:, 0]
    settled = out[20 * SAMPLES_PER_FRAME :].astype(int)
    # The newest frame ends now, and the pulled one begins 100 ms before now.
    late = round(0.1 * SAMPLE_RATE) - SAMPLES_PER_FRAME
    assert (settled == (np.arange(20 * SAMPLES_PER_FRAME, 60 * SAMPLES_PER_FRAME) - late) % 30_000).all()


def test_delay_line_is_silent_before_the_first_and_after_the_last_sample() -> None:
    line = DelayLine()
    assert not line.pull(SAMPLES_PER_FRAME, 0.0, 0.1).any()
    line.push(ramp(1000, SAMPLES_PER_FRAME), 0.02)
    assert line.pull(SAMPLES_PER_FRAME, 0.12, 0.1).shape == (SAMPLES_PER_FRAME, 2)
    assert not line.pull(SAMPLES_PER_FRAME, 5.0, 0.1).any()


def test_delay_line_follows_a_changing_delay_without_a_jump() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(600 * SAMPLES_PER_FRAME) / SAMPLE_RATE) * 10_000
    clip = list(np.repeat(tone[:, None], 2, 1).astype(np.int16).reshape(600, SAMPLES_PER_FRAME, 2))
    out = play(DelayLine(), [0.05] * 100 + [0.15] * 500, clip)[:, 0].astype(int)
    steepest = 10_000 * 2 * np.pi * 200 / SAMPLE_RATE
    assert np.abs(np.diff(out[50 * SAMPLES_PER_FRAME :])).max() < 1.1 * steepest + 2


def test_delay_line_reaches_a_changed_delay() -> None:
    line = DelayLine()
    out = play(line, [0.05] * 100 + [0.15] * 1100)[:, 0].astype(int)
    now = 1200 * SAMPLES_PER_FRAME
    assert (now - out[-1]) % 30_000 == pytest.approx(0.15 * SAMPLE_RATE, abs=0.01 * SAMPLE_RATE + SAMPLES_PER_FRAME)


def test_delay_line_limits_the_delay() -> None:
    out = play(DelayLine(), [60.0] * 200)[:, 0]
    assert out[-1] != 0


def test_delay_line_is_bounded_when_nothing_is_pulled() -> None:
    line = DelayLine()
    for number in range(500):
        line.push(ramp(number * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME), number * 0.02)
    assert line._ring.shape == (round(CAPACITY_S * SAMPLE_RATE), 2)
    line.push(np.zeros((5 * SAMPLE_RATE, 2), np.int16), 11.0)  # more at once than fits


async def test_delayed_audio_track_paces_its_frames_and_ends() -> None:
    line = DelayLine()
    track = DelayedAudioTrack(line, lambda: 0.1)
    frames = [await track.recv() for _ in range(3)]
    assert [frame.pts for frame in frames] == sorted({frame.pts for frame in frames})
    assert all(
        (frame.samples, frame.sample_rate, frame.layout.name) == (SAMPLES_PER_FRAME, SAMPLE_RATE, "stereo")
        for frame in frames
    )
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


class SleepyMachine:
    """A server whose clock stands still in between: sound, avatar frames and the track that delays the sound by their
    latency of .15 s. Samples hold their age in hundredths of a second.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.meter = Meter(lambda: self.now)
        self.line = DelayLine()
        self.track = DelayedAudioTrack(
            self.line, lambda: self.meter.percentiles(TOTAL)["p50"] / 1000, clock=lambda: self.now
        )
        monkeypatch.setattr(delayed_audio.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds

    async def run(self, seconds: float, late_frames: int = 0) -> list[float]:
        """Receive sound and frames, the first of them late; returns how old the sound was that left every 20 ms."""
        ages = []
        for number in range(round(seconds / 0.02)):
            self.line.push(np.full((SAMPLES_PER_FRAME, 2), round(100 * self.now), np.int16), self.now)
            if number % 2 == 0:
                self.meter.add({TOTAL: 10_000 if number < 2 * late_frames else 150})
            sound = (await self.track.recv()).to_ndarray()[0, 0]
            ages.append(self.now - sound / 100)
        return ages


@pytest.mark.parametrize("kept_packets", [0, 5, 50])
async def test_sound_is_in_time_again_soon_after_the_machine_slept(
    monkeypatch: pytest.MonkeyPatch, kept_packets: int
) -> None:
    """kept_packets: those of the sleep that the socket has kept."""
    machine = SleepyMachine(monkeypatch)
    before = (await machine.run(6.0))[-1]
    for packet in range(kept_packets):
        machine.line.push(
            np.full((SAMPLES_PER_FRAME, 2), round(100 * machine.now) + 2 * packet, np.int16), machine.now + 10
        )
    machine.now += 10.0
    after = await machine.run(3.0, late_frames=2)
    assert max(np.abs(np.array(after[75:]) - before)) < 0.045  # from 1.5 s on


class Microphone(AudioStreamTrack):
    """A tone of 400 Hz, one second of each kind (rate, layout), then the end."""

    def __init__(self, kinds: list[tuple[int, str]]) -> None:
        super().__init__()
        self._frames = iter(
            tone(rate, layout, start, rate // 50) for rate, layout in kinds for start in range(0, rate, rate // 50)
        )

    async def recv(self) -> AudioFrame:
        for frame in self._frames:
            return frame
        raise MediaStreamError


def tone(rate: int, layout: str, start: int, count: int) -> AudioFrame:
    wave = (8000 * np.sin(2 * np.pi * 400 * np.arange(start, start + count) / rate)).astype(np.int16)
    frame = AudioFrame.from_ndarray(np.repeat(wave, 2 if layout == "stereo" else 1)[None], format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
    return frame


class LossyMicrophone(Microphone):
    """Every fifth frame of one second is missing."""

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        return await super().recv() if frame.pts % (5 * frame.samples) == 0 and frame.pts else frame


class Recorder(DelayLine):
    """Keeps what is pushed."""

    def __init__(self) -> None:
        super().__init__()
        self.sound: list[np.ndarray] = []

    def push(self, samples: np.ndarray, at: float) -> None:
        self.sound.append(samples.copy())


async def test_missing_frames_are_silence_of_their_length() -> None:
    line = Recorder()
    await pump_audio(LossyMicrophone([(16_000, "mono")]), line, lambda samples: None)
    sound = np.concatenate(line.sound)[:, 0]
    assert len(sound) == pytest.approx(SAMPLE_RATE, rel=0.02)
    assert np.mean(sound == 0) == pytest.approx(9 / 50, abs=0.02)


async def test_sound_of_every_rate_arrives_also_when_it_changes() -> None:
    line, heard = Recorder(), []
    kinds = [(8_000, "mono"), (16_000, "mono"), (44_100, "stereo"), (48_000, "stereo"), (8_000, "mono")]
    await pump_audio(Microphone(kinds), line, heard.append)
    np.testing.assert_array_equal(np.concatenate(heard), np.concatenate(line.sound))
    sound = np.concatenate(line.sound)[:, 0].astype(float)
    assert len(sound) == pytest.approx(len(kinds) * SAMPLE_RATE, rel=0.02)
    for second in range(len(kinds)):
        spectrum = np.abs(np.fft.rfft(sound[second * SAMPLE_RATE :][SAMPLE_RATE // 4 : SAMPLE_RATE * 3 // 4]))
        assert 2 * int(spectrum.argmax()) == pytest.approx(400, abs=4), kinds[second]  # half a second: 2 Hz a bin
