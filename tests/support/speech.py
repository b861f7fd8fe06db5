"""Sound that a detector takes for a voice, and whose mouth is known."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.voice.log_mel import SAMPLE_RATE

Formants = tuple[tuple[float, float], ...]  # Hz, and by how much each goes up and down
ALL_VOWELS: Formants = ((600, 200), (1400, 400), (2600, 200))
OPEN_VOWELS: Formants = ((750, 60), (1200, 80), (2500, 50))  # a
CLOSE_VOWELS: Formants = ((290, 20), (2250, 80), (3000, 50))  # i


def vowels(seconds: float = 2.0, formants: Formants = ALL_VOWELS) -> np.ndarray:
    """A buzz of 120 Hz through three moving formants, which a detector takes for a voice."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.zeros(len(time))
    for harmonic in range(1, 40):
        hertz = harmonic * (120 + 15 * np.sin(2 * np.pi * 1.3 * time))
        gain = sum(np.exp(-(((hertz - (f + d * np.sin(2 * np.pi * 3 * time))) / 120) ** 2)) for f, d in formants)
        sound += gain * np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)
    loud = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    return (0.2 * sound * loud / np.abs(sound).max()).astype(np.float32)


def make_voice(path: Path, pieces: Sequence[np.ndarray]) -> Path:
    """Write samples in ±1 as a WAV file of one channel."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((np.concatenate(pieces) * 32767).astype("<i2").tobytes())
    return path
