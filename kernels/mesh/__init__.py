"""Triangle meshes, batched: rasterising them into small grids with a depth test, and their vertex normals.

The torch reference is the specification; the numba kernel runs on a CPU. The Triton kernel runs on CUDA and, unlike the
reference there, never waits for the device.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.mesh import reference
from kernels.mesh.bucket import Bucket
from kernels.mesh.reference import interpolate, rasterise
from kernels.mesh.vertex_normals import normals

__all__ = ["Bucket", "draw_mesh", "interpolate", "normals", "rasterise"]


def draw_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int, backend: str = "auto") -> Tensor:
    """Interpolate vertex values (B or 1, V, C) into a size×size grid: (B, C, size, size), 0 where there is no mesh.

    points: (B, V, 3) x, y in −1..1 over the grid; z, smaller is nearer. Triangles are front-facing where they are
    clockwise on screen (positive area, y down); the others are skipped.
    buckets: at most 2¹³ triangles in all.
    backend: see `kernels.backend`; an unknown one raises ValueError.
    """
    chosen = choose(backend, points, values, backends=("numba", "triton"))
    if chosen == "triton":
        from kernels.mesh import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.draw_mesh(points, buckets, values, size)
    if chosen == "numba":
        from kernels.mesh import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.draw_mesh(points, buckets, values, size)
    return reference.draw_mesh(points, buckets, values, size)
