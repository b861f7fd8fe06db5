"""Where the head of a person with a known face is, and hair may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import CHIN, MESH
from streamer.rigging.canvas import Array
from streamer.rigging.face_search import face_extent

HEAD_REACH = 1.3  # extents of the face around its centre that are the head with its hair
BELOW_CHIN = 0.35  # extents of the face below the chin to which that reaches


def head_region(face: Array, shape: tuple[int, ...], below: float = BELOW_CHIN) -> NDArray[np.bool_]:
    """(H, W), the first two of `shape`: where hair may be around a face (478, 2 or 3), pixels, down to so many of its
    extents below the chin.
    """
    extent = face_extent(face)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    centre = (face[:MESH, :2].max(0) + face[:MESH, :2].min(0)) / 2
    near = np.hypot(x - centre[0], y - centre[1]) < HEAD_REACH * extent
    return near & (y < face[CHIN, 1] + below * extent)
