"""The Triton side of `kernels.warp`; imported only where Triton runs.

One program draws a block of pixels: it reads the small maps where they lie, samples the layer once, and writes once.
Neighbouring pixels read neighbouring cells, so that what is read twice comes from the cache.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.warp import EDGE, FIRM, RIM, Maps

_EDGE, _FIRM, _RIM = tl.constexpr(EDGE), tl.constexpr(FIRM), tl.constexpr(RIM)
_BLOCK = 256  # pixels of a program


@triton.jit
def cell(place, cells):  # type: ignore[no-untyped-def]
    """A place in -1..1 as the cell before it, the one behind, and how far between them."""
    at = tl.clamp(((place + 1) * cells - 1) * 0.5, 0.0, cells - 1.0)
    before = at.to(tl.int32)
    return before, tl.minimum(before + 1, cells - 1), at - before


@triton.jit
def stretched(plane, width, row, column, is_pixel):  # type: ignore[no-untyped-def]
    """A square plane's value between four cells; row, column from `cell`."""
    top, low, down = row
    left, right, across = column
    a = tl.load(plane + top * width + left, mask=is_pixel, other=0.0)
    b = tl.load(plane + top * width + right, mask=is_pixel, other=0.0)
    c = tl.load(plane + low * width + left, mask=is_pixel, other=0.0)
    d = tl.load(plane + low * width + right, mask=is_pixel, other=0.0)
    return (1 - down) * ((1 - across) * a + across * b) + down * ((1 - across) * c + across * d)


@triton.jit
def _told(planes, number, side, v, u, is_pixel):  # type: ignore[no-untyped-def]
    """The value of one of the planes (·, side, side) at a place in -1..1, down and across."""
    return stretched(planes + number * side * side, side, cell(v, side), cell(u, side), is_pixel)


@triton.jit
def _away(place, centre, half):  # type: ignore[no-untyped-def]
    """How near a place is to a border of the box that is not the canvas's, at most 1 inside."""
    before = tl.where(centre - half > -_RIM, -place, -1.0)
    return tl.maximum(before, tl.where(centre + half < _RIM, place, -1.0))


@triton.jit
def _shares(moved, factor, kept, TRIM: tl.constexpr):  # type: ignore[no-untyped-def]
    """The alpha, and how much of the pixel is moved and background."""
    alpha = tl.clamp(moved, 0.0, 1.0)
    share = kept
    if TRIM:
        share *= tl.minimum(alpha * 10, 1.0)
    firm = tl.clamp(alpha, _FIRM, 1 - _FIRM)
    wanted = firm * factor / (firm * factor + 1 - firm)
    share *= tl.minimum(wanted / firm, 1.0)
    alpha = tl.clamp(alpha + wanted - firm, 0.0, 1.0)
    return alpha, share, kept * tl.maximum(wanted - firm, 0.0) + 1 - alpha


@triton.jit
def _aimed(layer, x, y, across, down, size, layer_row, layer_column):  # type: ignore[no-untyped-def]
    """The first of four texels, which lie at every half pixel, and how far beyond it to the right and below."""
    right = tl.clamp(2 * x + across * size, 0.0, 2.0 * size - 2)
    low = tl.clamp(2 * y + down * size, 0.0, 2.0 * size - 2)
    left, top = tl.minimum(right.to(tl.int32), 2 * size - 3), tl.minimum(low.to(tl.int32), 2 * size - 3)
    return layer + top.to(tl.int64) * layer_row + left * layer_column, right - left, low - top


@triton.jit
def _sampled(spot, plane, row, column, is_pixel):  # type: ignore[no-untyped-def]
    """One channel of the layer between four texels; spot from `_aimed`, plane: where the channel begins."""
    texel, right, low = spot
    texel += plane
    a = tl.load(texel, mask=is_pixel, other=0.0)
    b = tl.load(texel + column, mask=is_pixel, other=0.0)
    c = tl.load(texel + row, mask=is_pixel, other=0.0)
    d = tl.load(texel + row + column, mask=is_pixel, other=0.0)
    return (1 - low) * ((1 - right) * a + right * b) + low * ((1 - right) * c + right * d)


@triton.jit
def _seen(first, second, taken, plane, row, column, is_pixel, FRONT: tl.constexpr):  # type: ignore[no-untyped-def]
    """One channel of what is seen first, mixed with what is behind where that takes a part of the pixel."""
    found = _sampled(first, plane, row, column, is_pixel)
    if FRONT:
        is_edge = is_pixel & (taken > 0) & (taken < 1)
        under = _sampled(second, plane, row, column, is_edge)
        found = tl.where(is_edge, under + taken * (found - under), found)
    return found


@triton.jit
def _flown(flow, picture, side, v, u, far, inside, is_pixel, BOXED: tl.constexpr):  # type: ignore[no-untyped-def]
    """A picture's flow across and down, and where we are not inside the box what holds beyond, far."""
    across = _told(flow, picture * 2, side, v, u, is_pixel)
    down = _told(flow, picture * 2 + 1, side, v, u, is_pixel)
    if BOXED:
        far_across, far_down = far
        across, down = far_across + inside * (across - far_across), far_down + inside * (down - far_down)
    return across, down


@triton.jit
def _composite_kernel(  # type: ignore[no-untyped-def]
    layer, background, flow, keep, paint, odds, missing, dark, front, area, wide, boxes, out,
    size, flow_side, keep_side, paint_side, odds_side, missing_side, front_side, area_side, wide_side,
    layer_picture, layer_plane, layer_row, layer_column,
    BOXED: tl.constexpr, ODDS: tl.constexpr, HOLES: tl.constexpr, FRONT: tl.constexpr, TRIM: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """BOXED: the maps are of a box, with `wide` beyond it. ODDS: alphas change. HOLES: something is missing. FRONT:
    something stands in front.
    """
    picture = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_pixel = pixel < size * size
    y, x = pixel // size, pixel % size
    row, column = (2 * y + 1) / (size * 1.0) - 1, (2 * x + 1) / (size * 1.0) - 1
    v, u, half, inside = row, column, 1.0, tl.full((BLOCK,), 1.0, tl.float32)
    if BOXED:
        x0, y0 = tl.load(boxes + picture * 3), tl.load(boxes + picture * 3 + 1)
        half = tl.load(boxes + picture * 3 + 2)
        u, v = (column - x0) / half, (row - y0) / half
        t = tl.clamp((1 - tl.maximum(_away(u, x0, half), _away(v, y0, half))) / _EDGE, 0.0, 1.0)
        inside = t * t * (3 - 2 * t)

    kept = _told(keep, picture, keep_side, v, u, is_pixel)
    factor = tl.full((BLOCK,), 1.0, tl.float32)
    if ODDS:
        factor = _told(odds, picture, odds_side, v, u, is_pixel)
    painted, hidden = 1 - kept, tl.zeros_like(kept)
    if HOLES:
        hidden = kept * _told(missing, picture, missing_side, v, u, is_pixel)
        kept -= hidden
    if BOXED:
        kept = 1 - (1 - kept) * inside
        factor = 1 + (factor - 1) * inside

    layer += picture * layer_picture
    far = inside, inside
    if BOXED:
        far = _flown(wide, picture, wide_side, row, column, far, inside, is_pixel, False)
    across, down = _flown(flow, picture, flow_side, v, u, far, inside, is_pixel, BOXED)
    first = _aimed(layer, x, y, across, down, size, layer_row, layer_column)
    second, taken = first, tl.zeros_like(kept)
    if FRONT:
        finer = tl.maximum(size * half / area_side, 1.0)
        taken = tl.clamp((_told(area, picture, area_side, v, u, is_pixel) - 0.5) * finer + 0.5, 0.0, 1.0)
        ahead, below = _flown(front, picture, front_side, v, u, far, inside, is_pixel, BOXED)
        ahead, below = tl.where(taken > 0, ahead, across), tl.where(taken > 0, below, down)
        first = _aimed(layer, x, y, ahead, below, size, layer_row, layer_column)

    moved = _seen(first, second, taken, 3 * layer_plane, layer_row, layer_column, is_pixel, FRONT)
    alpha, share, rest = _shares(moved, factor, kept, TRIM)
    painted, hidden = painted * inside * alpha, hidden * inside * alpha
    plane = size * size
    out += picture * 4 * plane + pixel
    for c in tl.static_range(3):
        moved = _seen(first, second, taken, c * layer_plane, layer_row, layer_column, is_pixel, FRONT)
        tint = _told(paint, picture * 3 + c, paint_side, v, u, is_pixel)
        behind = tl.load(background + (picture * 3 + c) * plane + pixel, mask=is_pixel, other=0.0)
        colour = share * moved + painted * tint + rest * behind
        if HOLES:
            colour += hidden * tl.load(dark + picture * 3 + c)
        tl.store(out + c * plane, tl.clamp(colour, 0.0, 1.0), mask=is_pixel)
    tl.store(out + 3 * plane, alpha, mask=is_pixel)


def composite(
    layer: Tensor, maps: Maps, background: Tensor, wide: Tensor | None, box: Tensor | None, trim: bool
) -> Tensor:
    """See `kernels.warp.warp_composite`. The layer may lie in memory as it likes."""
    batch, size = len(background), background.shape[-1]
    out = torch.empty(batch, 4, size, size, device=layer.device, dtype=torch.float32)
    flow, keep, paint, background = (part.contiguous() for part in (*maps[:3], background))
    odds = keep if maps.odds is None else maps.odds.contiguous()
    missing, dark = (keep if part is None else part.contiguous() for part in (maps.missing, maps.dark))
    front, area = (flow if part is None else part.contiguous() for part in (maps.front, maps.area))
    wide, box = (flow, keep) if wide is None or box is None else (wide.contiguous(), box.contiguous())
    small = {"flow": flow, "keep": keep, "paint": paint, "odds": odds, "missing": missing}
    small |= {"front": front, "area": area, "wide": wide}
    for name, part in small.items():
        if len(part) != batch or part.shape[-1] != part.shape[-2]:
            raise ValueError(f"{name} must be {batch} square maps, got {tuple(part.shape)}")
    with launching("warp_composite", layer.device):
        _composite_kernel[(triton.cdiv(size * size, _BLOCK), batch)](
            layer, background, flow, keep, paint, odds, missing, dark, front, area, wide, box, out,
            size, *(part.shape[-1] for part in small.values()), *layer.stride(),
            BOXED=box is not keep, ODDS=maps.odds is not None, HOLES=maps.missing is not None,
            FRONT=maps.front is not None, TRIM=trim, BLOCK=_BLOCK,
        )  # fmt: skip
    return out
