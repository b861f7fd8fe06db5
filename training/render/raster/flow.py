"""True optical flow between two rasterised pictures of one mesh, and which surface both of them show."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.render.arrays import Array, Ints
from training.render.raster.raster import Hits


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _flow(  # type: ignore[no-untyped-def]  # noqa: PLR0912
    triangle, weights, faces, label, target, reference, reference_depth, reference_label, scale, tolerance,
    flow, visible, majority,
):  # fmt: skip
    size = majority.shape[0]
    fine = triangle.shape[0]
    count = np.zeros(16, np.int32)
    for y in range(size):
        for x in range(size):
            count[:] = 0
            for dy in range(scale):
                for dx in range(scale):
                    t = triangle[y * scale + dy, x * scale + dx]
                    count[0 if t < 0 else label[t]] += 1
            best = 0
            for n in range(16):
                if count[n] > count[best]:
                    best = n
            majority[y, x] = best
            sx, sy, seen = 0.0, 0.0, 0
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    t = triangle[yy, xx]
                    if (0 if t < 0 else label[t]) != best:
                        continue
                    if t < 0:
                        seen += 1 if reference_label[y, x] == 0 else 0
                        continue
                    u, v = weights[yy, xx, 0], weights[yy, xx, 1]
                    w = 1.0 - u - v
                    a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
                    # Perspective-correct weights act on the surface; the picture needs x/z, hence the division.
                    za, zb, zc = u / reference[a, 2], v / reference[b, 2], w / reference[c, 2]
                    z = za + zb + zc
                    rx = (za * reference[a, 0] + zb * reference[b, 0] + zc * reference[c, 0]) / z
                    ry = (za * reference[a, 1] + zb * reference[b, 1] + zc * reference[c, 1]) / z
                    sx += rx - (xx + 0.5)
                    sy += ry - (yy + 0.5)
                    ix, iy = int(np.floor(rx)), int(np.floor(ry))
                    if not (0 <= ix < fine and 0 <= iy < fine):
                        continue
                    d = reference_depth[iy, ix]
                    if d > 0 and abs(1.0 / d - z) < tolerance:
                        seen += 1
                        continue
                    # Look one sample around: at a grazing angle the nearest sample is another bit of surface.
                    near = False
                    for oy in range(max(0, iy - 1), min(fine, iy + 2)):
                        for ox in range(max(0, ix - 1), min(fine, ix + 2)):
                            d = reference_depth[oy, ox]
                            if d > 0 and abs(1.0 / d - z) < tolerance:
                                near = True
                    seen += 1 if near else 0
            n = count[best]
            flow[0, y, x] = sx / n * 2.0 / fine
            flow[1, y, x] = sy / n * 2.0 / fine
            visible[y, x] = seen / n


def backward_flow(
    hits: Hits,
    faces: Ints,
    label: Ints,
    target: Array,
    reference: Array,
    reference_hits: Hits,
    reference_label: NDArray[np.uint8],
    scale: int,
    tolerance: float = 0.35,
) -> tuple[Array, Array, NDArray[np.uint8]]:
    """True flow from each target pixel to the place of its surface point in the reference picture.

    hits of the target and reference_hits of the reference, both supersampled `scale` times; label (F,) 1..15 of each
    triangle; target, reference (V, 3) screen points of the two pictures; reference_label (h, w) from
    `labels(reference_hits, ...)`; tolerance in cm of the depth test. Background does not move.
    Returns flow (2, h, w) canvas units, visibility (h, w) 0..1, label of the majority of each pixel (h, w).
    """
    size = hits.triangle.shape[0] // scale
    flow = np.zeros((2, size, size), np.float32)
    visible = np.zeros((size, size), np.float32)
    majority = np.zeros((size, size), np.uint8)
    _flow(
        hits.triangle, hits.weights, faces, label, target, reference, reference_hits.inverse_depth, reference_label,
        scale, tolerance, flow, visible, majority,
    )  # fmt: skip
    return flow, visible, majority
