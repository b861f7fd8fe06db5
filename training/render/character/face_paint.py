"""Features painted over the base coat of a face: eyebrows, lips, lids, blush, freckles, stubble, make-up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.character.atlas import Atlas
from training.render.character.noise import Rng, palette, value_noise


def blend_over(image: Array, mask: NDArray, colour: Array, amount: float = 1.0) -> Array:
    """Alpha-blend `colour` (3,) or (h, w, 3) over `image` (h, w, 3) with the weight amount · mask (h, w)."""
    weight = np.asarray(mask * np.float32(amount), np.float32)
    rows, columns = np.flatnonzero(weight.any(1)), np.flatnonzero(weight.any(0))
    if not len(rows):
        return image
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    weight = weight[box][..., None]
    out = image.astype(np.float32)
    out[box] += ((colour[box] if colour.ndim == 3 else colour) - out[box]) * weight
    return out


def paint_face(rng: Rng, style: str, atlas: Atlas, face: Array, skin: Array, hair: Array, seed: int) -> Array:
    """The face tile (h, w, 3) 0..255 with all features painted; skin, hair (3,): their colours."""
    points = atlas.positions["face"]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    if style in ("skin", "paint", "cel"):
        rosy = skin * np.array([1.0, 0.72, 0.72], np.float32)
        spot = np.exp(-(((np.abs(x) - 4.6) ** 2 + (y + 0.2) ** 2) / rng.uniform(2, 6))) * (z > 3)
        face = blend_over(face, spot, rosy, rng.uniform(0, 0.6))
        face = blend_over(face, np.exp(-(x**2 + (y - 0.3) ** 2) / 2.5) * (z > 10), rosy, rng.uniform(0, 0.4))
        face = blend_over(face, np.clip(1.2 - atlas.lid, 0, 1), skin * 0.72, rng.uniform(0, 0.6))
    if style == "skin" and rng.random() < 0.25:
        spots = value_noise(points.reshape(-1, 3) * 3.2, seed + 9, 1).reshape(x.shape)
        face = blend_over(face, np.clip((spots - 0.55) * 6, 0, 1) * (np.abs(y) < 4), skin * 0.7, 0.6)
    stubble = rng.random() < 0.25 and style in ("skin", "paint")
    if stubble:
        grains = value_noise(points.reshape(-1, 3) * 14, seed + 11, 1).reshape(x.shape)
        zone = np.clip((-1.3 - y + 0.25 * np.abs(x)) * 1.2, 0, 1) * np.clip((y + 11) / 3, 0, 1) * (z > 2)
        face = blend_over(face, zone * np.clip(0.5 + grains, 0, 1), hair * 0.6, rng.uniform(0.15, 0.5))
    lip_colour = skin * np.array([0.86, 0.58, 0.58], np.float32) if style != "statue" else skin * 0.95
    if rng.random() < (0.35 if style in ("skin", "paint", "cel") else 0.6 * (style != "statue")):
        lip_colour = palette(rng, 1)[0]
        if style == "skin":
            lip_colour = np.array([rng.uniform(120, 220), rng.uniform(20, 90), rng.uniform(40, 100)], np.float32)
    if style != "absurd" or rng.random() < 0.6:
        lips = np.clip(-atlas.lips / 0.12 + 0.5, 0, 1)
        face = blend_over(face, lips, lip_colour, rng.uniform(0.25, 0.9) if style != "line" else 0.2)
    if (style != "absurd" or rng.random() < 0.5) and not (style == "statue" and rng.random() < 0.6):
        half_width = rng.uniform(0.12, 0.5)
        taper = half_width * np.interp(atlas.brow_along, [0, 0.2, 0.6, 1], [0.7, 1.0, 0.8, 0.15])
        hairs: Array | float = 1.0
        if style in ("skin", "paint"):
            slanted = np.stack([(x - np.sign(x) * 0.5 * y) * 14, y * 4, z * 4], -1)
            grain = value_noise(slanted.reshape(-1, 3), seed + 5, 2).reshape(x.shape)
            hairs = np.clip(0.8 + rng.uniform(0.2, 0.8) * grain, 0, 1)
        mask = np.clip((taper - atlas.brow) / 0.16 + 0.5, 0, 1) * hairs
        face = blend_over(face, mask, hair * rng.uniform(0.3, 0.9), rng.uniform(0.5, 1))
    if style != "statue" and (style != "absurd" or rng.random() < 0.6):
        width = rng.uniform(0.04, 0.2 if style in ("skin", "paint") else 0.35)
        painted = (atlas.above_lid | (rng.random() < 0.3)).astype(np.float32)
        line = np.clip((width - atlas.lid) / 0.06 + 0.5, 0, 1) * painted
        face = blend_over(face, line, np.array([25, 15, 15], np.float32), rng.uniform(0.3, 1))
        if rng.random() < 0.2:
            face = blend_over(face, np.clip(1 - atlas.lid, 0, 1) * atlas.above_lid, palette(rng, 1)[0], 0.5)
    if style != "statue" and rng.random() < 0.35:
        face = paint_makeup(rng, atlas, face, bold=style not in ("skin", "paint"))
    return face


def paint_makeup(rng: Rng, atlas: Atlas, face: Array, bold: bool) -> Array:
    """Eye shadow, winged eyeliner, moles, painted cheeks, stripes on the face tile; bold: stronger, more often."""
    points = atlas.positions["face"]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    front = z > 4
    if rng.random() < 0.35:
        width = rng.uniform(0.5, 1.6)
        shadow = np.clip(1 - atlas.lid / width, 0, 1) ** 0.7 * atlas.above_lid
        face = blend_over(face, shadow, palette(rng, 1)[0] * (1 if bold else 0.6), rng.uniform(0.2, 0.8))
    if rng.random() < 0.3:
        wing = (np.abs(x) > 4.2) & (np.abs(x) < 4.2 + rng.uniform(0.8, 2.2))
        line = np.abs(y - 3.3 - 0.45 * (np.abs(x) - 4.2)) < 0.18 * np.clip(1.3 - 0.4 * (np.abs(x) - 4.2), 0, 1)
        face = blend_over(face, (wing & line & front).astype(np.float32), np.array([20, 15, 18], np.float32), 0.9)
    if rng.random() < 0.25:
        for _ in range(rng.integers(1, 4)):
            px, py = rng.uniform(-5, 5), rng.uniform(-8, 7)
            mole = np.clip((rng.uniform(0.1, 0.3) - np.hypot(x - px, y - py)) / 0.06 + 0.5, 0, 1) * front
            face = blend_over(face, mole, np.array([70, 45, 38], np.float32), 0.8)
    if rng.random() < (0.35 if bold else 0.08):
        cx, cy, size = rng.uniform(3.6, 5.4), rng.uniform(-2, 1), rng.uniform(0.5, 1.8)
        cheek = np.clip((size - np.hypot(np.abs(x) - cx, y - cy)) / 0.15 + 0.5, 0, 1) * front
        face = blend_over(face, cheek, palette(rng, 1)[0], rng.uniform(0.4, 1))
    if rng.random() < (0.25 if bold else 0.05):
        angle, pitch = rng.uniform(0, 3.14), rng.uniform(1, 5)
        wave = np.sin((np.abs(x) * np.cos(angle) + y * np.sin(angle)) * 6.28 / pitch)
        zone = (np.abs(y - rng.uniform(-6, 8)) < rng.uniform(1, 4)) & front
        face = blend_over(face, (wave > rng.uniform(0, 0.8)) & zone, palette(rng, 1)[0], rng.uniform(0.5, 1))
    return face
