"""Log-mel features of a voice, a step of 20 ms at a time or a whole recording at once, with the same values.

A step consumes STEP samples and gives the mel bands of two windows of 25 ms that end with it and 10 ms before. Nothing
looks ahead of the step. The mel scale is that of O'Shaughnessy (1987): 2595 log10(1 + f / 700).
"""

from __future__ import annotations

import torch
from torch import Tensor

SAMPLE_RATE = 16_000
STEP = 320  # samples of a step: 20 ms
STEP_S = STEP / SAMPLE_RATE
HOP, WINDOW, FFT = 160, 400, 512  # samples
BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
FEATURES = BANDS * (STEP // HOP)
HISTORY = WINDOW - HOP  # samples before a step that its first window covers
FLOOR = 1e-6  # added to a band's power, of which a full-scale sine has 25: what is 74 dB below that is silence
MEAN, SPREAD = -8.0, 3.0  # about those of the logarithm over speech, so that features are near ±1


class LogMel:
    """Turns samples into features; holds only tables, the state is the caller's."""

    def __init__(self) -> None:
        self._window = torch.hann_window(WINDOW)
        self._bands = mel_bands().T.contiguous()

    def first_state(self) -> Tensor:
        """The samples before the first step (HISTORY,): silence."""
        return torch.zeros(HISTORY)

    def __call__(self, samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features (T, FEATURES) of whole steps of samples (T * STEP,) in ±1, and the state after them."""
        if samples.ndim != 1 or len(samples) % STEP:
            raise ValueError(f"log-mel takes whole steps of {STEP} samples in one channel, not {tuple(samples.shape)}")
        joined = torch.cat([state, samples])
        windows = joined.unfold(0, WINDOW, HOP) * self._window  # (2T, WINDOW)
        power = torch.fft.rfft(windows, n=FFT).abs().square()  # (2T, FFT // 2 + 1)
        bands = (power @ self._bands) / WINDOW  # (2T, BANDS)
        features = (torch.log(bands + FLOOR) - MEAN) / SPREAD
        return features.reshape(-1, FEATURES), joined[-HISTORY:].clone()


def mel_bands() -> Tensor:
    """Triangular filters (BANDS, FFT // 2 + 1), each with its peak at 1, evenly spaced in mel."""
    edges_mel = torch.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    hertz = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    rising = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0)


def _mel(hertz: float) -> float:
    return 2595 * float(torch.log10(torch.tensor(1 + hertz / 700)))
