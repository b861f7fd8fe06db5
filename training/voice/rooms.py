"""What a voice goes through before it is samples: a room, noise, a microphone, a wrong level.

And sounds without a voice, over which a mouth stays shut.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from models.voice.log_mel import SAMPLE_RATE
from training.voice.phonemes import Samples

SPEECH_RMS = 0.08  # a voice as an ordinary microphone gives it


def at_16_khz(samples: Samples, rate: int, speed: float = 1.0) -> Samples:
    """Samples at SAMPLE_RATE; a speed over 1 also raises pitch and formants, as a smaller speaker has them."""
    up, down = SAMPLE_RATE, round(rate * speed)
    common = np.gcd(up, down)
    if max(up // common, down // common) > 1000:  # a ratio within a tenth of a per cent, with a short filter
        up, down = 400, round(400 * down / up)
        common = np.gcd(up, down)
    return np.asarray(resample_poly(samples, up // common, down // common), np.float32)


def in_a_room(samples: Samples, random: np.random.Generator) -> Samples:
    """Samples with an exponentially decaying room of 0.1 to 0.7 s, most of them near to the microphone."""
    decay_s = random.uniform(0.1, 0.7)
    length = int(decay_s * SAMPLE_RATE)
    tail = random.normal(0, 1, length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= random.uniform(0.02, 0.5) / np.sqrt((tail**2).sum())
    tail[: int(0.002 * SAMPLE_RATE)] = 0
    tail[0] = 1
    return np.asarray(fftconvolve(samples, tail)[: len(samples)], np.float32)


def through_a_microphone(samples: Samples, random: np.random.Generator) -> Samples:
    """Samples with the band of a microphone or a telephone, a tilt of the spectrum, another level, at times clipped."""
    low, high = random.uniform(50, 300), random.choice([3400, 4000, 5500, 7500])
    banded = sosfilt(butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), samples)
    tilt = random.uniform(-0.5, 0.6)
    banded = banded - tilt * np.concatenate([[0], banded[:-1]])
    level = SPEECH_RMS * 10 ** (random.uniform(-20, 8) / 20)
    banded = banded * level / (np.sqrt((banded**2).mean()) + 1e-6)
    if random.random() < 0.1:
        ceiling = random.uniform(0.3, 0.8) * np.abs(banded).max()
        banded = np.clip(banded, -ceiling, ceiling)
    return np.clip(banded, -1, 1).astype(np.float32)


def coloured_noise(length: int, random: np.random.Generator, slope: float) -> Samples:
    """Noise (length,) of rms 1 whose power falls by `slope` decades a decade: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(random.normal(0, 1, length))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** (-slope / 2)
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / (noise.std() + 1e-9), np.float32)


def beside_noise(samples: Samples, random: np.random.Generator) -> Samples:
    """Samples and noise 5 to 45 dB below them."""
    level = np.sqrt((samples**2).mean()) * 10 ** (-random.uniform(5, 45) / 20)
    noise = without_voice(len(samples), random) if random.random() < 0.3 else None
    if noise is None:
        noise = coloured_noise(len(samples), random, random.uniform(0, 2))
    return samples + noise * np.float32(level / (noise.std() + 1e-9))


def without_voice(length: int, random: np.random.Generator) -> Samples:
    """Sound (length,) of rms near 1 that nobody speaks: noise, hum, keys, music."""
    kind = random.choice(["noise", "hum", "keys", "music", "music"])
    time = np.arange(length) / SAMPLE_RATE
    sound = coloured_noise(length, random, random.uniform(0, 2)) * np.float32(0.1)
    if kind == "noise":
        sound = sound * (1 + np.sin(2 * np.pi * random.uniform(0.1, 2) * time)).astype(np.float32)
    elif kind == "hum":
        hertz = random.choice([50, 60, 100, 120])
        sound = sound + sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8))
    elif kind == "keys":
        for start in random.uniform(0, length, int(length / SAMPLE_RATE * random.uniform(2, 12))).astype(int):
            click = random.normal(0, 1, 800) * np.exp(-np.arange(800) / random.uniform(20, 200))
            sound[start : start + 800] += click[: max(0, length - start)]
    else:
        sound = sound * 0.1 + _music(length, random)
    return np.asarray(sound / (sound.std() + 1e-9), np.float32)


def _music(length: int, random: np.random.Generator) -> Samples:
    """Notes of decaying harmonics on a scale, one to four at once, with a drum on some beats."""
    sound = np.zeros(length, np.float32)
    beat = int(SAMPLE_RATE * random.uniform(0.15, 0.6))
    decay, brightness = random.uniform(0.1, 1.5), random.uniform(0.5, 2)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    for start in range(0, length, beat):
        count = min(length - start, beat * 3)
        time = np.arange(count) / SAMPLE_RATE
        for note in random.choice(scale, random.integers(1, 5)):
            hertz = 130.8 * 2 ** (note / 12 + random.integers(0, 3))
            partials = sum(np.sin(2 * np.pi * hertz * k * time) / k**brightness for k in range(1, 9))
            sound[start : start + count] += (partials * np.exp(-time / decay)).astype(np.float32)
        if random.random() < 0.5:
            sound[start : start + count] += (random.normal(0, 2, count) * np.exp(-time / 0.04)).astype(np.float32)
    return sound


def recorded(samples: Samples, random: np.random.Generator) -> Samples:
    """Clean samples as some microphone somewhere records them: room, noise, band, level."""
    if random.random() < 0.6:
        samples = in_a_room(samples, random)
    if random.random() < 0.8:
        samples = beside_noise(samples, random)
    return through_a_microphone(samples, random)
