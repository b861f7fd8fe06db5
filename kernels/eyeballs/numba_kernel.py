"""`draw_eyeballs` on a CPU: the cells in which an eye is open, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from kernels.eyeballs.eyeballs import Eyeballs
from kernels.eyeballs.reference import MIN_OPENED, SOFT_BORDER_GAIN
from kernels.sampling.numba_kernel import ONE, ZERO, compiled, part
from kernels.sampling.numba_plane import sample_inside
from kernels.sampling.numba_runs import count_above_zero
from kernels.tape.opaque import recorded_whole

MIN_OPENED32, GAIN = np.float32(MIN_OPENED), np.float32(SOFT_BORDER_GAIN)


@recorded_whole
def draw_eyeballs(flow: Tensor, opened: Tensor, taken: Tensor, balls: Eyeballs, box: Tensor) -> Tensor:
    """See `kernels.eyeballs.draw_eyeballs`."""
    flow = flow.contiguous()
    out, flows = flow.clone(), flow.numpy()
    parts = [part.contiguous().numpy() for part in (opened, taken, *balls, box)]
    for i in range(len(out)):
        add_eyeballs(flows[i], *(part[i] for part in parts), out[i].numpy())
    return out


@compiled
def add_eyeballs(  # type: ignore[no-untyped-def]
    flow, opened, taken, now, rest, to_rest, shown, focus, share, box, out
):
    """One picture, with the arguments of `draw_eyeballs`. out: (2, n, n), a copy of the flow."""
    for eye in range(opened.shape[0]):
        for y in range(opened.shape[1]):
            if count_above_zero(opened[eye, y]) > 0:
                add_row(
                    flow, opened[eye], taken[0], now[eye], rest[eye], to_rest, shown[eye], focus, share, box, y, out
                )


@part
def add_row(flow, opened, taken, now, rest, to_rest, shown, focus, share, box, y, out):  # type: ignore[no-untyped-def]
    """One eye in row y of the maps."""
    cells = np.float32(opened.shape[1])
    v = box[1] + box[2] * (np.float32(2 * y + 1) / cells - ONE)
    down = v - now[1]
    for x in range(opened.shape[1]):
        if not opened[y, x] > ZERO:
            continue
        u = box[0] + box[2] * (np.float32(2 * x + 1) / cells - ONE)
        across = u - now[0]
        there_x = to_rest[0, 0] * across + to_rest[0, 1] * down + rest[0]
        there_y = to_rest[1, 0] * across + to_rest[1, 1] * down + rest[1]
        shown_there = sample_inside(shown, (there_x - focus[0]) / focus[2], (there_y - focus[1]) / focus[2]) * share
        own = min(max(GAIN * shown_there / max(opened[y, x], MIN_OPENED32), ZERO), ONE)
        weight = opened[y, x] * own * (ONE - taken[y, x])
        out[0, y, x] += weight * (there_x - u - flow[0, y, x])
        out[1, y, x] += weight * (there_y - v - flow[1, y, x])
