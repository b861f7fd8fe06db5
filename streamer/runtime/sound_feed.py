"""The newest sound of a microphone, on its way from the network to whatever listens for a voice."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE, CHANNELS = 48_000, 2  # Hz, interleaved int16, as decoded for the avatar's own sound
SILENT_S = 0.25  # without any sound, as of a microphone that was switched off, until nobody is heard
MAX_HELD_S = 0.5  # of sound that nobody has taken; of more, the oldest is dropped

Samples = NDArray[np.int16]


class SoundFeed:
    """A short queue of samples. Any thread may put, one takes. clock: seconds, injectable for tests.

    put_at: when the last samples came, seconds on the clock. lag_s: seconds by which what is drawn from the sound is
    later than what is drawn from camera frames that came with it. speaks: whether a voice is heard in it. Both are set
    by who takes. on_put: called with the feed and what was put, in the thread that puts.
    """

    def __init__(
        self,
        on_put: Callable[[SoundFeed, Samples], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lag_s = 0.0
        self.speaks = False
        self._on_put = on_put
        self._clock = clock
        self.put_at = -math.inf
        self._lock = threading.Lock()
        self._pieces: deque[Samples] = deque()
        self._held = 0  # samples of one channel

    def put(self, samples: Samples) -> None:
        """Append samples (n, CHANNELS)."""
        with self._lock:
            self.put_at = self._clock()
            self._pieces.append(samples)
            self._held += len(samples)
            while self._held > MAX_HELD_S * SAMPLE_RATE:
                self._held -= len(self._pieces.popleft())
        if self._on_put is not None:
            self._on_put(self, samples)

    @property
    def is_live(self) -> bool:
        """Whether sound comes, be it silence."""
        return self._clock() - self.put_at < SILENT_S

    def take(self) -> Samples:
        """All samples since the last call, (n, CHANNELS); n is 0 where there are none."""
        with self._lock:
            pieces, self._pieces, self._held = list(self._pieces), deque(), 0
        return np.concatenate(pieces) if pieces else np.zeros((0, CHANNELS), np.int16)
