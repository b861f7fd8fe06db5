"""Points that were not placed, measured where the picture shows them plainly: how far the dot of an eye and the stroke
of a mouth reach.

The canonical face has a person's eyes and lips, as large as the distance of the eyes says. What is drawn is a dot, a
lamp, an arc: landmarks that lie beside it would move its surroundings instead of it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image
from streamer.rigging.body_points import Position
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points

EYE_REACH = 0.4  # distances of the eyes around the middle of one within which it lies
EYE_AREA = (0.004, 0.32)  # of a spot that is an eye, in squares of that distance
SKIN_RING = (0.9, 1.0)  # of the reach: what lies there is skin
DIFFERENT = 36.0  # of 255, from the skin
DIFFERENT_SHARE = 0.28  # of the difference of a spot's middle from the skin
MIDDLE = 0.12  # of the reach: the middle of a spot
MARGIN = 1.04  # of a spot's half size: its border is soft
MOUTH_ROWS = (-0.35, 0.7)  # widths of the mouth around the line of its corners between which its middle is searched
MAX_STROKE = 0.4  # widths of the mouth: a dark spot that is higher is no mouth
COLUMNS = 5  # of pixels beside the middle, whose median counts
WORK_SIDE = 512  # pixels of the longer side at which all this is measured


def completed(points: Points, picture: Picture) -> Points:
    """Points of a face with what was not placed of the size of its eyes and the middle of its mouth, where it is plain.

    Positions are pixels of the upright original, as the picture's.
    """
    if not points.has_face:
        return points
    zoom = WORK_SIDE / max(picture.rgba.shape[:2])
    rgba = cv2.resize(picture.rgba, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    share = rgba[..., 3:].astype(np.float32) / 255
    rgb = np.round(rgba[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    unit = zoom * picture.scale
    places = {name: (x * unit, y * unit) for name, (x, y) in points.positions.items()}
    added = {**eye_points(rgb, places), **mouth_points(rgb, places)}
    height, width = rgb.shape[:2]
    new = {
        name: (x / unit, y / unit)
        for name, (x, y) in added.items()
        if name not in places and 0 <= x < width and 0 <= y < height
    }
    return Points({**points.positions, **new}, points.outline)


def eye_points(rgb: Image, places: dict[str, Position]) -> dict[str, Position]:
    """Corners and lids of both eyes in a picture (H, W, 3) in which each is one spot that differs from what surrounds
    it; nothing otherwise, and nothing of a face whose eyes are not level, as its corners are not then.
    """
    left, right = np.array(places["left_eye"]), np.array(places["right_eye"])
    distance = float(np.hypot(*(right - left)))
    if abs(right[1] - left[1]) > 0.25 * distance:
        return {}
    inward = 1 if left[0] < right[0] else -1
    found: dict[str, Position] = {}
    for side, middle, sign in (("left", left, inward), ("right", right, -inward)):
        spot = _spot(rgb, middle, EYE_REACH * distance)
        if spot is None:
            return {}
        (x, y), across, down = spot
        found |= {
            f"{side}_eye_inner": (x + sign * across, y), f"{side}_eye_outer": (x - sign * across, y),
            f"{side}_eye_top": (x, y - down), f"{side}_eye_bottom": (x, y + down),
        }  # fmt: skip
    return found


def mouth_points(rgb: Image, places: dict[str, Position]) -> dict[str, Position]:
    """Upper and lower edge of the stroke of a mouth in its middle, in a picture (H, W, 3); nothing where there is none,
    or where the mouth is not level.
    """
    left, right = np.array(places["mouth_left"]), np.array(places["mouth_right"])
    width = float(np.hypot(*(right - left)))
    x, y = (left + right) / 2
    if abs(right[1] - left[1]) > 0.25 * width or width < 8:
        return {}
    top = max(y + MOUTH_ROWS[0] * width, (places["nose"][1] + y) / 2)
    bottom = min(y + MOUTH_ROWS[1] * width, places["chin"][1])
    rows, columns = np.arange(round(top), round(bottom)), round(x) + np.arange(COLUMNS) - COLUMNS // 2
    if len(rows) < 5 or rows[0] < 0 or rows[-1] >= len(rgb) or columns[0] < 0 or columns[-1] >= rgb.shape[1]:
        return {}
    strip = np.median(rgb[rows[:, None], columns].astype(np.float32).mean(-1), 1)
    dark = strip < np.median(strip) - DIFFERENT
    edges = np.flatnonzero(np.diff(np.concatenate([[False], dark, [False]]).astype(np.int8)))
    strokes = [(start, end) for start, end in edges.reshape(-1, 2) if start > 0 and end < len(dark)]
    if not strokes:
        return {}
    start, end = min(strokes, key=lambda stroke: float(strip[stroke[0] : stroke[1]].min()))
    if end - start > MAX_STROKE * width:
        return {}
    return {
        "mouth_top": (float(x), float(rows[0] + start - 0.5)),
        "mouth_bottom": (float(x), float(rows[0] + end - 0.5)),
    }


def _spot(rgb: Image, middle: NDArray[np.float64], reach: float) -> tuple[Position, float, float] | None:
    """Middle and half sizes of the spot at a place of a picture (H, W, 3), pixels; None where it is not plain."""
    x, y = (round(float(each)) for each in middle)
    size = max(4, round(reach))
    if min(x, y) < size or x + size >= rgb.shape[1] or y + size >= rgb.shape[0]:
        return None
    patch = rgb[y - size : y + size + 1, x - size : x + size + 1].astype(np.float32)
    rows, columns = np.mgrid[-size : size + 1, -size : size + 1]
    radius = np.hypot(rows, columns) / size
    skin = np.median(patch[(radius > SKIN_RING[0]) & (radius < SKIN_RING[1])], 0)
    difference = np.linalg.norm(patch - skin, axis=-1)
    least = max(DIFFERENT, DIFFERENT_SHARE * float(np.median(difference[radius < MIDDLE])))
    differs = ((difference > least) & (radius < 1)).astype(np.uint8)
    differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(differs)
    label = int(labels[size, size])
    left, top, wide, high, area = (int(value) for value in stats[label])
    touches = bool((radius[labels == label] > SKIN_RING[0]).any())
    if label == 0 or touches or not EYE_AREA[0] < area / (size / EYE_REACH) ** 2 < EYE_AREA[1]:
        return None
    place = x - size + left + (wide - 1) / 2, y - size + top + (high - 1) / 2
    return place, MARGIN * wide / 2, MARGIN * high / 2
