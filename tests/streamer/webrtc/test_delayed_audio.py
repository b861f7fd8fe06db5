"""The microphone's sound on its way to the page and back."""

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
from streamer.webrtc.delay_line import DelayLine
from streamer.webrtc.delayed_audio import SAMPLES_PER_FRAME, DelayedAudioTrack, pump_audio


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
