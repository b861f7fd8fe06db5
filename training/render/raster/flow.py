"""True optical flow between two rasterised pictures of one mesh, and which surface both of them show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints
from training.render.raster.raster import Hits


@compile_cached(fastmath=True, error_model="numpy")
def _flow(  # type: ignore[no-untyped-def]  # noqa: PLR0912
    triangle, weights, faces, label, target, reference, reference_depth, reference_label, scale, tolerance,
    flow, visible, majority,
):  # fmt: skip
    size = majority.shape[0]
    side = triangle.shape[0]
    count = np.zeros(16, np.int32)
    for y in range(size):
        for x in range(size):
            count[:] = 0
            for dy in range(scale):
                for dx in range(scale):
                    face = triangle[y * scale + dy, x * scale + dx]
                    count[0 if face < 0 else label[face]] += 1
            winner = 0
            for n in range(16):
                if count[n] > count[winner]:
                    winner = n
            majority[y, x] = winner
            sx, sy, visible_count = 0.0, 0.0, 0
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    face = triangle[yy, xx]
                    if (0 if face < 0 else label[face]) != winner:
                        continue
                    if face < 0:
                        visible_count += 1 if reference_label[y, x] == 0 else 0
                        continue
                    u, v = weights[yy, xx, 0], weights[yy, xx, 1]
                    w = 1.0 - u - v
                    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                    # The weights are linear on the surface; in the reference picture x/z is linear, hence the division.
                    za, zb, zc = u / reference[a, 2], v / reference[b, 2], w / reference[c, 2]
                    z = za + zb + zc
                    rx = (za * reference[a, 0] + zb * reference[b, 0] + zc * reference[c, 0]) / z
                    ry = (za * reference[a, 1] + zb * reference[b, 1] + zc * reference[c, 1]) / z
                    sx += rx - (xx + 0.5)
                    sy += ry - (yy + 0.5)
                    ix, iy = int(np.floor(rx)), int(np.floor(ry))
                    if not (0 <= ix < side and 0 <= iy < side):
                        continue
                    d = reference_depth[iy, ix]
                    if d > 0 and abs(1.0 / d - z) < tolerance:
                        visible_count += 1
                        continue
                    # At a grazing angle the nearest sample shows another part of the surface: test its neighbours too.
                    found = False
                    for oy in range(max(0, iy - 1), min(side, iy + 2)):
                        for ox in range(max(0, ix - 1), min(side, ix + 2)):
                            d = reference_depth[oy, ox]
                            if d > 0 and abs(1.0 / d - z) < tolerance:
                                found = True
                    visible_count += 1 if found else 0
            total = count[winner]
            flow[0, y, x] = sx / total * 2.0 / side
            flow[1, y, x] = sy / total * 2.0 / side
            visible[y, x] = visible_count / total


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
    """True flow from each target pixel to the position of its surface point in the reference picture.

    hits, reference_hits: samples of target and reference, both supersampled `scale` times. label (F,): 1..15 of each
    triangle. target, reference (V, 3): screen points in the two pictures. reference_label (h, w): from
    `supersampling.labels` of the reference. tolerance: of the depth test, cm. The background does not move.
    Returns flow (2, h, w) in canvas units, visibility (h, w) 0..1, majority label of each pixel (h, w).
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
