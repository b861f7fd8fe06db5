"""What head and brows do while somebody speaks: little, and in time with loudness and pitch.

Heads nod with stressed syllables (Hadar et al., "Head movement correlates of juncture and stress", 1983), and brows
rise with the pitch (Cavé et al., "About the relationship between eyebrow movements and F0 variations", 1996).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.voice.log_mel import SAMPLE_RATE, STEP, STEP_S
from training.voice.phonemes import Samples
from training.voice.visemes import Array

NOD_RAD, BROW_WEIGHT = 0.05, 0.30  # of the strongest usual stress and the highest usual pitch
PITCH_LOW_HZ, PITCH_HIGH_HZ = 70, 400
VOICED_CORRELATION = 0.5  # of a window with itself one period later, above which it has a pitch
EFFORT_SPAN_S = 0.4  # standard deviation of the moments whose loudness is a word's
PITCH_WINDOW = 1024  # samples: 64 ms


def loudness(samples: Samples) -> Array:
    """Level (T,) of each step over the utterance's own, in powers of two, smoothed over a syllable; -3..2."""
    steps = samples[: len(samples) // STEP * STEP].reshape(-1, STEP)
    level = np.log2(np.sqrt((steps**2).mean(1)) + 1e-4)
    speaking = level[level > level.max() - 5]
    relative = np.clip(level - np.median(speaking), -3, 2)
    return np.asarray(gaussian_filter1d(relative, 0.06 / STEP_S), np.float32)


def effort(samples: Samples, speech: Array) -> Array:
    """Loudness (T,) of each step over the utterance's own, in powers of two, a mean over the words around it.

    Of words and not of syllables, since open vowels are louder by themselves (Lehiste and Peterson 1959), and would
    count twice. speech: (T,) 0..1, of clean samples at 16 kHz.
    """
    width = EFFORT_SPAN_S / STEP_S
    heard = gaussian_filter1d(speech, width)
    return np.asarray(gaussian_filter1d(loudness(samples) * speech, width) / np.maximum(heard, 0.05), np.float32)


def pitch_height(samples: Samples) -> Array:
    """Pitch (T,) of each step over the utterance's median, in octaves, -1..1; 0 where there is none."""
    count = len(samples) // STEP
    padded = np.pad(samples, (PITCH_WINDOW // 2, PITCH_WINDOW))
    at = np.arange(count)[:, None] * STEP + np.arange(PITCH_WINDOW)
    windows = padded[at] * np.hanning(PITCH_WINDOW).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(windows, 2 * PITCH_WINDOW)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :PITCH_WINDOW]
    lags = slice(SAMPLE_RATE // PITCH_HIGH_HZ, SAMPLE_RATE // PITCH_LOW_HZ)
    best = correlation[:, lags].argmax(1) + lags.start
    strength = correlation[np.arange(count), best] / (correlation[:, 0] + 1e-9)
    voiced = strength > VOICED_CORRELATION
    if not voiced.any():
        return np.zeros(count, np.float32)
    octaves = np.log2(SAMPLE_RATE / best)
    relative = np.where(voiced, np.clip(octaves - np.median(octaves[voiced]), -1, 1), 0)
    return np.asarray(relative, np.float32)


def nod_and_brows(samples: Samples, speech: Array) -> tuple[Array, Array]:
    """(nod (T,) in rad, weight of raised brows (T,)) of clean samples at 16 kHz; 0 where `speech` (T,) is."""
    stress = np.clip(loudness(samples), -1, 1.5)
    nod = gaussian_filter1d(stress - gaussian_filter1d(stress, 0.5 / STEP_S), 0.08 / STEP_S) * NOD_RAD
    height = np.clip(gaussian_filter1d(pitch_height(samples), 0.15 / STEP_S) * 3, 0, 1)
    said = gaussian_filter1d(speech, 0.1 / STEP_S)
    return (nod * said).astype(np.float32), (height * said * BROW_WEIGHT).astype(np.float32)
