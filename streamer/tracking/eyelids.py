"""How far the eyes of landmarks are open, and closing them (numpy)."""

from __future__ import annotations

import numpy as np

from models.geometry.openings import lid_pairs
from models.geometry.topology import LEFT_LID, RIGHT_LID
from streamer.tracking.head_pose import Array

UPPER_BLINK_SHARE, LOWER_BLINK_SHARE = 0.92, 0.08  # of the way by which the lids of a blink close


def eye_aspect_ratio(face: Array, ring: tuple[int, ...]) -> float:
    """Height over width of an eye in three dimensions; about 0.3 open, below 0.15 closed.

    face: (478, 3) in any unit. ring: the lid's landmarks, `RIGHT_LID` or `LEFT_LID`. `lid_opening` in
    models/geometry/openings.py measures the height alone, for batches.
    """
    upper, lower = (face[list(lid)] for lid in lid_pairs(ring))
    height = float(np.linalg.norm(upper - lower, axis=1).max())
    inner_corner = ring[len(ring) // 2]
    return height / max(float(np.linalg.norm(face[ring[0]] - face[inner_corner])), 1e-6)


def close_lids(shape: Array, closed: float, rings: tuple[tuple[int, ...], ...] = (RIGHT_LID, LEFT_LID)) -> Array:
    """Move the lids of eyes `closed` 0..1 of the way towards each other; the upper ones do most of it.

    shape: (478, 3) canonical landmarks; a copy is changed. rings: the lids of each eye. `close_lids` in
    models/geometry/openings.py sets an opening instead, for batches.
    """
    if closed <= 0:
        return shape
    shape = shape.copy()
    for ring in rings:
        upper, lower = (list(lid) for lid in lid_pairs(ring))
        shape[upper] += np.float32(UPPER_BLINK_SHARE * closed) * (shape[lower] - shape[upper])
        shape[lower] += np.float32(LOWER_BLINK_SHARE * closed) * (shape[upper] - shape[lower])
    return shape


def lid_aspects(shape: Array) -> Array:
    """(2,) height over width of the right and the left eye in a head's own frame.

    shape: (478, 3) canonical units. `lid_opening` over `eye_width` in models/geometry/openings.py, for batches.
    """
    return np.array([_lid_aspect(shape, ring) for ring in (RIGHT_LID, LEFT_LID)], np.float32)


def _lid_aspect(shape: Array, ring: tuple[int, ...]) -> float:
    upper, lower = (shape[list(lid[2:5])] for lid in lid_pairs(ring))
    width = float(np.linalg.norm(shape[ring[0]] - shape[ring[len(ring) // 2]]))
    return float(np.linalg.norm((lower - upper)[:, :2], axis=1).mean()) / max(width, 1e-6)
