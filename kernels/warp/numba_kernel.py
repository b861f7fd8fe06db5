"""`warp_composite` on a CPU: one pass, a row at a time, compiled by numba.

Each step of a row is a function of its own, so that LLVM sees that its arrays do not overlap, and vectorises it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kernels.sampling.numba_kernel import HALF, ONE, ZERO, compiled, part, resize_rows, row_sampler
from kernels.sampling.numba_runs import end_of_ones, span_above_zero
from kernels.sampling.numba_texels import sample_texels
from kernels.sampling.packed_texels import TEXEL_UNIT, packed_texels
from kernels.warp.maps import BOX_FADE, CANVAS_BORDER, MIN_ALPHA, TRIM_GAIN, Maps
from kernels.warp.numba_chart import charted_spans, draw_chart

BOX_FADE32, CANVAS_BORDER32, MIN_ALPHA32 = (np.float32(value) for value in (BOX_FADE, CANVAS_BORDER, MIN_ALPHA))
TRIM_GAIN32 = np.float32(TRIM_GAIN)
INFINITE = np.float32(np.inf)
KEEP, ODDS, MISSING = 3, 4, 5  # channels of a row's maps (6, S); 0, 1, 2: paint, times its share


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
    """See `kernels.warp.warp_composite`. Layers and chart are packed when they are drawn for the first time."""
    batch, size = len(background), background.shape[-1]
    out = torch.empty(batch, 4, size, size)
    texels = packed_texels(layer)
    front_texels = texels if front_layer is None else packed_texels(front_layer)
    background_planes = background.contiguous().numpy()
    factor = maps.flow.new_ones(batch, 1, 1, 1) if maps.odds is None else maps.odds
    missing = maps.flow.new_zeros(batch, 1, 1, 1) if maps.missing is None else maps.missing
    dark = maps.flow.new_zeros(batch, 3) if maps.dark is None else maps.dark
    front = maps.flow if maps.front_flow is None else maps.front_flow
    area = maps.flow.new_zeros(batch, 1, 1, 1) if maps.front_coverage is None else maps.front_coverage
    place = maps.flow.new_zeros(batch, 2, 1, 1) if maps.chart_position is None else maps.chart_position
    share = maps.flow.new_zeros(batch, 1, 1, 1) if maps.chart_share is None else maps.chart_share
    chart_side = 2 if chart is None else chart.shape[-1]
    chart_texels = np.zeros((batch, 16), np.int16) if chart is None else packed_texels(chart)
    parts = [part.contiguous().numpy() for part in (*maps[:3], factor, missing, dark, front, area, place, share)]
    between = np.empty((batch, 4, 0, 0), np.float32) if middle is None else middle.contiguous().numpy()
    outer_flow = parts[0] if canvas_flow is None else canvas_flow.contiguous().numpy()
    boxes = np.tile(np.array([0, 0, 1], np.float32), (batch, 1)) if box is None else box.numpy()
    for i in range(batch):
        flow, keep, paint, odds, missing, dark, front_flow, coverage, position, shares = (part[i] for part in parts)
        composite_picture(
            texels[i], front_texels[i], background_planes[i], outer_flow[i], boxes[i], box is None, flow, keep, paint,
            odds, missing, dark, front_flow, coverage, chart_texels[i], chart_side, position, shares,
            between[i], trim, out[i].numpy(),
        )  # fmt: skip
    return out


@compiled
def composite_picture(  # type: ignore[no-untyped-def]
    texels, front_texels, background, canvas_flow, box, is_full_canvas, flow, keep, paint, odds, missing, dark,
    front_flow, coverage, chart, chart_side, chart_position, chart_share, middle, trim, out,
):  # fmt: skip
    """One picture, out (4, S, S). texels, front_texels: (2S−1)²·4, chart: chart_side²·4, flat int16; background:
    (3, S, S); middle: (4, S, S), or (4, 0, 0) if nothing is between the layers; the maps (C, h, w) at their own sizes.
    """
    size = out.shape[1]
    centre, half = box[0], box[2]
    edit = keep, paint, odds, missing
    of_edit = (
        row_sampler(keep, centre, half, size), row_sampler(paint, centre, half, size),
        row_sampler(odds, centre, half, size), row_sampler(missing, centre, half, size),
    )  # fmt: skip
    front = front_flow, coverage, chart_position, chart_share
    of_front = (
        row_sampler(front_flow, centre, half, size), row_sampler(coverage, centre, half, size),
        row_sampler(chart_position, centre, half, size), row_sampler(chart_share, centre, half, size),
    )  # fmt: skip
    outward = np.empty(0, np.float32) if is_full_canvas else outward_distances(box, size)
    rows = (
        outward, np.empty(size, np.float32), np.empty((2, size), np.float32), np.empty((2, size), np.float32),
        np.empty((2, size), np.float32), np.empty(size, np.uint32), np.empty((1, size), np.float32),
        np.empty((1, size), np.float32), np.empty((6, size), np.float32), np.empty((4, size), np.float32),
        (np.empty((2, size), np.float32), np.empty(size, np.uint32), np.empty((4, size), np.float32)),
    )  # fmt: skip
    composite_rows(
        (texels, front_texels, chart, chart_side, background, middle), box, is_full_canvas, canvas_flow,
        row_sampler(canvas_flow, ZERO, ONE, size), flow, row_sampler(flow, centre, half, size), edit, of_edit, dark,
        front, of_front, trim, rows, out,
    )  # fmt: skip


@part
def composite_rows(  # type: ignore[no-untyped-def]
    layers, box, is_full_canvas, canvas_flow, of_canvas, flow, of_flow, edit, of_edit, dark, front, of_front, trim,
    rows, out,
):  # fmt: skip
    """`composite_picture`, which describes the arrays; of_…: the `row_sampler` of each. rows: arrays that are
    overwritten.
    """
    texels, front_texels, chart, chart_side, background, middle = layers
    front_flow, coverage, chart_position, chart_share = front
    of_front_flow, of_coverage, of_position, of_share = of_front
    outward, inside, outer, offset, front_offset, texel, covered, charted, row_maps, moved, chart_row = rows
    size = out.shape[1]
    pixels_per_cell = size * box[2] / coverage.shape[2]
    front_rows, chart_rows = rows_above_zero(coverage[0]), rows_above_zero(chart_share[0])
    begin, end = np.uint64(0), np.uint64(size)
    for y in range(size):
        canvas_v = np.float32(np.float32(2 * y + 1) / size - ONE)
        v = (canvas_v - box[1]) / box[2]  # in units of the box
        if not is_full_canvas:
            resize_rows(canvas_flow, canvas_v, of_canvas, outer)
        if is_full_canvas or mask_row(v, box, outward, inside):
            resize_rows(flow, v, of_flow, offset)
            resize_edit(edit, dark, v, of_edit, row_maps)
            if not is_full_canvas:
                fade_to_outer(outer, inside, offset, row_maps)
        else:
            keep_outer(outer, offset, row_maps)
        has_front = front_rows[0] < v < front_rows[1]
        if has_front:
            resize_rows(coverage, v, of_coverage, covered)
            sharpen_coverage(pixels_per_cell, covered[0])
            resize_rows(front_flow, v, of_front_flow, front_offset)
            for c in range(2):
                if not is_full_canvas:
                    fade_to(outer[c], inside, front_offset[c])
                swap_covered(covered[0], front_offset[c], offset[c])
        locate_texels(y, offset, texel)
        first, last = span_above_zero(covered[0]) if has_front else (end, end)
        start, full, partial, stop = end, last, last, begin
        if has_front and chart_rows[0] < v < chart_rows[1]:
            resize_rows(chart_share, v, of_share, charted)
            start, full, partial, stop = charted_spans(covered[0], charted[0], last)
        sample_layers(texels, front_texels, texel, offset, (begin, first, full, partial, last, end), middle, y, moved)
        if start < stop:
            resize_rows(chart_position, v, of_position, chart_row[0])
            draw_chart(chart, chart_side, (start, full, partial, stop), charted[0], chart_row, moved)
        if has_front:
            locate_texels(y, front_offset, texel)
            blend_outline(texels, texel, front_offset, covered[0], first, last, middle, y, moved)
        blend_row(row_maps, background, y, trim, moved)
        clamp_row(moved, y, out)


@part
def resize_edit(edit, dark, v, of_edit, row_maps):  # type: ignore[no-untyped-def]
    """A row (6, S) of the maps by which `blend_row` changes the moved layer. edit: keep, paint, odds and missing;
    of_edit: the `row_sampler` of each.
    """
    keep, paint, odds, missing = edit
    of_keep, of_paint, of_odds, of_missing = of_edit
    kept = resize_rows(keep, v, of_keep, row_maps[KEEP : KEEP + 1])
    resize_rows(odds, v, of_odds, row_maps[ODDS : ODDS + 1])
    shown = resize_rows(missing, v, of_missing, row_maps[MISSING : MISSING + 1])
    if kept and shown and row_maps[KEEP, 0] == ONE and row_maps[MISSING, 0] == ZERO:  # live, wherever no mouth is open
        row_maps[:3] = ZERO
        return
    resize_rows(paint, v, of_paint, row_maps[:3])
    for c in range(3):
        paint_over_dark(row_maps[KEEP], row_maps[MISSING], dark[c], row_maps[c])
    drop_missing(row_maps[MISSING], row_maps[KEEP])


@part
def fade_to_outer(outer, inside, offset, row_maps):  # type: ignore[no-untyped-def]
    """Fade the flow (2, S), in place, to that of the canvas by the mask `inside`, and the maps of `resize_edit` to
    those that change nothing.
    """
    for c in range(2):
        fade_to(outer[c], inside, offset[c])
    fade_to_one(inside, row_maps[KEEP])
    fade_to_one(inside, row_maps[ODDS])
    for c in range(3):
        scale_by(inside, row_maps[c])


@compiled
def outward_distances(box, size):  # type: ignore[no-untyped-def]
    """How far each column (S,) is from a box's middle, in half sides, towards borders that are not the canvas's own."""
    fades_left, fades_right = box[0] - box[2] > -CANVAS_BORDER32, box[0] + box[2] < CANVAS_BORDER32
    distance = np.empty(size, np.float32)
    for x in range(size):
        u = (np.float32(2 * x + 1) / size - ONE - box[0]) / box[2]
        distance[x] = max(-u if fades_left else -ONE, u if fades_right else -ONE)
    return distance


@part
def keep_outer(outer, offset, row_maps):  # type: ignore[no-untyped-def]
    """The flow (2, S) of the canvas, and maps that change nothing, as beyond the box."""
    for x in range(outer.shape[1]):
        offset[0, x], offset[1, x] = outer[0, x], outer[1, x]
    row_maps[:3], row_maps[KEEP], row_maps[ODDS] = ZERO, ONE, ONE


@part
def mask_row(v, box, outward, inside):  # type: ignore[no-untyped-def]
    """A row (S,) of the box mask, 0..1: 1 inside, falling to 0 at borders of the box that are not the canvas's own.
    Returns whether any of it is above 0. outward: from `outward_distances`.
    """
    fades_top, fades_bottom = box[1] - box[2] > -CANVAS_BORDER32, box[1] + box[2] < CANVAS_BORDER32
    vertical = np.float32(max(-v if fades_top else -ONE, v if fades_bottom else -ONE))
    for x in range(inside.shape[0]):
        t = min(max((ONE - max(outward[x], vertical)) / BOX_FADE32, ZERO), ONE)
        inside[x] = t * t * (np.float32(3) - np.float32(2) * t)
    return vertical < ONE


@part
def fade_to(outer, inside, out):  # type: ignore[no-untyped-def]
    """Interpolate in place from the value outside of the box to the box's own by the mask `inside`."""
    for x in range(inside.shape[0]):
        out[x] = outer[x] + inside[x] * (out[x] - outer[x])


@part
def fade_to_one(inside, out):  # type: ignore[no-untyped-def]
    """Interpolate in place from 1 outside of the box to the box's own value by the mask `inside`."""
    for x in range(inside.shape[0]):
        out[x] = ONE + inside[x] * (out[x] - ONE)


@part
def scale_by(inside, out):  # type: ignore[no-untyped-def]
    """Multiply by the mask `inside`, in place."""
    for x in range(inside.shape[0]):
        out[x] *= inside[x]


@part
def paint_over_dark(keep, missing, dark, paint):  # type: ignore[no-untyped-def]
    """Paint times its share 1 − keep, plus the dark of what is missing, in place."""
    for x in range(keep.shape[0]):
        paint[x] = (ONE - keep[x]) * paint[x] + keep[x] * missing[x] * dark


@part
def drop_missing(missing, keep):  # type: ignore[no-untyped-def]
    """Take from keep, in place, the share that the reference picture does not show."""
    for x in range(keep.shape[0]):
        keep[x] *= ONE - missing[x]


@part
def rows_above_zero(shares):  # type: ignore[no-untyped-def]
    """Between which v a resized map (h, w) of shares can be above 0. The map lies within −1..1, and its border is
    repeated beyond.
    """
    height, first, last = shares.shape[0], shares.shape[0], -1
    for row in range(height):
        cells = 0  # counted, since that is vectorised, and a maximum is not
        for x in range(shares.shape[1]):
            cells += shares[row, x] > ZERO
        if cells > 0:
            first, last = min(first, row), row
    top, bottom = np.float32(2 * first - 1) / height - ONE, np.float32(2 * last + 3) / height - ONE
    return -INFINITE if first == 0 else top, INFINITE if last == height - 1 else bottom


@part
def sharpen_coverage(pixels_per_cell, covered):  # type: ignore[no-untyped-def]
    """`kernels.warp.reference.sharpen_coverage` on a row, in place."""
    pixels_per_cell = max(np.float32(pixels_per_cell), ONE)
    for x in range(covered.shape[0]):
        covered[x] = min(max((covered[x] - HALF) * pixels_per_cell + HALF, ZERO), ONE)


@part
def swap_covered(covered, front_offset, offset):  # type: ignore[no-untyped-def]
    """Move the front flow into `offset` where the front covers any of a pixel, and the outer flow to `front_offset`."""
    for x in range(covered.shape[0]):
        here = offset[x]
        offset[x] = front_offset[x] if covered[x] > ZERO else here
        front_offset[x] = here


@part
def locate_texels(y, offset, texel):  # type: ignore[no-untyped-def]
    """From a flow (2, S) to the flat index (S,) of the upper left of four texels; the flow is replaced by the distance
    from that texel, 0..1.
    """
    size = texel.shape[0]
    last, most, none = np.float32(2 * size - 2), np.int32(2 * size - 3), np.int32(0)
    for x in range(size):
        u = min(max(np.float32(2 * x) + offset[0, x] * np.float32(size), ZERO), last)
        v = min(max(np.float32(2 * y) + offset[1, x] * np.float32(size), ZERO), last)
        left, top = min(max(np.int32(u), none), most), min(max(np.int32(v), none), most)  # in range for a NaN, too
        offset[0, x], offset[1, x] = u - np.float32(left), v - np.float32(top)
        texel[x] = (top * np.int32(2 * size - 1) + left) * np.int32(4)


@part
def sample_layers(texels, front_texels, texel, offset, spans, middle, y, moved):  # type: ignore[no-untyped-def]
    """Bilinear samples (4, S) of row y: of the front layer between the second and the fifth pixel of `spans`, but for
    what the chart fills between the third and the fourth; to both sides of the layer, under what is between them.
    middle: (4, S, S), or (4, 0, 0) for nothing.
    """
    begin, first, full, partial, last, end = spans
    side = 2 * texel.shape[0] - 1
    sample_texels(texels, TEXEL_UNIT, side, texel, offset, begin, first, moved)
    sample_texels(front_texels, TEXEL_UNIT, side, texel, offset, first, full, moved)
    sample_texels(front_texels, TEXEL_UNIT, side, texel, offset, partial, last, moved)
    sample_texels(texels, TEXEL_UNIT, side, texel, offset, last, end, moved)
    if middle.shape[1] > 0:
        lay_over(middle, y, begin, first, moved)
        lay_over(middle, y, last, end, moved)


@part
def lay_over(above, y, start, stop, moved):  # type: ignore[no-untyped-def]
    """Compose row y of premultiplied colours (4, S, S) over a row (4, S), in place, from `start` up to `stop`."""
    for x in range(start, stop):
        rest = ONE - above[3, y, x]
        moved[0, x] = above[0, y, x] + rest * moved[0, x]
        moved[1, x] = above[1, y, x] + rest * moved[1, x]
        moved[2, x] = above[2, y, x] + rest * moved[2, x]
        moved[3, x] = above[3, y, x] + rest * moved[3, x]


@part
def blend_outline(texels, texel, offset, covered, first, last, middle, y, moved):  # type: ignore[no-untyped-def]
    """Blend the front with what lies behind it, from `first` up to `last`, in pixels that it does not cover in full.
    These are few, and drawn one at a time. middle: (4, S, S), or (4, 0, 0) for nothing.
    """
    row = np.uint64(4 * (2 * texel.shape[0] - 1))
    x = end_of_ones(covered, first, last)
    while x < last:
        if not covered[x] >= ONE:  # also for NaN, at which `end_of_ones` would stand still
            east, south = offset[0, x], offset[1, x]
            for c in range(4):
                nw = np.uint64(texel[x]) + np.uint64(c)
                sw = nw + row
                left, right = np.float32(texels[nw]), np.float32(texels[nw + np.uint64(4)])
                upper = left + east * (right - left)
                left, right = np.float32(texels[sw]), np.float32(texels[sw + np.uint64(4)])
                lower = left + east * (right - left)
                behind = TEXEL_UNIT * (upper + south * (lower - upper))
                if middle.shape[1] > 0:
                    behind = middle[c, y, x] + (ONE - middle[3, y, x]) * behind
                moved[c, x] = behind + covered[x] * (moved[c, x] - behind)
            x += np.uint64(1)
        else:
            x = end_of_ones(covered, x, last)


@part
def blend_row(row_maps, background, y, trim, moved):  # type: ignore[no-untyped-def]
    """The arithmetic of `kernels.warp.reference.warp_composite` on a row, in place."""
    for x in range(moved.shape[1]):
        alpha = min(max(moved[3, x], ZERO), ONE)
        share = min(alpha * TRIM_GAIN32, ONE) if trim else ONE
        clamped = min(max(alpha, MIN_ALPHA32), ONE - MIN_ALPHA32)
        edited = clamped * row_maps[ODDS, x] / (clamped * row_maps[ODDS, x] + ONE - clamped)
        share *= min(edited / clamped, ONE) * row_maps[KEEP, x]
        alpha = min(max(alpha + edited - clamped, ZERO), ONE)
        rest = row_maps[KEEP, x] * max(edited - clamped, ZERO) + ONE - alpha
        moved[0, x] = share * moved[0, x] + alpha * row_maps[0, x] + rest * background[0, y, x]
        moved[1, x] = share * moved[1, x] + alpha * row_maps[1, x] + rest * background[1, y, x]
        moved[2, x] = share * moved[2, x] + alpha * row_maps[2, x] + rest * background[2, y, x]
        moved[3, x] = alpha


@part
def clamp_row(moved, y, out):  # type: ignore[no-untyped-def]
    """Copy a row (4, S), clamped to 0..1, to row y of a picture (4, S, S)."""
    for c in range(4):
        for x in range(moved.shape[1]):
            out[c, y, x] = min(max(moved[c, x], ZERO), ONE)
