"""The depth test of `device_raster.rasterise`: which triangle is nearest at each sample.

The torch reference is the specification and the CPU path. It writes every intermediate value of every candidate sample
to memory (about 0.5 kB each, a million a picture), so that a GPU is limited by its memory bandwidth. The Triton twin
keeps these values in registers.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

try:
    import triton
    import triton.language as tl
except ImportError:  # the extra `cuda` brings it
    triton = None

BACKENDS = ("auto", "reference", "triton")
BOX_COLUMNS = 6
LEFT, TOP, WIDTH, AREA, PICTURE, TRIANGLE = range(BOX_COLUMNS)  # columns of a box; lengths in samples
_LAST_TRIANGLE = (1 << 31) - 1  # keys hold this less the index, so that the first of equally near triangles wins
_BLOCK_SIZE = 512


def draw_triangles(corners: Tensor, box: Tensor, total: int, best: Tensor, size: int, backend: str = "auto") -> None:
    """Draw M triangles into best (P·size²,) int64, in place.

    corners (M, 3, 3): x, y in samples, inverse depth > 0. box (M, 6) long: bounding box of each triangle, its picture
    and its index. total: sum of the boxes' areas. best: keys of the nearest triangles, the bits of the inverse
    depth above those of the triangle's index (see `unpack`), 0 = none. backend: "auto" takes Triton for CUDA tensors
    where it is installed. Raises ValueError for an unknown backend and for one that cannot run.
    """
    if choose_backend(best.device, backend) == "triton":
        _draw_triangles_triton(corners, box, total, best, size)
    else:
        _draw_triangles_reference(corners, box, total, best, size)


def choose_backend(device: torch.device, backend: str = "auto") -> str:
    """The backend that `draw_triangles` runs on this device. Raises ValueError where it cannot run."""
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    triton_runs = triton is not None and (device.type == "cuda" or os.environ.get("TRITON_INTERPRET") == "1")
    if backend == "triton" and not triton_runs:
        raise ValueError(f"Triton cannot draw on {device.type}: it wants a CUDA device and the package triton")
    if backend == "auto":
        return "triton" if triton_runs and device.type == "cuda" else "reference"
    return backend


def unpack(best: Tensor) -> tuple[Tensor, Tensor]:
    """Triangles (N,) int32, -1 = none, and inverse depths (N,) from the keys of `draw_triangles`."""
    triangle = torch.where(best > 0, _LAST_TRIANGLE - (best & 0xFFFFFFFF), -1).int()
    return triangle, (best >> 32).int().view(torch.float32)


def edge_functions(corners: Tensor, px: Tensor, py: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Edge functions (Pineda 1988): twice the signed areas (N,) opposite to each corner at points (N,).

    All three have the sign of the triangle's area inside it. Two triangles that share an edge compute exactly opposite
    values on it, so that no sample falls between them.
    """
    (ax, ay), (bx, by), (cx, cy) = ((c[:, 0] - px, c[:, 1] - py) for c in corners.unbind(1))
    return bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx


def _draw_triangles_reference(corners: Tensor, box: Tensor, total: int, best: Tensor, size: int) -> None:
    area = box[:, AREA]
    triangle_of = torch.repeat_interleave(torch.arange(len(box), device=box.device), area, output_size=total)
    offset = torch.arange(total, device=box.device) - (area.cumsum(0) - area)[triangle_of]
    row_of = box[triangle_of]
    row = torch.div(offset, row_of[:, WIDTH], rounding_mode="floor")
    x, y = row_of[:, LEFT] + (offset - row * row_of[:, WIDTH]), row_of[:, TOP] + row
    corner = corners[triangle_of]
    a, b, c = edge_functions(corner, x + 0.5, y + 0.5)
    inside = (torch.minimum(torch.minimum(a, b), c) >= 0) | (torch.maximum(torch.maximum(a, b), c) <= 0)
    inverse_depth = corner[..., 2]
    depth = (a * inverse_depth[:, 0] + b * inverse_depth[:, 1] + c * inverse_depth[:, 2]) / (a + b + c)
    covered = (inside & (depth > 0)).nonzero()[:, 0]
    key = (depth[covered].view(torch.int32).long() << 32) | (_LAST_TRIANGLE - row_of[covered, TRIANGLE])
    pixel = (row_of[covered, PICTURE] * size + y[covered]) * size + x[covered]
    best.scatter_reduce_(0, pixel, key, "amax")


if triton is not None:

    @triton.jit
    def _draw_triangles_kernel(  # type: ignore[no-untyped-def]
        corners_ptr, box_ptr, owner_ptr, first_ptr, best_ptr, total, size, BLOCK: tl.constexpr, COLUMNS: tl.constexpr
    ):
        candidate = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        mask = candidate < total
        triangle_row = tl.load(owner_ptr + candidate, mask=mask, other=0)
        local = candidate - tl.load(first_ptr + triangle_row, mask=mask, other=0)
        row_ptr = box_ptr + triangle_row * COLUMNS
        left = tl.load(row_ptr, mask=mask, other=0)
        top = tl.load(row_ptr + 1, mask=mask, other=0)
        width = tl.load(row_ptr + 2, mask=mask, other=1)
        picture = tl.load(row_ptr + 4, mask=mask, other=0)
        triangle = tl.load(row_ptr + 5, mask=mask, other=0)
        row = local // width
        x = left + local - row * width
        y = top + row
        px = x.to(tl.float32) + 0.5
        py = y.to(tl.float32) + 0.5
        corner_ptr = corners_ptr + triangle_row * 9
        ax = tl.load(corner_ptr, mask=mask, other=0.0) - px
        ay = tl.load(corner_ptr + 1, mask=mask, other=0.0) - py
        a_inv = tl.load(corner_ptr + 2, mask=mask, other=0.0)
        bx = tl.load(corner_ptr + 3, mask=mask, other=0.0) - px
        by = tl.load(corner_ptr + 4, mask=mask, other=0.0) - py
        b_inv = tl.load(corner_ptr + 5, mask=mask, other=0.0)
        cx = tl.load(corner_ptr + 6, mask=mask, other=0.0) - px
        cy = tl.load(corner_ptr + 7, mask=mask, other=0.0) - py
        c_inv = tl.load(corner_ptr + 8, mask=mask, other=0.0)
        a = bx * cy - by * cx
        b = cx * ay - cy * ax
        c = ax * by - ay * bx
        low = tl.minimum(tl.minimum(a, b), c)
        high = tl.maximum(tl.maximum(a, b), c)
        double_area = a + b + c
        depth = (a * a_inv + b * b_inv + c * c_inv) / tl.where(double_area == 0, 1.0, double_area)
        inside = mask & ((low >= 0) | (high <= 0)) & (depth > 0)
        bits = depth.to(tl.int32, bitcast=True).to(tl.int64)
        key = (bits << 32) | (2147483647 - triangle)
        tl.atomic_max(best_ptr + (picture * size + y) * size + x, key, mask=inside, sem="relaxed")


def _draw_triangles_triton(corners: Tensor, box: Tensor, total: int, best: Tensor, size: int) -> None:
    """Launch the kernel with one thread for each candidate sample."""
    assert corners.is_contiguous() and box.is_contiguous() and best.is_contiguous()
    assert corners.shape[1:] == (3, 3) and box.shape == (len(corners), BOX_COLUMNS) and best.dtype == torch.int64
    area = box[:, AREA]
    owner = torch.repeat_interleave(torch.arange(len(box), device=box.device), area, output_size=total)
    first = area.cumsum(0) - area
    _draw_triangles_kernel[(triton.cdiv(total, _BLOCK_SIZE),)](
        corners, box, owner, first, best, total, size, _BLOCK_SIZE, BOX_COLUMNS
    )
