"""A driver's face as weights of blendshapes, so that it can be kept and shown again without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.geometry.expressions import NAMES
from streamer.sources.acting import BLINKS
from streamer.sources.expression import Array, Expression, blendshapes, weights
from streamer.tracking.eyelids import close_lids
from streamer.tracking.head_pose import CANONICAL, head_pose, rotation_vector
from streamer.tracking.tracker import TrackedMotion

KEPT = (0.5, 0.2, 0.35)  # of the driver's own eyes, brows and mouth while a face of theirs is shown: blinks and speech
CAUTION = 0.012  # canonical units by which a blendshape must make the fit better for its weight to be one
ROUNDS = 60  # over all weights, after which they change by less than a thousandth
SMALLEST = 0.03  # weights below it are none


@dataclass(frozen=True, slots=True)
class RememberedFace:
    """weights: of blendshapes by name, 0..1. turn: see `Expression`."""

    weights: dict[str, float]
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def expression(self) -> Expression:
        """To be shown, in place of most of what the driver does. Raises KeyError for an unknown name."""
        turn = np.array(self.turn, np.float32)
        return Expression(weights(**self.weights), np.array(KEPT, np.float32), turn)


def remember(recent: Sequence[TrackedMotion]) -> RememberedFace:
    """The face that a driver makes in these motions, of which the median counts.

    Raises ValueError without a motion that has a face.
    """
    changes, turns = [], []
    for tracked in recent:
        if tracked.motion.face is not None and tracked.neutral.face is not None:
            now, before = head_pose(tracked.motion.face), head_pose(tracked.neutral.face)
            rest = before.inverse(tracked.neutral.face) + tracked.neutral.correction
            changes.append(now.inverse(tracked.motion.face) - rest)
            turns.append(rotation_vector(before.rotation.T @ now.rotation))
    if not changes:
        raise ValueError("no motion has a face")
    fitted = _fit(np.median(changes, axis=0))
    named = {name: round(float(w), 3) for name, w in zip(NAMES, fitted, strict=True) if w >= SMALLEST}
    return RememberedFace(named, tuple(np.median(turns, axis=0).clip(-1, 1).round(4).tolist()))


def _fit(change: Array) -> Array:
    """Weights (E,), 0..1, of the blendshapes that together move landmarks by (478, 3), canonical units: least squares
    with a price of `CAUTION` for each, solved for one weight after the other, which converges as it is convex.
    """
    shapes = measured_blendshapes()
    products = shapes @ shapes.T + CAUTION**2 * np.eye(len(shapes))
    wanted = shapes @ change.ravel()
    fitted = np.zeros(len(shapes))
    for _ in range(ROUNDS):
        for k in range(len(shapes)):
            fitted[k] = np.clip(fitted[k] + (wanted[k] - products[k] @ fitted) / products[k, k], 0, 1)
    return fitted.astype(np.float32)


@cache
def measured_blendshapes() -> NDArray[np.float64]:
    """(E, 478 · 3) the blendshapes without what the fit of the head's pose takes for motion of the head."""
    faces = CANONICAL + blendshapes()
    for blink, ring in BLINKS:
        faces[blink] = close_lids(faces[blink], 1.0, (ring,))
    return np.stack([(head_pose(face).inverse(face) - CANONICAL).ravel() for face in faces]).astype(np.float64)
