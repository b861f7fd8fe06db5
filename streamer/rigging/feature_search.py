"""Finds what may be eyes, nose and mouth of a head that is no person's: two spots that are alike when mirrored, and
what differs from its surroundings below them.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image

HEAD_SIDE = 72  # pixels of the head's longer side at which the search runs
PATCH = 6  # pixels around an eye that are compared
DISTANCES = (0.24, 0.66)  # of the eyes from each other, in widths of the head
ROWS = (0.2, 0.72)  # of the head's height between which eyes lie
USUAL_ROW, ROW_WIDTH = 0.45, 0.28  # of the head's height: where eyes usually are, and how far from it they seldom are
USUAL_DISTANCE, DISTANCE_WIDTH = 0.42, 0.2  # likewise of their distance, widths of the head
MAX_OFF_AXIS = 0.14  # widths of the head between its middle and that of the eyes
SLANT = (-4, -2, 0, 2, 4)  # pixels by which the right eye may be lower
MIN_SCORE = 0.08  # of a pair that counts as eyes
MOUTH_ROWS = (0.3, 1.12)  # distances of the eyes below their line between which nose and mouth are searched
USUAL_NOSE, USUAL_MOUTH = 0.52, 0.98
STRIP_HALF_WIDTH = 0.3  # distances of the eyes: of the strip down the middle of the face in which they are searched
STRIP_ROWS = 64  # of that strip
PEAK_SHARE = 0.4  # of the highest peak in the strip, from which another one counts
MIN_PEAK = 4.0  # of 255, mean difference along a row
NOSE_ABOVE = 0.22  # distances of the eyes between nose and mouth, at least
CENTRE_STEPS, CENTRE_REACH = 4, 4.0  # of mean shift to the middle of an eye; pixels
BLOB_STEPS = (3, 4, 5, 6, 7, 8)  # pixels: half widths of an eye that are tried


class Eyes(NamedTuple):
    """Middles of the two eyes, pixels of the picture. half_width: of one of them; None where none was found."""

    left: tuple[float, float]
    right: tuple[float, float]
    half_width: float | None


def find_eyes(rgb: Image, head: tuple[float, float, float, float]) -> Eyes:
    """The eyes of a head (left, top, width, height) in a picture (H, W, 3); where no pair is likely, where eyes usually
    are.
    """
    left, top, width, height = head
    zoom = HEAD_SIDE / max(width, height)
    patch = rgb[int(top) : int(top + height) + 1, int(left) : int(left + width) + 1]
    shape = max(4 * PATCH, round(width * zoom)), max(4 * PATCH, round(height * zoom))
    grey = cv2.resize(patch, shape, interpolation=cv2.INTER_AREA).astype(np.float32)
    found = _best_pair(cv2.GaussianBlur(grey, (0, 0), 0.8))
    if found is None:
        row = top + USUAL_ROW * height
        half = USUAL_DISTANCE * width / 2
        middle = left + width / 2
        return Eyes((middle - half, row), (middle + half, row), None)
    (x, y), (other_x, other_y), size = found
    scale_x, scale_y = width / shape[0], height / shape[1]
    return Eyes(
        (left + (x + 0.5) * scale_x, top + (y + 0.5) * scale_y),
        (left + (other_x + 0.5) * scale_x, top + (other_y + 0.5) * scale_y),
        size * scale_x,
    )


def find_nose_and_mouth(rgb: Image, eyes: Eyes) -> tuple[float, float]:
    """How far nose and mouth lie below the line of the eyes in a picture (H, W, 3), in distances of the eyes: the two
    lowest rows of strong contrast, or where they usually are.
    """
    left, right = np.array(eyes.left), np.array(eyes.right)
    across, middle = right - left, (left + right) / 2
    down = np.array([-across[1], across[0]])
    rows = np.linspace(*MOUTH_ROWS, STRIP_ROWS)
    columns = np.linspace(-STRIP_HALF_WIDTH, STRIP_HALF_WIDTH, 24)
    places = middle + rows[:, None, None] * down + columns[:, None] * across
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    x, y = (places[..., axis].astype(np.float32) for axis in (0, 1))
    strip = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    strength = np.abs(strip - cv2.blur(strip, (1, 25))).mean(1)
    strength = cv2.blur(strength[:, None], (1, 5))[:, 0]
    inside = (y[:, 12] >= 0) & (y[:, 12] < len(grey))
    strength = np.where(inside, strength, 0)
    is_peak = (strength >= np.roll(strength, 1)) & (strength > np.roll(strength, -1))
    is_peak[[0, -1]] = False
    peaks = rows[is_peak & (strength > max(MIN_PEAK, PEAK_SHARE * float(strength.max())))]
    if not len(peaks):
        return USUAL_NOSE, USUAL_MOUTH
    mouth = float(peaks[-1])
    above = peaks[peaks < mouth - NOSE_ABOVE]
    return float(above[-1]) if len(above) else mouth * USUAL_NOSE / USUAL_MOUTH, mouth


def _best_pair(
    colours: NDArray[np.float32],
) -> tuple[tuple[float, float], tuple[float, float], float] | None:
    """The likeliest pair of eyes in a small head (h, w, 3): their places, pixels, and the half width of one."""
    height, width = colours.shape[:2]
    mirrored = colours[:, ::-1]
    size = 2 * PATCH + 1
    saliency = _saliency(colours)
    best, score = None, MIN_SCORE
    rows = range(max(PATCH, round(ROWS[0] * height)), min(height - PATCH, round(ROWS[1] * height)))
    for x in range(PATCH, width - PATCH):
        for distance in range(round(DISTANCES[0] * width), round(DISTANCES[1] * width) + 1):
            other = x + distance
            if other >= width - PATCH or abs((x + other) / 2 - width / 2) > MAX_OFF_AXIS * width:
                continue
            near = np.exp(-(((distance / width - USUAL_DISTANCE) / DISTANCE_WIDTH) ** 2))
            for y in rows:
                if saliency[y, x] < 0.25:
                    continue
                usual = near * np.exp(-(((y / height - USUAL_ROW) / ROW_WIDTH) ** 2))
                for slant in SLANT:
                    row = y + slant
                    if not PATCH <= row < height - PATCH:
                        continue
                    both = min(saliency[y, x], saliency[row, other])
                    if both * usual <= score:
                        continue
                    one = colours[y - PATCH : y + PATCH + 1, x - PATCH : x + PATCH + 1]
                    start = width - 1 - other - PATCH
                    two = mirrored[row - PATCH : row + PATCH + 1, start : start + size]
                    value = both * usual * max(0.0, _likeness(one, two)) * np.exp(-((slant / 6) ** 2))
                    if value > score:
                        best, score = ((x, y), (other, row)), value
    if best is None:
        return None
    sizes = [_blob_size(saliency, *place) for place in best]
    left, right = (_centred(saliency, *place) for place in best)
    return left, right, float(np.mean(sizes))


def _saliency(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) 0..1, how much a spot as large as an eye differs from what is around it."""
    inner = cv2.GaussianBlur(colours, (0, 0), 2.0)
    outer = cv2.GaussianBlur(colours, (0, 0), 7.0)
    difference = np.linalg.norm(inner - outer, axis=-1)
    return np.asarray(difference / max(float(np.percentile(difference, 99)), 12.0)).clip(0, 1).astype(np.float32)


def _likeness(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Correlation −1..1 of two patches (n, n, 3)."""
    a, b = one - one.mean((0, 1)), two - two.mean((0, 1))
    return float((a * b).sum() / np.sqrt(max(float((a * a).sum() * (b * b).sum()), 1e-6)))


def _centred(saliency: NDArray[np.float32], x: float, y: float) -> tuple[float, float]:
    """The middle of the spot at a pixel: the mean of what stands out around it, some steps of mean shift."""
    rows, columns = np.mgrid[: saliency.shape[0], : saliency.shape[1]]
    for _ in range(CENTRE_STEPS):
        weight = saliency**2 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * CENTRE_REACH**2))
        total = max(float(weight.sum()), 1e-6)
        x, y = float((weight * columns).sum()) / total, float((weight * rows).sum()) / total
    return x, y


def _blob_size(saliency: NDArray[np.float32], x: int, y: int) -> float:
    """Pixels from an eye's middle to where it ends across: where its saliency has fallen to a third."""
    row = saliency[y]
    for step in BLOB_STEPS:
        ends = row[max(0, x - step)], row[min(len(row) - 1, x + step)]
        if max(ends) < row[x] / 3:
            return float(step)
    return float(BLOB_STEPS[-1])
