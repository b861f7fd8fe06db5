"""Keeps a face that was fitted through hand-placed points within its subject, which may end where no head does."""

from __future__ import annotations

import cv2
import numpy as np

from models.geometry.topology import INNER_LIPS, LEFT_LID, MESH, RIGHT_LID, topology
from streamer.rigging.canvas import Array

STEPS = 64  # along a ray from the middle of the face to its border, at which alpha is looked at
LEAST = 0.35  # of a ray, which is kept: nearer to the middle are the features
INSET = 0.97  # of the way to where the subject ends
BEGIN = 0.55  # of the way from the middle to the border, from where on landmarks give way


def face_within(face: Array, alpha: Array) -> tuple[Array, float]:
    """Landmarks (478, 3), canvas units, whose outer part is drawn in where the border of the face lies beyond a subject
    with this alpha (S, S), 0..1: a robot's forehead ends below that of the face which fits its eyes and mouth.

    Also returns the least share of the way from the middle of the face to its border that lies within the subject.
    """
    middle = face[[*INNER_LIPS, *LEFT_LID, *RIGHT_LID], :2].mean(0)
    oval = face[topology().oval.numpy(), :2] - middle
    share = np.linspace(LEAST, 1, STEPS, dtype=np.float32)
    places = (middle + share[:, None, None] * oval + 1) * alpha.shape[0] / 2 - 0.5
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    inside = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) > 0.5  # (STEPS, 36)
    reached = np.logical_and.accumulate(inside, 0).sum(0)
    kept = np.where(reached == STEPS, 1.0, INSET * share[np.maximum(reached - 1, 0)])
    if kept.min() == 1:
        return face, 1.0
    least = float(kept.min())
    kept = np.minimum(np.minimum(np.roll(kept, 1), np.roll(kept, -1)), kept)  # corners lie between the rays
    angles, radii = np.arctan2(oval[:, 1], oval[:, 0]), np.linalg.norm(oval, axis=1)
    order = np.argsort(angles)
    offset = face[:MESH, :2] - middle
    angle, radius = np.arctan2(offset[:, 1], offset[:, 0]), np.linalg.norm(offset, axis=1)
    border, factor = (np.interp(angle, angles[order], values[order], period=2 * np.pi) for values in (radii, kept))
    outer = ((radius / np.maximum(border, 1e-6) - BEGIN) / (1 - BEGIN)).clip(0, 1)
    outer = outer * outer * (3 - 2 * outer)
    fitted = face.copy()
    fitted[:MESH, :2] = middle + offset * (1 - outer * (1 - factor))[:, None]
    return fitted, least
