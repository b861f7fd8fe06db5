"""Colours of a face where the canonical face says which place is which, so that two pictures of it can be compared.

A place is a triangle of the face mesh; light is compared in linear RGB, in which a longer exposure is a factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import SKIN, topology
from streamer.rigging.canvas import Array
from streamer.rigging.face_search import face_extent
from streamer.rigging.rigger import Character

BLUR_SHARE = 1 / 60  # of the face's extent: the standard deviation of the blur with which a place is sampled
FACING = 0.25  # cosine between a place's normal and the line of sight from which it is seen well enough
DARK = 0.01  # linear light that is added to both sides of a ratio, so that noise in the dark does not count
# Deviations of log gains: between two pictures of one character, and of measuring them on heads turned by an angle.
EXPOSURE_SPREAD, EXPOSURE_NOISE, EXPOSURE_NOISE_PER_DEGREE = 0.3, 0.04, 0.012
TINT_SPREAD, TINT_NOISE, TINT_NOISE_PER_DEGREE = 0.15, 0.02, 0.002
MAX_GAIN = 1.8  # of a channel; a larger difference of exposure is another light, which no factor takes away


@dataclass(frozen=True)
class FaceColours:
    """Colours of the skin at the F triangles of the face mesh that show skin.

    linear: (F, 3), linear RGB 0..1. facing: (F,), cosine between the normal and the line of sight, negative where the
    place is turned away.
    """

    linear: Array
    facing: Array

    @staticmethod
    def of(character: Character) -> FaceColours:
        """Sample a picture."""
        size = character.rgb.shape[0]
        corners = character.face[_skin_triangles()]  # (F, 3, 3)
        places = ((corners[..., :2].mean(1) + 1) * size / 2 - 0.5).astype(np.float32)
        extent = face_extent(character.face) * size / 2
        soft = cv2.GaussianBlur(character.rgb, (0, 0), max(extent * BLUR_SHARE, 0.5))
        colours = cv2.remap(soft, places[:, :1], places[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
        return FaceColours(to_linear(colours[:, 0]), (normals[:, 2] * _outward()).astype(np.float32))

    def shared(self, other: FaceColours) -> Array:
        """(F,) weight 0..1 of each place in a comparison: how well both pictures see it."""
        return (np.minimum(self.facing, other.facing) - FACING).clip(0).astype(np.float32)


def exposure_gain(first: FaceColours, other: FaceColours, angle: float) -> Array:
    """(3,) factors of linear R, G and B that bring another picture to the first one's exposure and white balance.

    angle: degrees between the two heads. A turned head shows the same skin in another light, so that the further it is
    turned the less its brightness tells of the exposure; its hue still does. Each is the mean of a normal distribution,
    after `skin_gain` was measured with a deviation that grows with the angle.
    """
    measured = np.log(skin_gain(first, other))
    brightness = measured.mean()
    kept = _kept(EXPOSURE_SPREAD, EXPOSURE_NOISE, EXPOSURE_NOISE_PER_DEGREE * angle) * brightness
    kept = kept + _kept(TINT_SPREAD, TINT_NOISE, TINT_NOISE_PER_DEGREE * angle) * (measured - brightness)
    return np.exp(kept).astype(np.float32)


def _kept(spread: float, noise: float, more_noise: float) -> float:
    """The share of a measured value that is believed."""
    return spread**2 / (spread**2 + (noise + more_noise) ** 2)


def skin_gain(first: FaceColours, other: FaceColours) -> Array:
    """(3,) factors of linear R, G and B between the skin of two pictures: the weighted median of the ratios over the
    places that both see, 1 / `MAX_GAIN` to `MAX_GAIN`; 1 where they share none.
    """
    weight = first.shared(other)
    if not weight.any():
        return np.ones(3, np.float32)
    ratios = np.log((first.linear + DARK) / (other.linear + DARK))
    gains = [np.exp(weighted_median(ratios[:, channel], weight)) for channel in range(3)]
    return np.clip(gains, 1 / MAX_GAIN, MAX_GAIN).astype(np.float32)


def expose(rgb: Array, gain: Array) -> Array:
    """An sRGB picture (H, W, 3) 0..1 under gains of linear R, G and B (3,)."""
    return to_srgb(to_linear(rgb) * gain)


def weighted_median(values: Array, weights: Array) -> float:
    """The value below which half of the weight lies."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def to_linear(srgb: Array) -> Array:
    """Linear light of sRGB values 0..1 (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_srgb(linear: Array) -> Array:
    """The inverse of `to_linear`, clipped to 0..1."""
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


@cache
def _skin_triangles() -> NDArray[np.int64]:
    """(F, 3) landmarks of the triangles that show skin."""
    face = topology()
    return face.triangles[face.region == SKIN].numpy()


@cache
def _outward() -> float:
    """The sign that makes normals of `_skin_triangles`, whose corners all turn the same way, point to the camera."""
    corners = topology().canonical.numpy()[_skin_triangles()]
    return float(np.sign(np.median(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2])))
