"""`warp_composite` on a CPU: one pass, a row at a time, compiled by numba.

Each step of a row is a function of its own: so LLVM sees that its arrays do not overlap, and vectorises it.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from kernels.warp import EDGE, FIRM, RIM, Maps

# Not all of fastmath: sums keep their order, which large odds need, and what is not a number stays so.
compiled = njit(nogil=True, fastmath={"contract", "nsz", "arcp"}, cache=True, error_model="numpy")
EDGE32, RIM32, FIRM32, ZERO, ONE, HALF = (np.float32(value) for value in (EDGE, RIM, FIRM, 0, 1, 0.5))
KEPT, FACTOR, HIDDEN = 3, 4, 5  # rows of what is said of a row of pixels; 0, 1, 2: the paint, by its share


def composite(
    layer: Tensor, maps: Maps, background: Tensor, wide: Tensor | None, box: Tensor | None, trim: bool
) -> Tensor:
    """See `kernels.warp.warp_composite`; quickest where the layer lies channels last."""
    batch, size = len(background), background.shape[-1]
    out = torch.empty(batch, 4, size, size)
    texels = layer.permute(0, 2, 3, 1).contiguous().numpy().reshape(batch, -1)
    plate = background.contiguous().numpy()
    factor = maps.flow.new_ones(batch, 1, 1, 1) if maps.odds is None else maps.odds
    missing = maps.flow.new_zeros(batch, 1, 1, 1) if maps.missing is None else maps.missing
    dark = maps.flow.new_zeros(batch, 3) if maps.dark is None else maps.dark
    front = maps.flow if maps.front is None else maps.front
    area = maps.flow.new_zeros(batch, 1, 1, 1) if maps.area is None else maps.area
    parts = [part.contiguous().numpy() for part in (*maps[:3], factor, missing, dark, front, area)]
    beyond = parts[0] if wide is None else wide.contiguous().numpy()
    boxes = np.tile(np.array([0, 0, 1], np.float32), (batch, 1)) if box is None else box.numpy()
    for i in range(batch):
        flow, keep, paint, odds, missing, dark, front, area = (part[i] for part in parts)
        draw(
            texels[i], plate[i], beyond[i], boxes[i], box is None, flow, keep, paint, odds, missing, dark, front, area,
            trim, out[i].numpy(),
        )  # fmt: skip
    return out


@compiled
def draw(  # type: ignore[no-untyped-def]
    texels, plate, beyond, box, whole, flow, keep, paint, odds, missing, dark, front, area, trim, out
):
    """One picture, out (4, S, S). texels: (2S−1)²·4, flat; plate (3, S, S); the maps (C, h, w) as they come."""
    size = out.shape[1]
    place, behind = np.empty((2, size), np.float32), np.empty((2, size), np.float32)
    corner, under = np.empty(size, np.uint32), np.empty(size, np.uint32)
    moved, said = np.empty((4, size), np.float32), np.empty((6, size), np.float32)
    inside, taken = np.empty(size, np.float32), np.empty(size, np.float32)
    far = np.empty((2, size), np.float32)
    widest = max(flow.shape[2], keep.shape[2], paint.shape[2], odds.shape[2], missing.shape[2], beyond.shape[2])
    scratch = np.empty(max(widest, front.shape[2], area.shape[2]), np.float32)
    first, last = extent(area[0])
    flow_at, flow_share = columns(flow.shape[2], box[0], box[2], size)
    keep_at, keep_share = columns(keep.shape[2], box[0], box[2], size)
    paint_at, paint_share = columns(paint.shape[2], box[0], box[2], size)
    odds_at, odds_share = columns(odds.shape[2], box[0], box[2], size)
    missing_at, missing_share = columns(missing.shape[2], box[0], box[2], size)
    front_at, front_share = columns(front.shape[2], box[0], box[2], size)
    area_at, area_share = columns(area.shape[2], box[0], box[2], size)
    wide_at, wide_share = columns(beyond.shape[2], ZERO, ONE, size)
    for y in range(size):
        line = np.float32(2 * y + 1) / size - ONE
        row = (line - box[1]) / box[2]  # in units of the box
        for c in range(2):
            stretch(flow[c], row, flow_at, flow_share, scratch, place[c])
        stretch(keep[0], row, keep_at, keep_share, scratch, said[KEPT])
        stretch(odds[0], row, odds_at, odds_share, scratch, said[FACTOR])
        stretch(missing[0], row, missing_at, missing_share, scratch, said[HIDDEN])
        for c in range(3):
            stretch(paint[c], row, paint_at, paint_share, scratch, said[c])
            cover(said[KEPT], said[HIDDEN], dark[c], said[c])
        hide(said[HIDDEN], said[KEPT])
        if not whole:
            fade(row, box, inside)
            for c in range(2):
                stretch(beyond[c], line, wide_at, wide_share, scratch, far[c])
                mix(far[c], inside, place[c])
            moved[0] = ONE
            mix(moved[0], inside, said[KEPT])
            mix(moved[0], inside, said[FACTOR])
            for c in range(3):
                limit(inside, said[c])
        parted = first < row < last
        if parted:
            stretch(area[0], row, area_at, area_share, scratch, taken)
            crisp(size * box[2] / area.shape[2], taken)
            for c in range(2):
                stretch(front[c], row, front_at, front_share, scratch, behind[c])
                if not whole:
                    mix(far[c], inside, behind[c])
                change(taken, behind[c], place[c])
        aim(y, place, corner)
        gather(texels, corner, place, moved)
        if parted:
            aim(y, behind, under)
            soften(texels, under, behind, taken, moved)
        blend(said, plate, y, trim, moved)
        finish(moved, out[:, y])


@compiled
def columns(width, centre, half, size):  # type: ignore[no-untyped-def]
    """Where the canvas's columns lie in a map of a box: the column to their left, and how far beyond it."""
    at, share = np.empty(size, np.uint32), np.empty(size, np.float32)
    for x in range(size):
        place = (((np.float32(2 * x + 1) / size - ONE - centre) / half + ONE) * width - ONE) * HALF
        place = min(max(place, ZERO), np.float32(width - 1))
        left = max(min(np.int32(place), width - 2), 0)
        at[x], share[x] = left, place - left
    return at, share


@compiled
def stretch(plane, row, at, share, scratch, out):  # type: ignore[no-untyped-def]
    """A row of a map's plane (h, w) at the canvas's columns; row in units of what the map covers."""
    height, width = plane.shape
    place = min(max(((row + ONE) * height - ONE) * HALF, ZERO), np.float32(height - 1))
    top = max(min(np.int32(place), height - 2), 0)
    low, part = min(top + 1, height - 1), place - top
    for i in range(width):
        scratch[i] = (ONE - part) * plane[top, i] + part * plane[low, i]
    step = np.uint32(min(width - 1, 1))
    for x in range(at.shape[0]):
        out[x] = (ONE - share[x]) * scratch[at[x]] + share[x] * scratch[at[x] + step]


@compiled
def fade(row, box, inside):  # type: ignore[no-untyped-def]
    """How far each column of a row of the canvas lies inside the box, 0..1; the canvas's own borders do not count."""
    size = inside.shape[0]
    left, right = box[0] - box[2] > -RIM32, box[0] + box[2] < RIM32
    top, bottom = box[1] - box[2] > -RIM32, box[1] + box[2] < RIM32
    down = max(-row if top else -ONE, row if bottom else -ONE)
    for x in range(size):
        place = (np.float32(2 * x + 1) / size - ONE - box[0]) / box[2]
        away = max(-place if left else -ONE, place if right else -ONE, down)
        t = min(max((ONE - away) / EDGE32, ZERO), ONE)
        inside[x] = t * t * (np.float32(3) - np.float32(2) * t)


@compiled
def mix(beyond, inside, out):  # type: ignore[no-untyped-def]
    """What the box says where we are inside it, what holds beyond where we are not."""
    for x in range(inside.shape[0]):
        out[x] = beyond[x] + inside[x] * (out[x] - beyond[x])


@compiled
def limit(inside, out):  # type: ignore[no-untyped-def]
    """Nothing where we are not inside the box."""
    for x in range(inside.shape[0]):
        out[x] *= inside[x]


@compiled
def cover(kept, hidden, dark, paint):  # type: ignore[no-untyped-def]
    """Paint by its share, and the dark beneath it."""
    for x in range(kept.shape[0]):
        paint[x] = (ONE - kept[x]) * paint[x] + kept[x] * hidden[x] * dark


@compiled
def hide(hidden, kept):  # type: ignore[no-untyped-def]
    """What is kept of the picture where it does not show all."""
    for x in range(kept.shape[0]):
        kept[x] *= ONE - hidden[x]


@compiled
def extent(area):  # type: ignore[no-untyped-def]
    """From where to where, −1..1 on its way down, a map (h, w) may be above 0 when it is stretched."""
    height, first, last = area.shape[0], area.shape[0], -1
    for row in range(height):
        if area[row].max() > ZERO:
            first, last = min(first, row), row
    return np.float32(2 * first - 1) / height - ONE, np.float32(2 * last + 3) / height - ONE


@compiled
def crisp(finer, taken):  # type: ignore[no-untyped-def]
    """`kernels.warp.crisp` on a row, in place. finer: pixels in a cell."""
    finer = max(np.float32(finer), ONE)
    for x in range(taken.shape[0]):
        taken[x] = min(max((taken[x] - HALF) * finer + HALF, ZERO), ONE)


@compiled
def change(taken, behind, place):  # type: ignore[no-untyped-def]
    """What stands in front comes from behind to the places that it takes some of, and what was there goes behind."""
    for x in range(taken.shape[0]):
        here = place[x]
        place[x] = behind[x] if taken[x] > ZERO else here
        behind[x] = here


@compiled
def aim(y, place, corner):  # type: ignore[no-untyped-def]
    """From flow to texels: the number of the upper left one of four, and how far beyond it."""
    size = corner.shape[0]
    last, most, none = np.float32(2 * size - 2), np.int32(2 * size - 3), np.int32(0)
    for x in range(size):
        u = min(max(np.float32(2 * x) + place[0, x] * np.float32(size), ZERO), last)
        v = min(max(np.float32(2 * y) + place[1, x] * np.float32(size), ZERO), last)
        left, top = min(max(np.int32(u), none), most), min(max(np.int32(v), none), most)  # a NaN stays inside, too
        place[0, x], place[1, x] = u - left, v - top
        corner[x] = (top * np.int32(2 * size - 1) + left) * np.int32(4)


@compiled
def gather(texels, corner, place, moved):  # type: ignore[no-untyped-def]
    """Bilinear samples (4, S). Written out, and with unsigned indices, which numba does not wrap round."""
    size = corner.shape[0]
    below = np.uint64(4 * (2 * size - 1))
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    for x in range(size):
        nw, sw = np.uint64(corner[x]), np.uint64(corner[x]) + below
        ne, se = nw + four, sw + four
        east, south = place[0, x], place[1, x]
        b, d = east * (ONE - south), east * south
        a, c = ONE - south - b, south - d
        moved[0, x] = a * texels[nw] + b * texels[ne] + c * texels[sw] + d * texels[se]
        moved[1, x] = a * texels[nw + one] + b * texels[ne + one] + c * texels[sw + one] + d * texels[se + one]
        moved[2, x] = a * texels[nw + two] + b * texels[ne + two] + c * texels[sw + two] + d * texels[se + two]
        moved[3, x] = a * texels[nw + three] + b * texels[ne + three] + c * texels[sw + three] + d * texels[se + three]


@compiled
def soften(texels, corner, place, taken, moved):  # type: ignore[no-untyped-def]
    """Along the edge of what stands in front, with what is behind: few pixels, one at a time."""
    size = corner.shape[0]
    below = np.uint64(4 * (2 * size - 1))
    for x in range(size):
        if ZERO < taken[x] < ONE:
            east, south = place[0, x], place[1, x]
            for c in range(4):
                nw = np.uint64(corner[x]) + np.uint64(c)
                sw = nw + below
                upper = texels[nw] + east * (texels[nw + np.uint64(4)] - texels[nw])
                lower = texels[sw] + east * (texels[sw + np.uint64(4)] - texels[sw])
                found = upper + south * (lower - upper)
                moved[c, x] = found + taken[x] * (moved[c, x] - found)


@compiled
def blend(said, plate, y, trim, moved):  # type: ignore[no-untyped-def]
    """The arithmetic of `kernels.warp.reference` on a row, in place."""
    for x in range(moved.shape[1]):
        alpha = min(max(moved[3, x], ZERO), ONE)
        share = min(alpha * np.float32(10), ONE) if trim else ONE
        firm = min(max(alpha, FIRM32), ONE - FIRM32)
        wanted = firm * said[FACTOR, x] / (firm * said[FACTOR, x] + ONE - firm)
        share *= min(wanted / firm, ONE) * said[KEPT, x]
        alpha = min(max(alpha + wanted - firm, ZERO), ONE)
        rest = said[KEPT, x] * max(wanted - firm, ZERO) + ONE - alpha
        moved[0, x] = share * moved[0, x] + alpha * said[0, x] + rest * plate[0, y, x]
        moved[1, x] = share * moved[1, x] + alpha * said[1, x] + rest * plate[1, y, x]
        moved[2, x] = share * moved[2, x] + alpha * said[2, x] + rest * plate[2, y, x]
        moved[3, x] = alpha


@compiled
def finish(moved, out):  # type: ignore[no-untyped-def]
    """A row (4, S) within 0..1."""
    for c in range(4):
        for x in range(moved.shape[1]):
            out[c, x] = min(max(moved[c, x], ZERO), ONE)
