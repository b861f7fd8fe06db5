"""A microphone before which somebody speaks, for ever again, and what comes back of their sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.streaming.coded_sound import CodedMicrophone, Samples
from models.voice.log_mel import SAMPLE_RATE as SPEECH_RATE

Speech = NDArray[np.float32]
RATE = 48_000
MAX_DELAY_S = 1.5  # of a sound that is looked for
LEAST_LEVEL = 0.003  # root mean square of a piece that is heard; less is silence
LEAST_LIKENESS = 0.5  # normalised correlation of a sound that comes back with the one that was sent


class SpokenMicrophone(CodedMicrophone):
    """speech: (n,) at 16 kHz in ±1, which is said again and again, at 48 kHz."""

    def __init__(self, speech: Speech) -> None:
        super().__init__(RATE)
        self.speech = speech
        places = np.arange(len(speech) * (RATE // SPEECH_RATE)) * (SPEECH_RATE / RATE)
        self._samples = np.rint(32767 * np.interp(places, np.arange(len(speech)), speech)).astype(np.int16)

    def sound(self, start_s: float, count: int) -> Samples:
        """See `CodedMicrophone`; silence before the first sample."""
        first = round(start_s * RATE)
        return np.take(self._samples, np.arange(first, first + count), mode="wrap")

    def said(self, seconds: float) -> Speech:
        """All that was said from `began` on for so long, at 16 kHz."""
        return np.take(self.speech, np.arange(round(seconds * SPEECH_RATE)), mode="wrap")


def sound_delay(sent: Speech, returned: Speech, since_s: float) -> float | None:
    """Seconds from the start of a sound to its return, at 16 kHz; None where what came back is nothing that was sent.

    sent: from second 0 on. returned: what was heard from second `since_s` on.
    """
    most = round(MAX_DELAY_S * SPEECH_RATE)
    first = round(since_s * SPEECH_RATE)
    level = float(np.sqrt((returned.astype(np.float64) ** 2).mean()))
    if first < most or first + len(returned) > len(sent) or level < LEAST_LEVEL:
        return None
    before = sent[first - most : first + len(returned)]
    size = 1 << (len(before) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(before, size) * np.conj(np.fft.rfft(returned, size)), size)[: most + 1]
    energy = np.concatenate([[0.0], np.cumsum(before.astype(np.float64) ** 2)])
    window = energy[len(returned) :][: most + 1] - energy[: most + 1]
    least = LEAST_LEVEL**2 * len(returned)
    likeness = product / (level * np.sqrt(len(returned) * np.maximum(window, least)))
    best = int(np.argmax(likeness))
    return (most - best) / SPEECH_RATE if likeness[best] >= LEAST_LIKENESS else None
