"""The newest sound of a microphone, on its way from the network to whatever listens for a voice."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE, CHANNELS = 48_000, 2  # Hz, interleaved int16, as decoded for the avatar's own sound
MAX_HELD_S = 0.5  # of sound that nobody has taken; of more, the oldest is dropped

Samples = NDArray[np.int16]


class SoundFeed:
    """A short queue of samples. Any thread may put, one takes.

    lag_s: seconds by which what is drawn from the sound is later than what is drawn from camera frames that came with
        it; set by who takes.
    """

    def __init__(self) -> None:
        self.lag_s = 0.0
        self._lock = threading.Lock()
        self._pieces: deque[Samples] = deque()
        self._held = 0  # samples of one channel

    def put(self, samples: Samples) -> None:
        """Append samples (n, CHANNELS)."""
        with self._lock:
            self._pieces.append(samples)
            self._held += len(samples)
            while self._held > MAX_HELD_S * SAMPLE_RATE:
                self._held -= len(self._pieces.popleft())

    def take(self) -> Samples:
        """All samples since the last call, (n, CHANNELS); n is 0 where there are none."""
        with self._lock:
            pieces, self._pieces, self._held = list(self._pieces), deque(), 0
        return np.concatenate(pieces) if pieces else np.zeros((0, CHANNELS), np.int16)
