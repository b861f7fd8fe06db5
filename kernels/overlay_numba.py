"""`overlay` on a CPU: the pixels of the window's bounding box, one by one, compiled by numba."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kernels.warp_numba import HALF, ONE, compiled

LEAST = np.float32(1e-9)


def lay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """See `kernels.overlay.overlay`."""
    pixels, windows = picture.numpy(), window.contiguous().numpy()
    maps = torch.cat([paint, cover], 1).permute(0, 2, 3, 1).contiguous().numpy()
    for i in range(len(pixels)):
        draw(pixels[i], windows[i], maps[i])


@compiled
def draw(picture, window, maps):  # type: ignore[no-untyped-def]
    """One picture (4, S, S), in place; maps (n, n, 4): paint and cover. A window that is nowhere covers nothing."""
    size, side = np.int32(picture.shape[1]), np.int32(maps.shape[0])
    x0, y0, ax, ay, dx, dy = window[0], window[1], window[2], window[3], window[4], window[5]
    turned = ONE / max(dx * dx + dy * dy, LEAST)
    wide, high, unit = abs(ax) + abs(dx), abs(ay) + abs(dy), np.float32(size) * HALF
    left, right = np.int32(np.floor((x0 - wide + ONE) * unit)), np.int32(np.ceil((x0 + wide + ONE) * unit))
    top, bottom = np.int32(np.floor((y0 - high + ONE) * unit)), np.int32(np.ceil((y0 + high + ONE) * unit))
    for y in range(max(top, 0), min(bottom, size)):
        v = np.float32(2 * y + 1) / np.float32(size) - ONE - y0
        for x in range(max(left, 0), min(right, size)):
            u = np.float32(2 * x + 1) / np.float32(size) - ONE - x0
            s, t = (u * ax + v * ay) * turned, (u * dx + v * dy) * turned
            if not (abs(s) < ONE and abs(t) < ONE):
                continue
            west, east, across = cell(s, side)
            north, south, down = cell(t, side)
            nw, ne = (ONE - down) * (ONE - across), (ONE - down) * across
            sw, se = down * (ONE - across), down * across
            share = nw * maps[north, west, 3] + ne * maps[north, east, 3]
            share += sw * maps[south, west, 3] + se * maps[south, east, 3]
            share *= picture[3, y, x]
            for c in range(3):
                tint = nw * maps[north, west, c] + ne * maps[north, east, c]
                tint += sw * maps[south, west, c] + se * maps[south, east, c]
                picture[c, y, x] += share * (tint - picture[c, y, x])


@compiled
def cell(place, side):  # type: ignore[no-untyped-def]
    """A place in −1..1 as the cell before it, the one behind, and how far between them."""
    at = min(max(((place + ONE) * side - ONE) * HALF, np.float32(0)), np.float32(side - 1))
    before = np.int32(at)
    return before, min(before + 1, side - 1), at - np.float32(before)
