"""Continues a character and its background beyond the border of their picture, so that nothing is cut straight when it
moves away from there.

The silhouette goes on along its own direction: below, a torso spreads on a little; above, a head closes in an arc; at
the sides, shoulders fall. Colours are those at the border: what is narrow there, as stripes and letters, fades, what is
wide, as a jacket beside a shirt, keeps its edges, and the fine texture of what lies just inside goes on as in a mirror.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.rigging.canvas import Array
from streamer.rigging.cutout import Cutout

Margins = tuple[tuple[int, int], tuple[int, int]]  # pixels above and below, to the left and to the right
Side = Literal["below", "above", "beside"]

INSIDE = 0.5  # alpha at the silhouette
SOFT_PIXELS = 8  # beyond the silhouette that still belong to its edge
TRACE_SHARE = 0.05  # of the longer side: rows of the picture from which the direction of an edge is measured
MIN_TRACE = 4  # rows
MAX_STEP = 6  # pixels that an edge may move from one row to the next
MIN_DIRECTION_ROWS = 3  # rows in which an edge must be found for a direction
# Bounds of directions, pixels across for one pixel away from the border:
MAX_SPREAD = 2.0
MAX_NARROWING = 0.3  # of a torso
MAX_CLOSING = 3.0  # of a head
SHOULDER_DROP = 1.2  # by which the direction of a shoulder has changed at the end of the margin
THIN_SHARE = 0.06  # of the longer side: thinner parts, such as locks of hair and fingers, end in a tip
TIP_LENGTH = 2.0  # of such a part over half its width
PROFILE_ROWS = 3  # rows at the border whose mean colours are continued
COLOUR_BLUR = 0.3  # pixels of blur for each pixel of distance
_BLURS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)  # pixels: half of what is too narrow to go on
KEPT_EDGES_FROM = 4.0  # pixels of blur from which wide parts keep their edges
EDGE_COLOUR = 0.08  # 0..1, RGB: deviation of one part's colour
EDGE_ROUNDS = 3  # of sharpening edges again
TEXTURE_SHARE = 0.12  # of the longer side: rows inside of the border whose texture goes on, to and fro
TEXTURE_BLUR = 1 / 256  # of the longer side: what is finer is texture
MOST_TEXTURE = 0.03  # 0..1, RGB, which texture approaches: outlines and letters are no texture
TEXTURE_FADE = 0.15  # of the longer side: over which texture fades
PLATE_SHARP_SHARE = 0.12  # of the longer side beyond the border over which the background loses its detail
PLATE_BLUR_SHARE = 0.03  # of the longer side: the blur's standard deviation from there on


@dataclass(frozen=True)
class _Edge:
    """An edge of the silhouette at the border: its place, and how far it moves for one pixel away from the border."""

    at: float
    direction: float


def extend(character: Cutout, margins: Margins) -> Cutout:
    """The same character (H, W) with margins of so many pixels on each side, inside of which nothing is changed."""
    foreground, alpha = character.foreground, character.alpha
    (above, below), (left, right) = margins
    # The sides first, so that a torso below the picture is as wide as its shoulders beside it.
    foreground, alpha = _turned(foreground, alpha, 1, left, "beside")
    foreground, alpha = _turned(foreground, alpha, 3, right, "beside")
    foreground, alpha = _turned(foreground, alpha, 2, above, "above")
    foreground, alpha = _grow(foreground, alpha, below, "below")
    return Cutout(alpha, foreground, _extend_plate(character.plate, margins))


def below_without(foreground: Array, alpha: Array, row: int, cut: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Continues a canvas of colours (S, S, 3) and alpha (S, S) below `row` again, without the parts in columns `cut`
    (S,): at the silhouette's edge it ends there, inside it neighbouring colours fill them.
    """
    return _grow(foreground[:row], alpha[:row], len(alpha) - row, "below", cut)


def _turned(foreground: Array, alpha: Array, quarter: int, length: int, side: Side) -> tuple[Array, Array]:
    """`_grow` at another side. quarter: 1 the left, 2 the upper, 3 the right one."""
    if quarter == 2:
        grown = _grow(foreground[::-1], alpha[::-1], length, side)
        return grown[0][::-1], grown[1][::-1]
    if quarter == 3:
        grown = _grow(foreground.swapaxes(0, 1), alpha.T, length, side)
        return grown[0].swapaxes(0, 1), grown[1].T
    grown = _grow(foreground.swapaxes(0, 1)[::-1], alpha.T[::-1], length, side)
    return grown[0][::-1].swapaxes(0, 1), grown[1][::-1].T


def _grow(
    foreground: Array, alpha: Array, length: int, side: Side, cut: NDArray[np.bool_] | None = None
) -> tuple[Array, Array]:
    """Colours (H, W, 3) and alpha (H, W), continued by `length` rows below the last one. cut: (W,), what of it ends."""
    if length == 0:
        return foreground, alpha
    shown = foreground, alpha
    if cut is not None and cut.any() and not cut.all():
        foreground, alpha = _without(foreground, alpha, cut)
    width, longer = alpha.shape[1], max(alpha.shape)
    across = np.broadcast_to(np.arange(width, dtype=np.float32), (length, width))
    away = np.arange(1, length + 1, dtype=np.float32)[:, None]
    source, more = across.copy(), np.zeros((length, width), np.float32)
    for first, last in runs(alpha[-1] > INSIDE):
        start = None if first == 0 else _edge(alpha, first, -1, longer)
        end = None if last == width - 1 else _edge(alpha, last, 1, longer)
        before, after = _edge_paths(start, end, away, length, side, longer)
        low, high = (-np.inf if start is None else start.at), (np.inf if end is None else end.at)
        place = _source(across, before, after, low, high, width)
        row = alpha[-1].copy()
        row[: max(0, first - SOFT_PIXELS)], row[last + 1 + SOFT_PIXELS :] = 0, 0
        own = np.interp(place, np.arange(width), row).astype(np.float32) * np.clip(after - before, 0, 1)
        source = np.where(own > more, place, source)
        more = np.maximum(more, own)
    colours = _colours(foreground, source, away, longer)
    return np.concatenate([shown[0], colours]), np.concatenate([shown[1], more])


def _without(foreground: Array, alpha: Array, cut: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The last rows of colours (H, W, 3), and alpha (H, W), as if nothing were at columns (W,) of them."""
    alpha, rows = alpha.copy(), foreground[-max(PROFILE_ROWS, round(TEXTURE_SHARE * max(alpha.shape))) :].copy()
    kept = np.flatnonzero(~cut)
    for first, last in runs(cut):
        neighbours = [alpha[-1, k] for k in (first - 1, last + 1) if 0 <= k < len(cut)]
        if min(neighbours) <= INSIDE:
            alpha[-1, first : last + 1] = 0
        at = np.arange(first, last + 1)
        nearest = kept[np.abs(at[:, None] - kept).argmin(1)]
        rows[:, first : last + 1] = rows[-PROFILE_ROWS:].mean(0)[nearest]
    return rows, alpha


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    change = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(change == 1).tolist(), (np.flatnonzero(change == -1) - 1).tolist(), strict=True))


def _edge(alpha: Array, index: int, outward: int, longer: int) -> _Edge:
    """The edge beyond pixel `index` of the last row, towards `outward` (−1 or 1), traced upwards for its direction."""
    at = place = _crossing(alpha[-1], index, outward)
    rows, shifts = [], []
    for row in range(1, min(max(MIN_TRACE, round(TRACE_SHARE * longer)), len(alpha) - 1) + 1):
        found = _nearest_edge(alpha[-1 - row], place, outward)
        if found is None:
            break
        place = found
        rows.append(row)
        shifts.append(at - place)
    if len(rows) < MIN_DIRECTION_ROWS:
        return _Edge(at, 0.0)
    return _Edge(at, float(np.dot(rows, shifts) / np.dot(rows, rows)))


def _crossing(row: Array, index: int, outward: int) -> float:
    """Where alpha falls through INSIDE between pixel `index` and its neighbour towards `outward`."""
    inner, outer = float(row[index]), float(row[index + outward])
    return index + outward * (inner - INSIDE) / max(inner - outer, 1e-6)


def _nearest_edge(row: Array, place: float, outward: int) -> float | None:
    """The edge of the same kind next to a place in a row; None where there is none within MAX_STEP."""
    low, high = max(0, int(place) - MAX_STEP), min(len(row) - 1, int(place) + MAX_STEP + 1)
    inside = row[low : high + 1] > INSIDE
    inner = np.flatnonzero(inside[:-1] & ~inside[1:]) if outward == 1 else np.flatnonzero(~inside[:-1] & inside[1:]) + 1
    if not len(inner):
        return None
    crossings = [_crossing(row, low + int(index), outward) for index in inner]
    return min(crossings, key=lambda crossing: abs(crossing - place))


def _edge_paths(
    start: _Edge | None, end: _Edge | None, away: Array, length: int, side: Side, longer: int
) -> tuple[Array, Array]:
    """(length, 1) where a part of the silhouette begins and ends at each distance; ±inf at the ends of the row."""
    if start is not None and end is not None and (side == "above" or end.at - start.at < THIN_SHARE * longer):
        return _arc(start, end, away, side)
    before, after = np.full_like(away, -np.inf), np.full_like(away, np.inf)
    if side == "beside" and start is not None:  # a shoulder or an arm, which falls
        fall = np.clip(start.direction, -MAX_NARROWING, MAX_SPREAD) * away + SHOULDER_DROP * away**2 / (2 * length)
        before = start.at + fall
        return before, after if end is None else end.at + fall
    if start is not None:
        before = start.at + _path(start.direction, away, length, 1)
    if end is not None:
        after = end.at + _path(end.direction, away, length, -1)
    return before, after


def _path(direction: float, away: Array, length: int, inward: int) -> Array:
    """(length, 1) how far an edge moves. inward: sign of the movements that make the part narrower."""
    bounded = inward * np.clip(inward * direction, -MAX_SPREAD, MAX_NARROWING)
    decay = length / 2
    return bounded * decay * (1 - np.exp(-away / decay))


def _arc(start: _Edge, end: _Edge, away: Array, side: Side) -> tuple[Array, Array]:
    """Begin and end of a part that closes: above, on the circle through both edges that has their mean direction."""
    half, middle = (end.at - start.at) / 2, (end.at + start.at) / 2
    narrowing = float(np.clip((start.direction - end.direction) / 2, 0, MAX_CLOSING))
    if side == "above":
        radius, centre = half * np.hypot(1, narrowing), half * narrowing
        reach = np.sqrt(np.clip(radius**2 - (away + centre) ** 2, 0, None))
    else:
        reach = half * np.sqrt(np.clip(1 - away / max(TIP_LENGTH * half, 1), 0, None))
    drift = float(np.clip((start.direction + end.direction) / 2, -1, 1)) * np.minimum(away, half)
    return middle + drift - reach, middle + drift + reach


def _source(across: Array, before: Array, after: Array, low: float, high: float, width: int) -> Array:
    """(length, width) the place in the border's row from which each pixel comes.

    What lies between the edges is stretched between them, what lies beyond is shifted with its edge.
    """
    first = np.where(np.isfinite(before), before, 0)
    last = np.where(np.isfinite(after), after, width - 1)
    from_first, from_last = max(low, 0.0), min(high, width - 1.0)
    share = (across - first) / np.maximum(last - first, 1e-3)
    place = from_first + share * (from_last - from_first)
    place = np.where(across < first, from_first + across - first, place)
    return np.where(across > last, from_last + across - last, place).astype(np.float32)


def _colours(foreground: Array, source: Array, away: Array, longer: int) -> Array:
    """(length, W, 3) the border's colours at the places (length, W) that they come from, with texture.

    longer: pixels of the longer side.
    """
    row = foreground[-PROFILE_ROWS:].mean(0)
    levels = [_simplified(row, blur) for blur in _BLURS]
    level = np.interp(away[:, 0] * COLOUR_BLUR, _BLURS, np.arange(len(_BLURS)))
    texture = _texture(foreground[-max(2, round(TEXTURE_SHARE * longer)) :], longer)
    faded = np.exp(-away[:, 0] / (TEXTURE_FADE * longer)) * np.minimum(away[:, 0] / PROFILE_ROWS, 1)
    period = 2 * len(texture) - 2
    out = np.empty((*source.shape, 3), np.float32)
    places = np.arange(row.shape[0])
    for k, each in enumerate(level):
        below, share = int(each), each - int(each)
        above = min(below + 1, len(_BLURS) - 1)
        back = k % period if period else 0
        back = min(back, period - back)
        blended = levels[below] * (1 - share) + levels[above] * share + faded[k] * texture[-1 - back]
        for channel in range(3):
            out[k, :, channel] = np.interp(source[k], places, blended[:, channel])
    return out.clip(0, 1)


def _texture(rows: Array, longer: int) -> Array:
    """(K, W, 3) what is fine and faint in the last rows (K, W, 3) before a border."""
    fine = rows - cv2.GaussianBlur(rows, (0, 0), max(1.0, TEXTURE_BLUR * longer))
    return MOST_TEXTURE * np.tanh(fine / MOST_TEXTURE)


def _simplified(row: Array, blur: float) -> Array:
    """(W, 3) a row (W, 3) without what is narrower than twice the blur, pixels; what is wider keeps its edges, by
    rolling guidance (Zhang et al. 2014).
    """
    if blur == 0:
        return row
    if blur < KEPT_EDGES_FROM:
        return _blurred_row(row, blur)
    step = 2  # half the resolution is enough
    small = _blurred_row(row, step / 2)[::step]
    near = np.exp(-0.5 * ((np.arange(len(small))[:, None] - np.arange(len(small))) * step / blur) ** 2)
    guide = _blurred_row(row, blur)[::step]
    for _ in range(EDGE_ROUNDS):
        apart = ((guide[:, None] - guide) ** 2).sum(-1)
        weights = near * np.exp(-0.5 * apart / EDGE_COLOUR**2)
        guide = (weights @ small) / weights.sum(1, keepdims=True)
    at = np.arange(len(row)) / step
    return np.stack([np.interp(at, np.arange(len(small)), channel) for channel in guide.T], -1).astype(np.float32)


def _blurred_row(row: Array, blur: float) -> Array:
    return cv2.GaussianBlur(row[None], (0, 0), sigmaX=blur, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE)[0]


def _extend_plate(plate: Array, margins: Margins) -> Array:
    """The background goes on, mirrored and ever more blurred."""
    longer = max(plate.shape)
    mirrored = np.pad(plate, (*margins, (0, 0)), mode="symmetric")
    beyond = np.pad(np.zeros(plate.shape[:2], np.uint8), margins, constant_values=1)
    if not beyond.any():
        return plate
    blurred = cv2.GaussianBlur(mirrored, (0, 0), PLATE_BLUR_SHARE * longer)
    distance = cv2.distanceTransform(beyond, cv2.DIST_L2, 5)
    share = np.clip(distance / (PLATE_SHARP_SHARE * longer), 0, 1)[..., None]
    return (mirrored + share * (blurred - mirrored)).astype(np.float32)
