"""`closeup_maps` on a CPU: the cells of each window's bounding box, one by one, compiled by numba."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kernels.closeup_maps.window_maps import WindowMaps
from kernels.sampling.numba_kernel import HALF, ONE, compiled, part
from kernels.sampling.numba_plane import sample_inside
from kernels.tape.opaque import recorded_whole

MIN_SQUARED_LENGTH = np.float32(1e-9)  # of a window's axis, canvas units


@recorded_whole
def closeup_maps(box: Tensor, windows: Sequence[WindowMaps], cells: int) -> Tensor:
    """See `kernels.closeup_maps.closeup_maps`."""
    out = torch.zeros(len(box), 3, cells, cells)
    boxes, maps = box.contiguous().numpy(), [[part.contiguous().numpy() for part in each] for each in windows]
    for i in range(len(out)):
        for window, influence, flow in maps:
            add_window(out[i].numpy(), boxes[i], window[i], influence[i, 0], flow[i])
    return out


@compiled
def add_window(out, box, window, influence, flow):  # type: ignore[no-untyped-def]
    """One window on out (3, cells, cells), in place. influence: (n, n); flow: (2, m, m). A window with NaN or infinite
    values covers nothing.
    """
    size, side = np.int32(out.shape[1]), np.int32(influence.shape[0])
    x0, y0, ax, ay, dx, dy = window[0], window[1], window[2], window[3], window[4], window[5]
    scale = ONE / max(dx * dx + dy * dy, MIN_SQUARED_LENGTH)
    reach = ONE + ONE / np.float32(min(side, np.int32(flow.shape[1])))  # samples fade over half a texel beyond a border
    half_width, half_height = reach * (abs(ax) + abs(dx)), reach * (abs(ay) + abs(dy))
    first_x, last_x = cells_between(x0 - half_width, x0 + half_width, box[0], box[2], size)
    first_y, last_y = cells_between(y0 - half_height, y0 + half_height, box[1], box[2], size)
    for y in range(first_y, last_y):
        v = box[1] + box[2] * (np.float32(2 * y + 1) / np.float32(size) - ONE) - y0
        for x in range(first_x, last_x):
            u = box[0] + box[2] * (np.float32(2 * x + 1) / np.float32(size) - ONE) - x0
            s, t = (u * ax + v * ay) * scale, (u * dx + v * dy) * scale
            if not (abs(s) < reach and abs(t) < reach):
                continue
            out[0, y, x] = max(out[0, y, x], sample_inside(influence, s, t))
            across, down = sample_inside(flow[0], s, t), sample_inside(flow[1], s, t)
            out[1, y, x] += across * ax + down * dx
            out[2, y, x] += across * ay + down * dy


@part
def cells_between(low, high, centre, half, size):  # type: ignore[no-untyped-def]
    """The first of `size` cells of a box along one axis whose middle may lie between two places, canvas units, and the
    one after the last.
    """
    unit = np.float32(size) * HALF
    first, last = ((low - centre) / half + ONE) * unit, ((high - centre) / half + ONE) * unit
    if not (abs(first) < np.float32(1e9) and abs(last) < np.float32(1e9)):
        return np.int32(0), np.int32(0)
    return max(np.int32(np.floor(first)), np.int32(0)), min(np.int32(np.ceil(last)), size)
