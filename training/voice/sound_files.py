"""Sound files that synthesisers write."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from training.voice.phonemes import Samples


def read_wave(path: Path) -> tuple[Samples, int]:
    """Samples ±1 of a WAV file of 16 bits in one channel, and their rate in Hz."""
    with wave.open(str(path)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return raw.astype(np.float32) / 32768, file.getframerate()
