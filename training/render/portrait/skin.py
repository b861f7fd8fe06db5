"""Colour and gloss of skin: tone, blood under cheeks and nose, lips, freckles, the shadow of a shaved beard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from training.render.arrays import Array
from training.render.character.atlas import in_polygon, segment_distance
from training.render.character.facekit import MULTIPIE_VERTICES, OUTER_LIPS, Facekit
from training.render.character.noise import value_noise


@dataclass(frozen=True)
class Skin:
    """The look of skin. Colours are sRGB 0..255.

    tone: of the skin. lips: of the lips. blush: 0..1 redness of cheeks and nose. mottle: 0..1 unevenness. freckles,
    stubble, eye_shadow: 0..1. gloss: strength of the highlights. pores: depth of the relief. wax: 1 = the texture of
    living skin, 0 = one even colour.
    """

    tone: tuple[int, int, int]
    lips: tuple[int, int, int]
    blush: float = 0.5
    mottle: float = 0.5
    freckles: float = 0.0
    stubble: float = 0.0
    eye_shadow: float = 0.0
    gloss: float = 0.35
    pores: float = 0.02
    hair: tuple[int, int, int] = (60, 42, 32)


def linear(colour: Array | tuple[int, int, int]) -> Array:
    """Linear light 0..1 of sRGB 0..255 (IEC 61966-2-1)."""
    value = np.array(colour, np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def lip_distance(kit: Facekit, points: Array) -> Array:
    """Signed distance (N,) of points (N, 3) on the mean head to the outline of the lips, cm, negative inside."""
    out = np.full(len(points), 9, np.float32)
    near = np.flatnonzero((np.abs(points[:, 0]) < 3.2) & (np.abs(points[:, 1] + 3.4) < 2) & (points[:, 2] > 8.5))
    if not len(near):
        return out
    corners = kit.base[MULTIPIE_VERTICES][OUTER_LIPS, :2]
    # The two corners of the mouth are sharp, the rest of the outline is smooth.
    runs = [np.r_[corners[:7]], np.r_[corners[6:], corners[:1]]]
    curves = [CubicSpline(np.arange(7), run)(np.linspace(0, 6, 49))[:-1] for run in runs]
    outline = np.concatenate(curves).astype(np.float32)
    flat = points[near, :2]
    distance, _ = segment_distance(flat, np.concatenate([outline, outline[:1]]))
    out[near] = np.where(in_polygon(flat, outline), -distance, distance)
    return out


def paint_skin(kit: Facekit, skin: Skin, points: Array) -> tuple[Array, Array]:
    """Linear RGB (N, 3) and gloss (N,) of the skin at points (N, 3) of the mean head, cm."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    tone = np.broadcast_to(linear(skin.tone), points.shape).copy()
    red = np.exp(-(((x - 4.9) / 2.4) ** 2) - ((y - 0.2) / 2.0) ** 2) * (z > 2) * 0.95
    red += 0.7 * np.exp(-((x / 1.5) ** 2) - ((y - 0.4) / 1.3) ** 2) * (z > 9.5)
    red += 0.5 * np.exp(-((x / 2.0) ** 2) - ((y + 6.4) / 1.2) ** 2) * (z > 8)
    red += 0.8 * (x > 7.2) * (np.abs(y - 1) < 5)
    red += skin.mottle * 0.35 * value_noise(points * 0.9, 21, 3)
    red = np.clip(red, -0.5, 1.4)[:, None] * skin.blush
    tone *= 1 + red * np.array([0.05, -0.30, -0.26], np.float32)
    tone *= 1 + skin.mottle * 0.05 * value_noise(points * 2.6, 22, 3)[:, None] * np.array([0.6, 1, 1.1], np.float32)
    tone *= 1 + skin.mottle * 0.06 * value_noise(points * 9.0, 23, 2)[:, None] * np.array([0.7, 1, 1], np.float32)
    under = np.exp(-(((x - 3.1) / 1.5) ** 2) - ((y - 2.2) / 0.55) ** 2) * (z > 7)
    tone *= 1 - 0.10 * under[:, None] * np.array([0.8, 1.0, 0.8], np.float32)
    if skin.eye_shadow > 0:
        shadow = np.exp(-(((x - 3.3) / 1.7) ** 2) - ((y - 4.1) / 0.75) ** 2) * (z > 7)
        tone *= 1 - skin.eye_shadow * shadow[:, None] * np.array([0.30, 0.48, 0.42], np.float32)
    if skin.freckles > 0:
        spots = np.clip((value_noise(points * 3.6, 31, 1) - 0.52) * 7, 0, 1)
        zone = np.exp(-(((x - 2.5) / 3.2) ** 2) - ((y - 0.9) / 1.7) ** 2) * (z > 5)
        tone *= 1 - skin.freckles * (spots * zone)[:, None] * np.array([0.22, 0.4, 0.5], np.float32)
    if skin.stubble > 0:
        zone = np.clip((-1.4 - y + 0.22 * x) * 0.9, 0, 1) * np.clip((y + 11.5) / 3, 0, 1) * np.clip((z - 0.5) / 2, 0, 1)
        zone *= 1 - np.exp(-((x / 0.4) ** 2)) * (y > -2.4)
        grain = 0.7 + 0.3 * value_noise(points * 17, 33, 1)
        tone += (linear(skin.hair) - tone) * (skin.stubble * 0.5 * zone * grain)[:, None]
    distance = lip_distance(kit, points)
    lips = np.clip(0.5 - distance / 0.2, 0, 1)
    lips = lips * lips * (3 - 2 * lips)
    lines = 1 + skin.mottle * 0.10 * value_noise(points * np.array([9, 1.2, 1.2], np.float32), 24, 2)
    tone += (linear(skin.lips) * lines[:, None] - tone) * (0.85 * lips)[:, None]
    gloss = skin.gloss * (0.75 + 0.5 * np.exp(-((x / 1.4) ** 2)) * (y > -1.5) + 0.25 * value_noise(points * 6, 25, 2))
    gloss = gloss + 0.5 * skin.gloss * lips
    return np.clip(tone, 0.004, 1).astype(np.float32), np.clip(gloss, 0, 1).astype(np.float32)
