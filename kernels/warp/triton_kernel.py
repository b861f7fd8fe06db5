"""`warp_composite` in Triton; imported only where Triton runs.

One program computes a block of pixels: it samples the small maps at their own resolution, samples the layer once, or
the chart, or both where they blend, and writes once. Neighbouring pixels read neighbouring cells, so that repeated
reads are served by the cache.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.sampling.triton_kernel import cell_pair, nearest_texels, sample_plane, sample_texture
from kernels.warp.maps import BOX_FADE, CANVAS_BORDER, MIN_ALPHA, TRIM_GAIN, Maps

_BOX_FADE, _CANVAS_BORDER, _MIN_ALPHA = tl.constexpr(BOX_FADE), tl.constexpr(CANVAS_BORDER), tl.constexpr(MIN_ALPHA)
_TRIM_GAIN = tl.constexpr(TRIM_GAIN)
_PIXELS_PER_PROGRAM = 256


@triton.jit
def _sample_map(planes_ptr, number, side, v, u, is_pixel):  # type: ignore[no-untyped-def]
    """The value of plane `number` of (·, side, side) at v down and u across, in -1..1."""
    return sample_plane(planes_ptr + number * side * side, side, cell_pair(v, side), cell_pair(u, side), is_pixel)


@triton.jit
def _toward_border(position, centre, half):  # type: ignore[no-untyped-def]
    """Distance from the centre towards those borders of the box that are not the canvas's own, 1 at the border."""
    before = tl.where(centre - half > -_CANVAS_BORDER, -position, -1.0)
    return tl.maximum(before, tl.where(centre + half < _CANVAS_BORDER, position, -1.0))


@triton.jit
def _box_mask(u, v, x0, y0, half):  # type: ignore[no-untyped-def]
    """1 inside a box, falling to 0 at those of its borders that are not the canvas's own."""
    t = tl.clamp((1 - tl.maximum(_toward_border(u, x0, half), _toward_border(v, y0, half))) / _BOX_FADE, 0.0, 1.0)
    return t * t * (3 - 2 * t)


@triton.jit
def _blend_weights(moved, factor, keep, TRIM: tl.constexpr):  # type: ignore[no-untyped-def]
    """Alpha, and the shares of the moved layer and of the background in the colour."""
    alpha = tl.clamp(moved, 0.0, 1.0)
    share = keep
    if TRIM:
        share *= tl.minimum(alpha * _TRIM_GAIN, 1.0)
    clamped = tl.clamp(alpha, _MIN_ALPHA, 1 - _MIN_ALPHA)
    edited = clamped * factor / (clamped * factor + 1 - clamped)
    share *= tl.minimum(edited / clamped, 1.0)
    alpha = tl.clamp(alpha + edited - clamped, 0.0, 1.0)
    return alpha, share, keep * tl.maximum(edited - clamped, 0.0) + 1 - alpha


@triton.jit
def _layer_texel(layer_ptr, x, y, across, down, size, row, column):  # type: ignore[no-untyped-def]
    """`nearest_texels` of the layer, whose texels lie half a pixel apart, at a pixel moved by a flow."""
    return nearest_texels(layer_ptr, 2 * x + across * size, 2 * y + down * size, 2 * size - 1, row, column)


@triton.jit
def _lay_over(above_ptr, plane, c, below, is_pixel):  # type: ignore[no-untyped-def]
    """Channel c of premultiplied colours composed over the channel `below`."""
    alpha = tl.load(above_ptr + 3 * plane, mask=is_pixel, other=0.0)
    return tl.load(above_ptr + c * plane, mask=is_pixel, other=0.0) + (1 - alpha) * below


@triton.jit
def _blend_layers(  # type: ignore[no-untyped-def]
    outer, front, charted, covered, share, c, layer_strides, front_strides, chart_strides, middle_ptr, plane, is_pixel,
    FRONT: tl.constexpr, CHART: tl.constexpr, MIDDLE: tl.constexpr,
):  # fmt: skip
    """Channel c of the front layer at its texel, blended with the chart by its share, and then with what lies behind it
    where the front does not cover all of the pixel: what is between the layers, over the layer at the outer texel. What
    has no share is not read. Strides: of a channel, a row, a column; middle_ptr: to the pixels in the first channel of
    what is between the layers, `plane` values from those in the next.
    """
    if not FRONT:
        behind = sample_texture(outer, c * layer_strides[0], layer_strides[1], layer_strides[2], is_pixel)
        return _lay_over(middle_ptr, plane, c, behind, is_pixel) if MIDDLE else behind
    is_front = is_pixel & (covered > 0) & (share < 1)
    value = sample_texture(front, c * front_strides[0], front_strides[1], front_strides[2], is_front)
    if CHART:
        is_charted = is_pixel & (share > 0)
        drawn = sample_texture(charted, c * chart_strides[0], chart_strides[1], chart_strides[2], is_charted)
        value = tl.where(is_charted, value + share * (drawn - value), value)
    is_outer = is_pixel & (covered < 1)
    behind = sample_texture(outer, c * layer_strides[0], layer_strides[1], layer_strides[2], is_outer)
    if MIDDLE:
        behind = _lay_over(middle_ptr, plane, c, behind, is_outer)
    return tl.where(is_outer, behind + covered * (value - behind), value)


@triton.jit
def _flow_at(flow_ptr, picture, side, v, u, outer, inside, is_pixel, BOXED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Flow across and down; with BOXED it fades to the flow `outer` by the box mask `inside`."""
    across = _sample_map(flow_ptr, picture * 2, side, v, u, is_pixel)
    down = _sample_map(flow_ptr, picture * 2 + 1, side, v, u, is_pixel)
    if BOXED:
        outer_across, outer_down = outer
        across, down = outer_across + inside * (across - outer_across), outer_down + inside * (down - outer_down)
    return across, down


@triton.jit
def _coverage(coverage_ptr, picture, side, v, u, pixels, is_pixel):  # type: ignore[no-untyped-def]
    """`kernels.warp.reference.sharpen_coverage`; pixels: how many the map takes across."""
    coverage = _sample_map(coverage_ptr, picture, side, v, u, is_pixel)
    return tl.clamp((coverage - 0.5) * tl.maximum(pixels / side, 1.0) + 0.5, 0.0, 1.0)


@triton.jit
def _chart_texel(chart_ptr, position_ptr, picture, position_side, v, u, side, row, column, is_charted):  # type: ignore[no-untyped-def]
    """`nearest_texels` of the chart at the position that the map has at v down and u across."""
    across = _sample_map(position_ptr, picture * 2, position_side, v, u, is_charted)
    down = _sample_map(position_ptr, picture * 2 + 1, position_side, v, u, is_charted)
    return nearest_texels(chart_ptr, ((across + 1) * side - 1) * 0.5, ((down + 1) * side - 1) * 0.5, side, row, column)


@triton.jit
def _warp_composite_kernel(  # type: ignore[no-untyped-def]
    layer_ptr, front_layer_ptr, background_ptr, flow_ptr, keep_ptr, paint_ptr, odds_ptr, missing_ptr, dark_ptr,
    front_flow_ptr, coverage_ptr, position_ptr, share_ptr, canvas_flow_ptr, chart_ptr, middle_ptr, boxes_ptr,
    out_ptr,
    size, flow_side, keep_side, paint_side, odds_side, missing_side, front_flow_side, coverage_side, position_side,
    share_side, canvas_flow_side, chart_side, layer_picture, layer_plane, layer_row, layer_column,
    front_picture, front_plane, front_row, front_column, chart_picture, chart_plane, chart_row, chart_column,
    BOXED: tl.constexpr, ODDS: tl.constexpr, MISSING: tl.constexpr, FRONT: tl.constexpr, CHART: tl.constexpr,
    MIDDLE: tl.constexpr, TRIM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """BOXED: the maps cover a box, with the canvas's flow outside of it. ODDS, MISSING, FRONT, CHART, MIDDLE: which
    optional maps and pictures are given. layer_picture to layer_column, and so on for front layer and chart: strides.
    """
    picture = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_pixel = pixel < size * size
    y, x = pixel // size, pixel % size
    canvas_v, canvas_u = (2 * y + 1) / (size * 1.0) - 1, (2 * x + 1) / (size * 1.0) - 1
    v, u, half, inside = canvas_v, canvas_u, 1.0, tl.full((BLOCK,), 1.0, tl.float32)
    if BOXED:
        boxes_ptr += picture * 3
        x0, y0, half = tl.load(boxes_ptr), tl.load(boxes_ptr + 1), tl.load(boxes_ptr + 2)
        u, v = (canvas_u - x0) / half, (canvas_v - y0) / half
        inside = _box_mask(u, v, x0, y0, half)

    keep = _sample_map(keep_ptr, picture, keep_side, v, u, is_pixel)
    painted, hidden, factor = 1 - keep, tl.zeros_like(keep), tl.full((BLOCK,), 1.0, tl.float32)
    if ODDS:
        factor = _sample_map(odds_ptr, picture, odds_side, v, u, is_pixel)
    if MISSING:
        hidden = keep * _sample_map(missing_ptr, picture, missing_side, v, u, is_pixel)
        keep -= hidden
    if BOXED:
        keep, factor = 1 - (1 - keep) * inside, 1 + (factor - 1) * inside

    outer = inside, inside
    if BOXED:
        outer = _flow_at(canvas_flow_ptr, picture, canvas_flow_side, canvas_v, canvas_u, outer, inside, is_pixel, False)
    across, down = _flow_at(flow_ptr, picture, flow_side, v, u, outer, inside, is_pixel, BOXED)
    behind = _layer_texel(layer_ptr + picture * layer_picture, x, y, across, down, size, layer_row, layer_column)
    front, charted, covered, chart_share = behind, behind, tl.zeros_like(keep), tl.zeros_like(keep)
    if FRONT:
        covered = _coverage(coverage_ptr, picture, coverage_side, v, u, size * half, is_pixel)
        across, down = _flow_at(front_flow_ptr, picture, front_flow_side, v, u, outer, inside, is_pixel, BOXED)
        front = _layer_texel(
            front_layer_ptr + picture * front_picture, x, y, across, down, size, front_row, front_column
        )
    if CHART:
        is_covered = is_pixel & (covered > 0)
        chart_share = _sample_map(share_ptr, picture, share_side, v, u, is_covered)  # 0 where nothing is covered
        charted = _chart_texel(
            chart_ptr + picture * chart_picture, position_ptr, picture, position_side, v, u, chart_side, chart_row,
            chart_column, is_covered & (chart_share > 0),
        )  # fmt: skip

    layer_strides, chart_strides = (layer_plane, layer_row, layer_column), (chart_plane, chart_row, chart_column)
    front_strides, plane = (front_plane, front_row, front_column), size * size
    middle_ptr += picture * 4 * plane + pixel
    moved = _blend_layers(
        behind, front, charted, covered, chart_share, 3, layer_strides, front_strides, chart_strides, middle_ptr, plane,
        is_pixel, FRONT, CHART, MIDDLE,
    )  # fmt: skip
    alpha, share, rest = _blend_weights(moved, factor, keep, TRIM)
    painted, hidden = painted * inside * alpha, hidden * inside * alpha
    out_ptr += picture * 4 * plane + pixel
    for c in tl.static_range(3):
        moved = _blend_layers(
            behind, front, charted, covered, chart_share, c, layer_strides, front_strides, chart_strides, middle_ptr,
            plane, is_pixel, FRONT, CHART, MIDDLE,
        )  # fmt: skip
        paint = _sample_map(paint_ptr, picture * 3 + c, paint_side, v, u, is_pixel)
        background = tl.load(background_ptr + (picture * 3 + c) * plane + pixel, mask=is_pixel, other=0.0)
        colour = share * moved + painted * paint + rest * background
        if MISSING:
            colour += hidden * tl.load(dark_ptr + picture * 3 + c)
        tl.store(out_ptr + c * plane, tl.clamp(colour, 0.0, 1.0), mask=is_pixel)
    tl.store(out_ptr + 3 * plane, alpha, mask=is_pixel)


def warp_composite(
    layer: Tensor,
    maps: Maps,
    background: Tensor,
    canvas_flow: Tensor | None,
    box: Tensor | None,
    trim: bool,
    front_layer: Tensor | None = None,
    chart: Tensor | None = None,
    middle: Tensor | None = None,
) -> Tensor:
    """See `kernels.warp.warp_composite`. Layers and chart may have any strides."""
    batch, size = len(background), background.shape[-1]
    assert layer.shape == (batch, 4, 2 * size - 1, 2 * size - 1), f"a layer {tuple(layer.shape)}"
    assert box is None or box.shape == (batch, 3), f"boxes {tuple(box.shape)} for {batch} pictures"
    out = torch.empty(batch, 4, size, size, device=layer.device, dtype=torch.float32)
    flow, keep, paint, background = (part.contiguous() for part in (*maps[:3], background))
    odds = keep if maps.odds is None else maps.odds.contiguous()
    missing, dark = (keep if part is None else part.contiguous() for part in (maps.missing, maps.dark))
    front_flow, coverage = (
        flow if part is None else part.contiguous() for part in (maps.front_flow, maps.front_coverage)
    )
    position, share = (flow if part is None else part.contiguous() for part in (maps.chart_position, maps.chart_share))
    between = background if middle is None else middle.contiguous()
    texture, front = layer if chart is None else chart, layer if front_layer is None else front_layer
    is_boxed = canvas_flow is not None and box is not None
    outer_flow, boxes = (
        (flow, keep) if canvas_flow is None or box is None else (canvas_flow.contiguous(), box.contiguous())
    )
    small = {"flow": flow, "keep": keep, "paint": paint, "odds": odds, "missing": missing}
    small |= {"front_flow": front_flow, "front_coverage": coverage}
    small |= {"chart_position": position, "chart_share": share, "canvas_flow": outer_flow}
    for name, part in small.items():
        if len(part) != batch or part.shape[-1] != part.shape[-2]:
            raise ValueError(f"{name} must be {batch} square maps, got {tuple(part.shape)}")
    with launching("warp_composite", layer.device):
        _warp_composite_kernel[(triton.cdiv(size * size, _PIXELS_PER_PROGRAM), batch)](
            layer, front, background, flow, keep, paint, odds, missing, dark, front_flow, coverage, position, share,
            outer_flow, texture, between, boxes, out, size, *(part.shape[-1] for part in small.values()),
            texture.shape[-1], *layer.stride(), *front.stride(), *texture.stride(), BOXED=is_boxed,
            ODDS=maps.odds is not None, MISSING=maps.missing is not None, FRONT=maps.front_flow is not None,
            CHART=chart is not None, MIDDLE=middle is not None, TRIM=trim, BLOCK=_PIXELS_PER_PROGRAM,
        )  # fmt: skip
    return out
