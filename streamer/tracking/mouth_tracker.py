"""The colours inside the driver's open mouth (teeth, tongue, darkness), relative to the white point of the light.

They are drawn into the avatar, so they are limited to what mouths have: another thing that is held in the mouth, such
as writing, is measured as a blurred and symmetric tooth-coloured or red shape.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.closeups.mouth import CHEEK_LANDMARKS, SCLERA_LANDMARKS
from models.geometry.topology import INNER_LIPS
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS
from streamer.frames import Image
from streamer.tracking.image_points import crop_around, sample_area, to_pixels
from streamer.tracking.motion import Array
from streamer.tracking.running_average import RunningAverage

LIP_GAP = (1.5, 4.0)  # pixels between the lips: weight 0, and weight 1
MAX_COLOUR = 1.25  # of the white point; brighter colours, such as reflections, are clipped
WHITE_ADAPTATION_S = 0.5  # time constant of the white point
# Green and blue over red, and blue over green: 99 % of the cells of real mouths lie within. Where the white point is
# that of reddish cheeks, teeth are bluish beside it.
GREEN_RANGE, BLUE_RANGE, BLUE_OVER_GREEN = (0.15, 1.2), (0.15, 1.25), (0.5, 1.75)
# Standard deviation in columns and rows of the blur of what both sides of the mouth share: a tooth is 8 columns wide.
SHARED_BLUR = (3.5, 0.7)
GAP_BLUR, TOOTH_BLUR = (0.5, 4.0), (3.5, 4.0)  # the same of the lines between teeth, and of the teeth around them
MAX_GAP_CONTRAST = 0.15  # share by which these lines are darker or lighter
ASYMMETRY_BLUR = (8.0, 1.5)  # the same of what distinguishes them, as where the head is turned or lit from the side

_RING = list(INNER_LIPS)
_LAST_CORNER = len(INNER_LIPS) // 2  # index in the ring


class MouthTracker:
    """Samples the mouth of one person. Stores no picture, only the white point. Not thread-safe."""

    def __init__(self) -> None:
        self._white_point = RunningAverage[Array](WHITE_ADAPTATION_S)

    def track(self, rgb: Image, captured: float, face: Array) -> Array:
        """(h, w, 4) `Motion.mouth` of a frame (H, W, 3) with landmarks (478, 3) in camera units."""
        rgb, found = crop_around(rgb, to_pixels(face[:, :2], rgb.shape))
        white = self._white_point.update(white_point(rgb, found), captured)
        grid, gap = mouth_grid(found[_RING])
        weight = np.clip((gap - LIP_GAP[0]) / (LIP_GAP[1] - LIP_GAP[0]), 0, 1)[None, :, None]
        width = float(np.linalg.norm(grid[0, -1] - grid[0, 0]))
        spacing = max(float(gap.max()) / MOUTH_ROWS, width / MOUTH_COLUMNS)
        colours = np.clip(sample_area(rgb, grid, spacing) / white, 0, MAX_COLOUR)
        colours = limit_detail(limit_colours(colours), weight)
        return np.concatenate([colours, np.ones_like(colours[..., :1])], -1) * weight


def limit_colours(colours: Array) -> Array:
    """Colours (h, w, 3) over the white point, within the ratios that teeth, gums, tongue and the dark have. What has no
    red becomes dark.
    """
    red, green, blue = np.moveaxis(colours, -1, 0)
    green = np.clip(green, GREEN_RANGE[0] * red, GREEN_RANGE[1] * red)
    blue = np.clip(blue, BLUE_RANGE[0] * red, BLUE_RANGE[1] * red)
    blue = np.clip(blue, BLUE_OVER_GREEN[0] * green, BLUE_OVER_GREEN[1] * green)
    return np.stack([red, green, blue], -1)


def limit_detail(colours: Array, weight: Array) -> Array:
    """Colours (h, w, 3) with the detail of rows of teeth. weight (1, w, 1): cells of weight 0 do not bleed into others.

    The mean with their mirror image is blurred by half a tooth along the mouth, the difference from it more. Finer
    detail are lines from lip to lip alone, as between teeth, in a limited contrast.
    """
    weight = np.broadcast_to(weight, colours[..., :1].shape) + np.float32(1e-3)
    mirrored_weight = weight[:, ::-1]
    shared_weight = weight + mirrored_weight
    shared = (colours * weight + colours[:, ::-1] * mirrored_weight) / shared_weight
    gaps = _blur(shared, shared_weight, GAP_BLUR) - _blur(shared, shared_weight, TOOTH_BLUR)
    gaps = np.clip(gaps.mean(-1, keepdims=True), -MAX_GAP_CONTRAST, MAX_GAP_CONTRAST)
    rough = _blur(shared, shared_weight, SHARED_BLUR) + _blur(colours - shared, weight, ASYMMETRY_BLUR)
    return np.clip(rough * (1 + gaps), 0, MAX_COLOUR).astype(np.float32)


def _blur(values: Array, weight: Array, deviations: tuple[float, float]) -> Array:
    """Weighted Gaussian mean of values (h, w, 3); deviations: in columns and rows."""
    weighted = np.concatenate([values * weight, weight], -1)
    columns, rows = deviations
    sums = cv2.GaussianBlur(weighted, (0, 0), sigmaX=columns, sigmaY=rows, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums[..., :3] / sums[..., 3:], np.float32)


def mouth_grid(ring: Array) -> tuple[Array, Array]:
    """Centres (h, w, 2) of the cells of an opening, from corner to corner and from lip to lip, and the lips' gap (w,).

    ring (N, 2): the opening in pixels, from one corner over the top. The inverse for batches, from pixels to cells, is
    `mouth_grid` in models/closeups/mouth.py.
    """
    start, end = ring[0], ring[_LAST_CORNER]
    axis = (end - start) / max(float(np.linalg.norm(end - start)), 1e-3)
    rotation = np.array([axis, [-axis[1], axis[0]]], np.float32)  # makes the line between the corners horizontal
    level = (ring - start) @ rotation.T
    x = (np.arange(MOUTH_COLUMNS, dtype=np.float32) + 0.5) / MOUTH_COLUMNS * level[_LAST_CORNER, 0]
    upper = lip_curve(level[: _LAST_CORNER + 1], x)
    gap = lip_curve(np.concatenate([level[_LAST_CORNER:], level[:1]]), x) - upper
    y = upper + (np.arange(MOUTH_ROWS, dtype=np.float32)[:, None] + 0.5) / MOUTH_ROWS * gap
    return np.stack([np.broadcast_to(x, y.shape), y], -1) @ rotation + start, gap


def lip_curve(polyline: Array, x: Array) -> Array:
    """(w,) y of a polyline (N, 2) at each x (w,)."""
    order = polyline[:, 0].argsort()
    return np.interp(x, polyline[order, 0], polyline[order, 1]).astype(np.float32)


def white_point(rgb: Image, points: Array) -> Array:
    """(3,) colour of white in the light of a picture (H, W, 3), 1..255: the lighter of cheeks and sclera.

    points: (478, 2) landmarks in pixels. The twin for batches is `white_point` in models/closeups/mouth.py.
    """
    eyes = [(points[start] + points[end]) / 2 for start, end in SCLERA_LANDMARKS]
    samples = np.concatenate([points[list(CHEEK_LANDMARKS)], eyes])[:, None]
    colours = cv2.remap(rgb, samples, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0].astype(np.float32)
    cheeks, sclera = colours[: len(CHEEK_LANDMARKS)], colours[len(CHEEK_LANDMARKS) :]
    cheek, eye = np.median(cheeks, 0), max(sclera, key=np.mean)
    return np.maximum(max(cheek, eye, key=np.mean), 1)
