"""Which steps of a voice become frames while no camera's pictures do: as many as usual, but when the lips move."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from streamer.engine.camera_silence import IDLE_FPS, PACKET_S
from streamer.tracking.lips import lip_opening, lip_width
from streamer.tracking.tracker import TrackedMotion

USUAL_S = 1 / IDLE_FPS - PACKET_S / 2  # after a frame, from when on the next one is due with whatever packet comes
IDLE_HELD_S = 0.25  # for which an idle motion is drawn again, where the tracker's process has not answered meanwhile
LIPS_MOVED = 0.011  # distances of the eyes' outer corners by which lips move in 20 ms of quick speech


class VoiceFrames:
    """Of one session, for its tracking thread. A frame is due USUAL_S after the last one, and as soon as lips have
    moved by LIPS_MOVED since, so that an opening waits for one step of the voice and not for two.
    """

    def __init__(self) -> None:
        self._drawn_at = -math.inf
        self._lips: tuple[float, float] | None = None

    def take(self, face: NDArray[np.float32] | None, now: float) -> bool:
        """Whether a face (478, 3) in camera units is to be drawn at `now` seconds, which then counts as drawn."""
        lips = None if face is None else _lips(face)
        is_due = now - self._drawn_at >= USUAL_S
        if not is_due and lips is not None and self._lips is not None:
            is_due = max(abs(a - b) for a, b in zip(lips, self._lips, strict=True)) >= LIPS_MOVED
        if is_due:
            self._drawn_at, self._lips = now, lips
        return is_due


def is_recent(idle: TrackedMotion, now: float) -> bool:
    """Whether an idle motion may be drawn once more."""
    return now - idle.motion.captured < IDLE_HELD_S


def held(tracked: TrackedMotion, now: float) -> TrackedMotion:
    """The same motion once more, in a frame that begins `now`."""
    return replace(tracked, motion=replace(tracked.motion, captured=now, stages={}))


def _lips(face: NDArray[np.float32]) -> tuple[float, float]:
    """Opening and width of the mouth, in distances of the eyes."""
    size = float(np.linalg.norm(face[LEFT_EYE_OUTER] - face[RIGHT_EYE_OUTER]))
    return lip_opening(face) / size, lip_width(face) / size
