"""Textures and shapes of teeth, gums and tongue: natural, patterned, or a few flat colours."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.character.atlas import TILES, Atlas, paste
from training.render.character.facekit import TONGUE_START, TOOTH_STARTS
from training.render.character.noise import Rng, palette, pattern, value_noise

TOOTH_COUNT = len(TOOTH_STARTS) - 1
INCISORS = (6, 7, 8, 9, 22, 23, 24, 25)  # upper before lower
# Probabilities of a natural mouth, a white band on a dark ground, the dark ground alone, random patterns.
KIND_PROBABILITIES = {
    "plain": [0.84, 0.05, 0.04, 0.07],
    "absurd": [0.55, 0.05, 0.04, 0.36],
    "drawn": [0.25, 0.45, 0.2, 0.1],
}


@dataclass(frozen=True)
class Mouth:
    """How a character's mouth is built and lit."""

    lining: Array  # (3,) 0..255 colour of the inner cheeks and the throat
    depth: float = 1.0  # exponent of the brightness towards the throat; 0 = as bright as the lips
    shading: float | None = None  # of the mouth's material, 0..1; None = that of the skin
    # (TOOTH_COUNT, 3): scale of each tooth against the mean.
    teeth: Array = field(default_factory=lambda: np.ones((TOOTH_COUNT, 3), np.float32))


def paint_mouth(rng: Rng, style: str, skin: Array, atlas: Atlas, texture: NDArray[np.uint8]) -> Mouth:
    """Paint the tiles of gums and teeth into texture, in place.

    skin (3,) 0..255. Drawn characters mostly get flat shapes: a white band on a dark ground, or the ground alone.
    """
    drawn = style in ("cel", "flat", "line")
    chances = KIND_PROBABILITIES["drawn" if drawn else "absurd" if style == "absurd" else "plain"]
    kind = str(rng.choice(["flesh", "band", "dark", "wild"], p=chances))
    if style == "statue" and rng.random() < 0.6:
        kind = "stone"
    gums, teeth = TILES["gums"].size, TILES["teeth"].size
    flesh = np.array([110, 40, 40], np.float32) * rng.uniform(0.4, 1)
    if kind in ("band", "dark"):
        ground = flesh * rng.uniform(0.1, 1.2) if rng.random() < 0.75 else palette(rng, 1)[0] * 0.5
        tongue = ground if rng.random() < 0.4 else np.array([200, 90, 95]) * rng.uniform(0.5, 1.1, 3)
        paste(texture, "gums", _gum_paint(atlas, ground, tongue))
        enamel = ground if kind == "dark" else np.array([250, 248, 244]) * rng.uniform(0.85, 1.02)
        paste(texture, "teeth", np.broadcast_to(enamel, (teeth, teeth, 3)))
        flat = 0.0 if drawn or rng.random() < 0.5 else None
        depth = float(rng.choice([0.0, rng.uniform(0, 0.6)]))
        return Mouth(ground.astype(np.float32), depth, flat, _tooth_sizes(rng, 0.2))
    if kind == "stone":
        paste(texture, "gums", np.broadcast_to(skin * 0.8, (gums, gums, 3)))
        paste(texture, "teeth", np.broadcast_to(skin * 0.95, (teeth, teeth, 3)))
        return Mouth((skin * rng.uniform(0.2, 0.5)).astype(np.float32), float(rng.uniform(0.5, 1.6)))
    gum = np.array([190, 90, 90], np.float32) * rng.uniform(0.45, 1.15) * rng.normal(1, 0.08, 3)
    tongue = np.array([196, 96, 98], np.float32) * rng.uniform(0.6, 1.15) * rng.normal(1, 0.08, 3)
    image = _gum_paint(atlas, gum, tongue)
    positions = atlas.positions["gums"].reshape(-1, 3)
    grain = value_noise(positions * rng.uniform(2, 8), int(rng.integers(1 << 20)), 3).reshape(gums, gums, 1)
    image = image * (1 + rng.uniform(0, 0.3) * grain)
    bone = _enamel(rng, atlas)
    if kind == "wild":
        if rng.random() < 0.6:
            image = pattern(rng, positions).reshape(gums, gums, 3)
        if rng.random() < 0.6:
            bone = pattern(rng, atlas.positions["teeth"].reshape(-1, 3) * 3).reshape(teeth, teeth, 3)
    paste(texture, "gums", image)
    paste(texture, "teeth", bone)
    return Mouth(flesh, float(rng.uniform(0.5, 1.6)), None, _tooth_sizes(rng, 0.5))


def _gum_paint(atlas: Atlas, gum: Array, tongue: Array) -> Array:
    """The tile of the gums (size, size, 3) in two colours."""
    is_tongue = (atlas.vertex["gums"] >= TONGUE_START)[..., None]
    return np.where(is_tongue, tongue, gum).astype(np.float32)


def _enamel(rng: Rng, atlas: Atlas) -> Array:
    """Texture of the teeth: yellower towards the gums, a tint for each tooth, sometimes stains or gold teeth."""
    enamel = np.array([240, 232, 214], np.float32) * rng.uniform(0.7, 1.06)
    enamel *= np.array([1, rng.uniform(0.9, 1), rng.uniform(0.72, 1.0)])
    tint = rng.normal(1, rng.choice([0.01, 0.04, 0.09]), (TOOTH_COUNT, 1)) * np.ones(3)
    if rng.random() < 0.06:
        for gold in rng.integers(0, TOOTH_COUNT, rng.integers(1, 4)):
            tint[gold] = np.array([0.88, 0.68, 0.3])
    tooth = np.clip(np.searchsorted(TOOTH_STARTS, atlas.vertex["teeth"], "right") - 1, 0, TOOTH_COUNT - 1)
    height = atlas.positions["teeth"][..., 1]
    middle = np.where(tooth < TOOTH_COUNT // 2, -2.4, -4.2)
    root = np.clip(np.where(tooth < TOOTH_COUNT // 2, height - middle, middle - height), -1, 1)[..., None]
    image = enamel * tint[tooth] * (1 - rng.uniform(0, 0.12) * root * np.array([0.3, 0.6, 1.5]))
    if rng.random() < 0.25:
        positions = atlas.positions["teeth"].reshape(-1, 3) * np.array([5, 1.5, 5], np.float32)
        stain = value_noise(positions, int(rng.integers(1 << 20)), 3).reshape(*tooth.shape, 1)
        image = image * (1 - rng.uniform(0.1, 0.5) * np.clip(stain, 0, 1) * np.array([0.4, 0.8, 1.3]))
    return np.asarray(image, np.float32)


def _tooth_sizes(rng: Rng, variation: float) -> Array:
    """Scales (TOOTH_COUNT, 3) of the teeth in x, y, z; variation: probability of gapped, long, worn or missing ones."""
    sizes = np.ones((TOOTH_COUNT, 3), np.float32)
    sizes[:, :] *= rng.normal(1, rng.choice([0.0, 0.03]), (TOOTH_COUNT, 1))
    if rng.random() < variation:
        sizes[:, [0, 2]] *= rng.uniform(0.8, 1.08)
        sizes[:, 1] *= rng.uniform(0.7, 1.2)
    if rng.random() < 0.3 * variation:
        sizes[list(INCISORS[:4])] *= np.array([1.0, rng.uniform(0.8, 1.35), 1.0], np.float32)
    if rng.random() < 0.25 * variation:
        sizes[rng.integers(0, TOOTH_COUNT, rng.integers(1, 6))] = 0  # the tooth is missing
    if rng.random() < 0.12 * variation:
        sizes[slice(0, TOOTH_COUNT // 2) if rng.random() < 0.3 else slice(TOOTH_COUNT // 2, TOOTH_COUNT)] = 0
    return sizes
