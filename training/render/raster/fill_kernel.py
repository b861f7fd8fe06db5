"""The depth test of `device_raster.fill`: which triangle is nearest at each sample.

The torch reference is the specification and the CPU path. It writes every intermediate value of every candidate sample
to memory (some 0.5 kB each, a million of them a picture), which bounds a GPU to its memory bandwidth; the Triton twin
keeps them in registers.
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
BOX = 6  # columns of a box:
LEFT, TOP, WIDTH, AREA, PICTURE, TRIANGLE = range(BOX)  # samples; area = width · height
_LAST = (1 << 31) - 1  # of equally near triangles the first one wins: it has the largest key
_BLOCK = 512


def cover(corners: Tensor, box: Tensor, total: int, best: Tensor, size: int, backend: str = "auto") -> None:
    """Draw M triangles into best (P·size²,) int64, in place.

    corners (M, 3, 3): x, y in samples, inverse depth > 0. box (M, 6) long: the samples that the triangle may cover, its
    picture and its number; total = the sum of their areas. best holds the bits of the inverse depth over the
    triangle's number (`unpack`), 0 = nothing. backend: "auto" takes Triton for CUDA tensors where it is installed.
    Raises ValueError for an unknown backend and one that cannot run.
    """
    if chosen(best.device, backend) == "triton":
        _cover_triton(corners, box, total, best, size)
    else:
        _cover_reference(corners, box, total, best, size)


def chosen(device: torch.device, backend: str = "auto") -> str:
    """The backend that `cover` runs on this device."""
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    able = triton is not None and (device.type == "cuda" or os.environ.get("TRITON_INTERPRET") == "1")
    if backend == "triton" and not able:
        raise ValueError(f"Triton cannot draw on {device.type}: it wants a CUDA device and the package triton")
    if backend == "auto":
        return "triton" if able and device.type == "cuda" else "reference"
    return backend


def unpack(best: Tensor) -> tuple[Tensor, Tensor]:
    """Triangles (N,) int32, -1 = none, and inverse depths (N,) from what `cover` wrote."""
    triangle = torch.where(best > 0, _LAST - (best & 0xFFFFFFFF), -1).int()
    return triangle, (best >> 32).int().view(torch.float32)


def edges(corners: Tensor, px: Tensor, py: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Twice the signed areas (N,) opposite to each corner at points (N,); all have the triangle's sign inside it.

    Two triangles with a common edge see exactly opposite values there, so no sample falls between them.
    """
    (ax, ay), (bx, by), (cx, cy) = ((c[:, 0] - px, c[:, 1] - py) for c in corners.unbind(1))
    return bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx


def _cover_reference(corners: Tensor, box: Tensor, total: int, best: Tensor, size: int) -> None:
    area = box[:, AREA]
    owner = torch.repeat_interleave(torch.arange(len(box), device=box.device), area, output_size=total)
    local = torch.arange(total, device=box.device) - (area.cumsum(0) - area)[owner]
    own = box[owner]
    row = torch.div(local, own[:, WIDTH], rounding_mode="floor")
    x, y = own[:, LEFT] + (local - row * own[:, WIDTH]), own[:, TOP] + row
    corner = corners[owner]
    a, b, c = edges(corner, x + 0.5, y + 0.5)
    inside = (torch.minimum(torch.minimum(a, b), c) >= 0) | (torch.maximum(torch.maximum(a, b), c) <= 0)
    near = corner[..., 2]
    depth = (a * near[:, 0] + b * near[:, 1] + c * near[:, 2]) / (a + b + c)
    kept = (inside & (depth > 0)).nonzero()[:, 0]
    key = (depth[kept].view(torch.int32).long() << 32) | (_LAST - own[kept, TRIANGLE])
    place = (own[kept, PICTURE] * size + y[kept]) * size + x[kept]
    best.scatter_reduce_(0, place, key, "amax")


if triton is not None:

    @triton.jit
    def _cover_kernel(corners, box, owner, first, best, total, size, BLOCK: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
        at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        live = at < total
        own = tl.load(owner + at, mask=live, other=0)
        local = at - tl.load(first + own, mask=live, other=0)
        row_of = box + own * COLUMNS
        left = tl.load(row_of, mask=live, other=0)
        top = tl.load(row_of + 1, mask=live, other=0)
        width = tl.load(row_of + 2, mask=live, other=1)
        picture = tl.load(row_of + 4, mask=live, other=0)
        triangle = tl.load(row_of + 5, mask=live, other=0)
        row = local // width
        x = left + local - row * width
        y = top + row
        px = x.to(tl.float32) + 0.5
        py = y.to(tl.float32) + 0.5
        corner = corners + own * 9
        ax = tl.load(corner, mask=live, other=0.0) - px
        ay = tl.load(corner + 1, mask=live, other=0.0) - py
        aw = tl.load(corner + 2, mask=live, other=0.0)
        bx = tl.load(corner + 3, mask=live, other=0.0) - px
        by = tl.load(corner + 4, mask=live, other=0.0) - py
        bw = tl.load(corner + 5, mask=live, other=0.0)
        cx = tl.load(corner + 6, mask=live, other=0.0) - px
        cy = tl.load(corner + 7, mask=live, other=0.0) - py
        cw = tl.load(corner + 8, mask=live, other=0.0)
        a = bx * cy - by * cx
        b = cx * ay - cy * ax
        c = ax * by - ay * bx
        low = tl.minimum(tl.minimum(a, b), c)
        high = tl.maximum(tl.maximum(a, b), c)
        whole = a + b + c
        depth = (a * aw + b * bw + c * cw) / tl.where(whole == 0, 1.0, whole)
        inside = live & ((low >= 0) | (high <= 0)) & (depth > 0)
        bits = depth.to(tl.int32, bitcast=True).to(tl.int64)
        key = (bits << 32) | (2147483647 - triangle)
        tl.atomic_max(best + (picture * size + y) * size + x, key, mask=inside, sem="relaxed")


def _cover_triton(corners: Tensor, box: Tensor, total: int, best: Tensor, size: int) -> None:
    """Launch the kernel, one lane for each candidate sample."""
    assert corners.is_contiguous() and box.is_contiguous() and best.is_contiguous()
    assert corners.shape[1:] == (3, 3) and box.shape == (len(corners), BOX) and best.dtype == torch.int64
    area = box[:, AREA]
    owner = torch.repeat_interleave(torch.arange(len(box), device=box.device), area, output_size=total)
    first = area.cumsum(0) - area
    _cover_kernel[(triton.cdiv(total, _BLOCK),)](corners, box, owner, first, best, total, size, _BLOCK, BOX)
