"""What is sent by NDI and when: each picture at the moment of the sound that moved it."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamer.files.straight_alpha import straight_rgba
from streamer.frames import AvatarFrame, Image
from streamer.outputs.fitted_frame import fit_frame
from streamer.outputs.paced_sound import PacedSound
from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.webrtc.delay_line import DelayLine

BLOCK_SAMPLES = SAMPLE_RATE // 50  # 20 ms
MAX_HELD_FRAMES = 16  # that wait for their sound: those of MIN_DELAY_S at 200 frames a second


class NdiSender(Protocol):
    """What is used of a cyndilib.Sender."""

    def get_num_connections(self, timeout: float) -> int: ...

    def write_video(self, data: NDArray[np.uint8]) -> object: ...

    def write_audio(self, data: NDArray[np.float32]) -> object: ...


class NdiStream:
    """Sends pictures of one size and their sound while anybody receives. All times are seconds on one clock.

    NDI shows both when they arrive, so that a frame which is quicker than its sound can be is held until then.

    width, height: pixels. started_at: when the sound begins.
    """

    def __init__(self, sender: NdiSender, width: int, height: int, started_at: float) -> None:
        self._sender = sender
        self._size = width, height
        self._sound = PacedSound(BLOCK_SAMPLES, started_at)
        self._held: deque[tuple[float, AvatarFrame]] = deque(maxlen=MAX_HELD_FRAMES)  # with when each is due

    @property
    def next_due(self) -> float:
        """When the next sound or the next held frame is due."""
        return min(self._sound.next_due, self._held[0][0] if self._held else math.inf)

    def show(self, frame: AvatarFrame, now: float, lag_s: float) -> None:
        """Take a frame. lag_s: by how much what the sound moves is later than what the camera moves."""
        self._sound.follow(now - frame.captured + lag_s)
        self._held.append((now + self._sound.ahead_s, frame))

    def send(self, line: DelayLine, now: float) -> None:
        """Send what is due: of several frames the newest, and the sound, silence where there is none."""
        is_watched = self._sender.get_num_connections(0) > 0
        due: AvatarFrame | None = None
        while self._held and self._held[0][0] <= now:
            _, due = self._held.popleft()
        if due is not None and is_watched:
            self._sender.write_video(to_rgba(due, *self._size).reshape(-1))
        for _, samples in self._sound.due(line, now):
            if is_watched:
                self._sender.write_audio(np.ascontiguousarray(samples.T, np.float32) / 32768)


def to_rgba(frame: AvatarFrame, width: int, height: int) -> Image:
    """The frame with straight colours, (height, width, 4) uint8, fitted on transparency."""
    fitted = fit_frame(frame, width, height, alpha=True)
    if fitted.alpha is None:
        return np.dstack([fitted.rgb, np.full((height, width), 255, np.uint8)])
    return straight_rgba(fitted.rgb, fitted.alpha)
