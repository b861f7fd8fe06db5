"""Whether the eyes of a hand-placed face have lids and its mouth lips, judged by what the picture shows there.

A detector has seen lids and lips where it places their landmarks; points are placed on dots, lamps and lines, too. Lids
slide over a ball with a pupil, and are skin with texture, creases or shading: a blink of an eye without either, and of
one whose surroundings are one flat colour, would show scraps of the eye beside the lids' landmarks. Behind lips, which
are redder than what surrounds them, there are teeth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.openings import EYES
from models.geometry.topology import CHIN, INNER_LIPS, LEFT_FACE_EDGE, NOSE_TIP, OUTER_LIPS, RIGHT_FACE_EDGE
from streamer.rigging.canvas import Array

# Of an eye, in half widths and half heights of the ring of its lids.
PUPIL, BALL, SKIN = (0.0, 0.3), (0.55, 0.85), (1.5, 2.1)
PUPIL_SHARE = 0.3  # of the pupil's pixels that are darker than what counts as its lightness: the others are highlights
MIN_PUPIL_CONTRAST = 0.05  # of lightness 0..1, by which the ball is lighter than its pupil
MIN_BORDER = 0.08  # of colours 0..1, by which the ball differs from the skin
MIN_TEXTURE = 0.002  # median deviation of the lightness of skin, 0..1, from its mean around: 0 in a drawing
FLAT_TEXTURE = 0.0013  # the same of a face, up to which it is a flat drawing's: rendered skin has .003
CHEEK_MARGIN, FLAT_BLUR = 0.25, 0.01  # of a face's width: not looked at on either side; blur of that mean
TEXTURE_BLUR = 0.15  # of half the eye's height: standard deviation of the mean around
MIN_REDNESS = 0.012  # of red over all three, by which lips exceed the skin beyond them
ANGLES, STEPS = 48, 6  # samples around an eye, and along each range


def has_lids(rgb: Array, face: Array) -> bool:
    """Whether both eyes in a picture (S, S, 3) 0..1 with landmarks (478, 3), canvas units, have lids."""
    return all(_eye_has_lids(rgb, _pixels(face, ring, rgb)) for ring, _ in EYES)


def is_flat_drawing(rgb: Array, face: Array) -> bool:
    """Whether a face in a picture (S, S, 3) 0..1, landmarks (478, 3) in canvas units, is drawn flat below its eyes."""
    points = _pixels(face, (RIGHT_FACE_EDGE, LEFT_FACE_EDGE, NOSE_TIP, CHIN), rgb)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    margin = (right - left) * CHEEK_MARGIN
    low, high = np.array([left + margin, top]), np.array([right - margin, bottom])
    columns, rows = (np.clip(edges, 0, len(rgb)).astype(int) for edges in zip(low, high, strict=True))
    grey = rgb[slice(*rows), slice(*columns)].mean(-1)
    if grey.size == 0:
        return False
    texture = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(FLAT_BLUR * float(right - left), 1.0)))
    return float(np.median(texture)) < FLAT_TEXTURE


def has_lips(rgb: Array, face: Array) -> bool:
    """Whether both lips in a picture (S, S, 3) 0..1 with landmarks (478, 3), canvas units, are redder than the skin."""
    inner, outer = (_pixels(face, ring, rgb) for ring in (INNER_LIPS, OUTER_LIPS))
    redness = rgb[..., 0] / np.maximum(rgb.sum(-1), 0.05)
    lips, skin = (_sampled(redness, places) for places in ((inner + outer) / 2, outer + (outer - inner)))
    half = len(inner) // 2
    both = slice(1, half), slice(half + 1, None)  # without the corners
    return min(float(np.median(lips[lip]) - np.median(skin[lip])) for lip in both) > MIN_REDNESS


def _eye_has_lids(rgb: Array, ring: Array) -> bool:
    """The same for one eye, whose lids have this ring (N, 2), pixels."""
    low, high = ring.min(0), ring.max(0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1)
    grey = rgb.mean(-1)
    pupil, ball, skin = (_around(middle, half, reach) for reach in (PUPIL, BALL, SKIN))
    contrast = np.median(_sampled(grey, ball)) - np.quantile(_sampled(grey, pupil), PUPIL_SHARE)
    border = np.linalg.norm(np.median(_sampled(rgb, ball), 0) - np.median(_sampled(rgb, skin), 0))
    is_skin = _skin_texture(rgb, ring) > MIN_TEXTURE
    return bool(contrast > MIN_PUPIL_CONTRAST and border > MIN_BORDER and is_skin)


def _skin_texture(rgb: Array, ring: Array) -> float:
    """Median deviation of the lightness of the skin above an eye with this ring (N, 2), pixels, from that around."""
    low, high = ring.min(0), ring.max(0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1)
    grey = rgb.mean(-1)
    texture = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(TEXTURE_BLUR * float(half[1]), 1.0)))
    skin = _around(middle, half, SKIN)
    return float(np.median(_sampled(texture, skin[skin[:, 1] < middle[1]])))


def _around(middle: Array, half: Array, reach: tuple[float, float]) -> Array:
    """Places (N, 2), pixels, on ellipses around an eye, between two radii in its half sizes."""
    angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    radius = np.linspace(*reach, STEPS)[:, None, None]
    return (middle + radius * half * np.stack([np.cos(angle), np.sin(angle)], -1)).reshape(-1, 2).astype(np.float32)


def _pixels(face: Array, ring: tuple[int, ...], rgb: Array) -> Array:
    """x and y (N, 2), pixels, of the landmarks of a ring."""
    return ((face[list(ring), :2] + 1) * len(rgb) / 2 - 0.5).astype(np.float32)


def _sampled(picture: Array, places: Array) -> NDArray[np.float32]:
    """(N,) or (N, 3), a picture at places (N, 2), pixels."""
    x, y = (np.ascontiguousarray(places[:, None, axis]) for axis in (0, 1))
    found = cv2.remap(np.ascontiguousarray(picture), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[:, 0], np.float32)
