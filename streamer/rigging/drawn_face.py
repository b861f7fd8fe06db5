"""Landmarks of flat drawings' faces, which a detector that has learnt people puts where a person's would be.

Large eyes are found in the drawing (drawn_eyes.py); the skin around them makes way.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

from models.geometry.openings import EYES
from models.geometry.topology import (
    INNER_LIPS,
    LANDMARKS,
    LEFT_BROW,
    MESH,
    OUTER_LIPS,
    RIGHT_BROW,
    topology,
)
from streamer.rigging.canvas import Array
from streamer.rigging.drawn_eyes import fit_drawn_eyes
from streamer.rigging.face_parts import is_flat_drawing

NOSE = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 48, 278, 98, 327)  # landmarks along its ridge, its tip and its wings
SMOOTHING = 0.01  # of the spline: without, it swings over between features that are close to each other


def fit_drawn_face(rgb: Array, face: Array) -> Array:
    """Landmarks (478, 3), canvas units, of a face in a picture (S, S, 3) 0..1, which is a flat drawing, on its large
    eyes; as they are where they fit these, and on any other picture.
    """
    if not is_flat_drawing(rgb, face):
        return face
    fitted = fit_drawn_eyes(rgb, face)
    return face if np.array_equal(fitted, face) else with_skin_between(fitted)


def with_skin_between(face: Array) -> Array:
    """Landmarks (478, 3) whose eyes are where they belong, with the skin between all features laid out anew.

    It goes where a thin-plate spline through eyes, brows, nose, lips and border takes it from the canonical face
    (Bookstein: Principal warps, 1989); else the mesh would be folded over where eyes have grown. Eyes, brows and skin
    then lie on an even surface through lips and border, since larger eyes reach further around the head.
    """
    eyes = [mark for ring, _ in EYES for mark in ring]
    level = [*OUTER_LIPS, *INNER_LIPS, *topology().oval.tolist()]
    canonical, features = topology().canonical[:MESH, :2].numpy(), [*eyes, *RIGHT_BROW, *LEFT_BROW, *NOSE, *level]
    skin = np.setdiff1d(np.arange(MESH), features)
    placed = face.copy()
    placed[skin, :2] = RBFInterpolator(canonical[features], face[features, :2], smoothing=SMOOTHING)(canonical[skin])
    moved = np.setdiff1d(np.arange(LANDMARKS), [*NOSE, *level])
    even = np.linalg.lstsq(powers(face[level]), face[level, 2], rcond=None)[0]
    placed[moved, 2] = powers(placed[moved]) @ even
    return placed


def powers(face: Array) -> Array:
    """(N, 5) what depth is a linear function of on an even face: 1, x, y, x² and y² of landmarks (N, 3)."""
    x, y = face[:, 0], face[:, 1]
    return np.stack([np.ones_like(x), x, y, x * x, y * y], -1)
