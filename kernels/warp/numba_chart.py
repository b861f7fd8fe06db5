"""The chart's part of `warp_composite` on a CPU, a row at a time, compiled by numba."""

from __future__ import annotations

import numpy as np

from kernels.sampling.numba_kernel import HALF, ONE, ZERO, compiled, resize_row
from kernels.sampling.numba_texels import sample_texels


@compiled
def draw_chart(  # type: ignore[no-untyped-def]
    chart, side, position, v, columns, spans, charted, scratch, chart_row, moved
):
    """Draw the chart over a row (4, S) of the moved layer, in place, by its share `charted` (S,). spans: from
    `charted_spans`. columns: of the positions, from `sample_columns`. chart_row: arrays (2, S), (S,) uint32 and (4, S)
    that are overwritten.
    """
    start, full, partial, stop = spans
    cell, fraction = columns
    offset, texel, drawn = chart_row
    for c in range(2):
        resize_row(position[c], v, cell[start:stop], fraction[start:stop], scratch, offset[c, start:stop])
    locate_chart(side, offset, start, stop, texel)
    sample_texels(chart, side, texel, offset, full, partial, moved)
    for first, last in ((start, full), (partial, stop)):
        sample_texels(chart, side, texel, offset, first, last, drawn)
        blend_chart(drawn, charted, first, last, moved)


@compiled
def charted_spans(covered, charted, last):  # type: ignore[no-untyped-def]
    """Where the chart is seen in a row, start ≤ full ≤ partial ≤ stop: from `start` up to `stop`, and alone from `full`
    up to `partial`, its longest run of pixels with a share of 1. Where it is not seen, `start` is the row's end, `stop`
    its first pixel, and the others are `last`, the end of the front. The chart's share is set to 0, in place, where the
    front covers nothing.
    """
    size = charted.shape[0]
    start, stop = size, 0
    for x in range(size):
        charted[x] = charted[x] if covered[x] > ZERO else ZERO
        start = min(start, x) if charted[x] > ZERO else start
        stop = x + 1 if charted[x] > ZERO else stop
    full, partial, run = np.int64(last), np.int64(last), 0
    if start < stop:
        full = partial = stop
        for x in range(start, stop):
            run = run + 1 if charted[x] >= ONE else 0
            if run > partial - full:
                full, partial = x + 1 - run, x + 1
    return np.uint64(start), np.uint64(full), np.uint64(partial), np.uint64(stop)


@compiled
def locate_chart(side, offset, start, stop, texel):  # type: ignore[no-untyped-def]
    """From positions (2, S) on a chart, −1..1, to the flat index (S,) of the upper left of four texels, from `start` up
    to `stop`; the positions are replaced by the distance from that texel, 0..1.
    """
    scale, last = np.float32(side) * HALF, np.float32(side - 1)
    middle, most, none = last * HALF, np.int32(side - 2), np.int32(0)
    for x in range(start, stop):
        u = min(max(offset[0, x] * scale + middle, ZERO), last)
        v = min(max(offset[1, x] * scale + middle, ZERO), last)
        left, top = min(max(np.int32(u), none), most), min(max(np.int32(v), none), most)  # in range for a NaN, too
        offset[0, x], offset[1, x] = u - left, v - top
        texel[x] = (top * np.int32(side) + left) * np.int32(4)


@compiled
def blend_chart(drawn, charted, start, stop, moved):  # type: ignore[no-untyped-def]
    """Interpolate in place from the moved layer to the samples of the chart, by the chart's share."""
    for c in range(4):
        for x in range(start, stop):
            moved[c, x] += charted[x] * (drawn[c, x] - moved[c, x])
