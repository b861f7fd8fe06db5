"""Sound of any rate and number of channels becomes samples of one channel at 16 kHz."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from models.voice.log_mel import SAMPLE_RATE
from streamer.files.sound_samples import sound_samples
from streamer.files.video_reader import VideoError

HERTZ, SECONDS = 500, 0.5


def tone(path: Path, rate: int, channels: int) -> Path:
    """A WAV file with a tone at half of full scale in all channels."""
    track = 0.5 * np.sin(2 * np.pi * HERTZ / rate * np.arange(int(SECONDS * rate)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.repeat(track, channels) * 32767).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 6)])
def test_samples_are_mono_at_16_khz(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.concatenate(list(sound_samples(tone(tmp_path / "a.wav", rate, channels))))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(SECONDS * SAMPLE_RATE, abs=64)
    assert np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples) == pytest.approx(HERTZ, abs=3)
    assert 0.1 < np.abs(samples).max() <= 1


def test_file_without_sound_says_so(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes((Path(__file__).parents[3] / "assets" / "avatar.png").read_bytes())
    with pytest.raises(VideoError, match="has no sound: give a file in which somebody speaks"):
        list(sound_samples(picture, "The picture"))
