"""The triangles that `draw_mesh` takes, and the constants that its implementations share."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

MIN_WEIGHT = -1e-4  # least barycentric weight of a cell in a triangle that covers it; below 0, so that no gaps are left
MIN_AREA = 1e-3  # of a triangle that is drawn, twice its area in cells
DEPTH_LEVELS = 1 << 17  # quantised depths, over z in −4..4; the last one is that of an empty cell
DEPTH_SCALE = (DEPTH_LEVELS - 2) / 8  # levels per unit of z

# A cell's sort key: its depth level above the triangle's number, so that of equally near triangles the first one wins.
TRIANGLE_BITS = 13
TRIANGLE_MASK = (1 << TRIANGLE_BITS) - 1
EMPTY = (DEPTH_LEVELS - 1) << TRIANGLE_BITS


class Bucket(NamedTuple):
    """Triangles (F, 3) long, vertex indices, that are drawn at most `window` cells wide and high, from the upper left
    corner of their bounding box.

    visible: (B, F) bool, the triangles that are drawn; None: all.
    """

    triangles: Tensor
    window: int
    visible: Tensor | None = None
