"""Eyeball textures: sclera, iris, pupil and painted catchlights, from photographic to drawn."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array
from training.render.character.noise import Rng, palette, value_noise

EYE_TEXTURE_SIDE = 128
IRIS_COLOURS = [
    [70, 45, 25],
    [110, 75, 35],
    [95, 115, 60],
    [90, 130, 160],
    [120, 140, 150],
    [40, 28, 20],
    [150, 105, 45],
]


def eye_texture(rng: Rng, iris: float, kind: str) -> Array:
    """Eyeball texture (EYE_TEXTURE_SIDE, EYE_TEXTURE_SIDE, 3) 0..255 by the angle from the gaze axis, 90° at the edge.

    iris: angle of its edge, radians. kind: the character's style.
    """
    centre = EYE_TEXTURE_SIDE / 2
    grid = (np.arange(EYE_TEXTURE_SIDE) + 0.5) / centre - 1
    x, y = np.meshgrid(grid, grid)
    angle = np.hypot(x, y) * (np.pi / 2)
    polar = np.arctan2(y, x)
    drawn = kind not in ("skin", "paint")
    image = _sclera(rng, angle, polar, kind)
    colour = np.array(IRIS_COLOURS[rng.integers(len(IRIS_COLOURS))], np.float32)
    if drawn:
        colour = palette(rng, 1)[0] * 0.85
    inner = np.clip(angle / iris, 0, 1)
    positions = np.stack([np.cos(polar) * 9, np.sin(polar) * 9, inner * 1.5], -1).reshape(-1, 3)
    fibres = 1 + rng.uniform(0, 0.3) * value_noise(positions, int(rng.integers(1 << 20)), 3).reshape(x.shape)
    shade = (0.75 + 0.6 * inner) * fibres * np.where(kind == "cel", 0.6 + 0.5 * (y * 90 / iris / 57 + 1), 1)
    ring = np.clip((inner - 0.82) / 0.15, 0, 1) * rng.uniform(0.2, 0.8)
    disc = colour * (shade * (1 - ring))[..., None]
    if rng.random() < 0.3:
        # A second colour around the pupil.
        second = colour * rng.uniform(0.6, 1.6, 3) if not drawn else palette(rng, 1)[0]
        share = np.clip((rng.uniform(0.4, 0.75) - inner) / 0.15 + 0.5, 0, 1)[..., None]
        disc = disc * (1 - share) + second * shade[..., None] * share
    if drawn and rng.random() < 0.15:
        disc = np.broadcast_to(colour * rng.uniform(0.1, 1), disc.shape)  # a plain disc
    mask = np.clip((iris - angle) / 0.04 + 0.5, 0, 1)[..., None]
    image = image * (1 - mask) + disc * mask
    pupil = iris * (rng.uniform(0.2, 0.75) if drawn else rng.uniform(0.25, 0.6))
    squeeze = rng.uniform(2.5, 5) if drawn and rng.random() < 0.12 else 1.0  # a vertical slit
    pupil_distance = np.hypot(x * squeeze, y) * (np.pi / 2)
    dark = np.clip((pupil - pupil_distance) / 0.03 + 0.5, 0, 1)[..., None]
    if drawn and rng.random() < 0.1:
        dark = dark * 0  # no pupil
    image = image * (1 - dark) + rng.uniform(2, 25) * dark
    if rng.random() < (0.5 if drawn else 0.25):
        # A painted catchlight moves with the eye, unlike the highlight of a light.
        for size in (0.3, 0.15)[: int(rng.integers(1, 3))]:
            px, py = rng.uniform(-0.4, 0.4) * iris, rng.uniform(-0.5, 0.1) * iris
            distance = np.hypot(x * np.pi / 2 - px, y * np.pi / 2 - py)
            light = np.clip((size * iris - distance) / 0.03 + 0.5, 0, 1)[..., None]
            image = image * (1 - light) + 250 * light
    return np.asarray(np.clip(image, 0, 255), np.float32)


def _sclera(rng: Rng, angle: Array, polar: Array, kind: str) -> Array:
    """Texture of the sclera (h, w, 3): clear, yellowed or bloodshot; sometimes any colour for drawn styles."""
    white = np.array([238, 234, 230], np.float32) * rng.uniform(0.72, 1.05) + rng.normal(0, 4, 3)
    if rng.random() < 0.15:
        white = white * np.array([1, 0.96, rng.uniform(0.75, 0.9)])
    if kind in ("absurd", "flat", "line", "cel") and rng.random() < 0.2:
        white = palette(rng, 1)[0]
    image = np.broadcast_to(white.astype(np.float32), (*angle.shape, 3)).copy()
    if kind in ("skin", "paint"):
        image[..., 1:] -= (rng.uniform(10, 45) * np.clip(angle - 0.6, 0, 1))[..., None]
        if rng.random() < 0.4:
            positions = np.stack([np.cos(polar) * 7, np.sin(polar) * 7, angle * 2.5], -1).reshape(-1, 3)
            vein = np.abs(value_noise(positions, int(rng.integers(1 << 20)), 3)).reshape(angle.shape)
            line = np.clip(1 - vein / 0.06, 0, 1) * np.clip(angle - 0.45, 0, 0.6) * rng.uniform(0.3, 1.4)
            image[..., 1:] -= 90 * line[..., None]
    return image
