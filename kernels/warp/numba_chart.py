"""The chart's part of `warp_composite` on a CPU, a row at a time, compiled by numba."""

from __future__ import annotations

import numpy as np

from kernels.sampling.numba_kernel import HALF, ZERO, part
from kernels.sampling.numba_runs import longest_run_of_one, span_above_zero
from kernels.sampling.numba_texels import sample_texels
from kernels.sampling.packed_texels import TEXEL_UNIT


@part
def draw_chart(chart, side, spans, charted, chart_row, moved):  # type: ignore[no-untyped-def]
    """Draw the chart over a row (4, S) of the moved layer, in place, by its share `charted` (S,). spans: from
    `charted_spans`. chart_row: positions on the chart (2, S), and arrays (S,) uint32 and (4, S); all are overwritten.
    """
    start, full, partial, stop = spans
    offset, texel, drawn = chart_row
    locate_chart(side, offset, start, stop, texel)
    sample_texels(chart, TEXEL_UNIT, side, texel, offset, full, partial, moved)
    for first, last in ((start, full), (partial, stop)):
        sample_texels(chart, TEXEL_UNIT, side, texel, offset, first, last, drawn)
        blend_chart(drawn, charted, first, last, moved)


@part
def charted_spans(covered, charted, last):  # type: ignore[no-untyped-def]
    """Where the chart is seen in a row, start ≤ full ≤ partial ≤ stop: from `start` up to `stop`, and alone from `full`
    up to `partial`, its longest run of pixels with a share of 1. Where it is not seen, `start` and `stop` are the row's
    end, and the others are `last`, the end of the front. The chart's share is set to 0, in place, where the front
    covers nothing.
    """
    for x in range(charted.shape[0]):
        charted[x] = charted[x] if covered[x] > ZERO else ZERO
    start, stop = span_above_zero(charted)
    full, partial = last, last
    if start < stop:
        full, partial = longest_run_of_one(charted, start, stop)
    return start, full, partial, stop


@part
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
        offset[0, x], offset[1, x] = u - np.float32(left), v - np.float32(top)
        texel[x] = (top * np.int32(side) + left) * np.int32(4)


@part
def blend_chart(drawn, charted, start, stop, moved):  # type: ignore[no-untyped-def]
    """Interpolate in place from the moved layer to the samples of the chart, by the chart's share."""
    for c in range(4):
        for x in range(start, stop):
            moved[c, x] += charted[x] * (drawn[c, x] - moved[c, x])
