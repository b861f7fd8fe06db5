"""`overlay` on a CPU: the pixels of the window's bounding box, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kernels.sampling.numba_kernel import HALF, ONE, cell_pair, compiled

MIN_SQUARED_LENGTH = np.float32(1e-9)  # of a window's axis, canvas units


def overlay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """See `kernels.overlay.overlay`."""
    pictures, windows = picture.numpy(), window.contiguous().numpy()
    maps = torch.cat([paint, cover], 1).permute(0, 2, 3, 1).contiguous().numpy()
    for i in range(len(pictures)):
        overlay_picture(pictures[i], windows[i], maps[i])


@compiled
def overlay_picture(picture, window, maps):  # type: ignore[no-untyped-def]
    """One picture (4, S, S), in place. maps: (n, n, 4) paint and cover. A window with NaN or infinite values covers
    nothing.
    """
    size, side = np.int32(picture.shape[1]), np.int32(maps.shape[0])
    x0, y0, ax, ay, dx, dy = window[0], window[1], window[2], window[3], window[4], window[5]
    scale = ONE / max(dx * dx + dy * dy, MIN_SQUARED_LENGTH)
    half_width, half_height, unit = abs(ax) + abs(dx), abs(ay) + abs(dy), np.float32(size) * HALF
    left, right = np.int32(np.floor((x0 - half_width + ONE) * unit)), np.int32(np.ceil((x0 + half_width + ONE) * unit))
    top, bottom = (
        np.int32(np.floor((y0 - half_height + ONE) * unit)),
        np.int32(np.ceil((y0 + half_height + ONE) * unit)),
    )
    for y in range(max(top, 0), min(bottom, size)):
        v = np.float32(2 * y + 1) / np.float32(size) - ONE - y0
        for x in range(max(left, 0), min(right, size)):
            u = np.float32(2 * x + 1) / np.float32(size) - ONE - x0
            s, t = (u * ax + v * ay) * scale, (u * dx + v * dy) * scale
            if not (abs(s) < ONE and abs(t) < ONE):
                continue
            west, east, across = cell_pair(s, side)
            north, south, down = cell_pair(t, side)
            nw, ne = (ONE - down) * (ONE - across), (ONE - down) * across
            sw, se = down * (ONE - across), down * across
            share = nw * maps[north, west, 3] + ne * maps[north, east, 3]
            share += sw * maps[south, west, 3] + se * maps[south, east, 3]
            share *= picture[3, y, x]
            for c in range(3):
                paint = nw * maps[north, west, c] + ne * maps[north, east, c]
                paint += sw * maps[south, west, c] + se * maps[south, east, c]
                picture[c, y, x] += share * (paint - picture[c, y, x])
