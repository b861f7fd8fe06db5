"""The sitters of the rendered sample pictures."""

from __future__ import annotations

import numpy as np

from training.render.arrays import Array
from training.render.portrait.bust import Shape
from training.render.portrait.eye import EyeLook
from training.render.portrait.garment import Garment
from training.render.portrait.groom import Style
from training.render.portrait.sitter import Cloth, Sitter
from training.render.portrait.skin import Skin, linear
from training.render.portrait.strands import HairLook, Lamp


def lamp(x: float, y: float, z: float, colour: tuple[float, float, float], softness: float) -> Lamp:
    """A lamp in a direction that need not be of unit length."""
    direction = np.array([x, y, z], np.float32)
    return Lamp(direction / np.linalg.norm(direction), np.array(colour, np.float32), softness)


def tied(base: Array, normal: Array) -> Array:
    """Combed away from the face, up and backwards."""
    out = np.stack([-0.03 * base[:, 0], np.full(len(base), 0.75), np.full(len(base), -0.7)], 1)
    return out - 0.95 * (out * normal).sum(1, keepdims=True) * normal


PORTRAIT_LIGHT = (
    lamp(-0.42, 0.55, 0.78, (1.38, 1.27, 1.15), 0.3),
    lamp(0.75, 0.12, 0.72, (0.22, 0.25, 0.31), 0.5),
    lamp(0.75, 0.65, -0.75, (1.1, 1.05, 1.0), 0.25),
    lamp(-0.8, 0.5, -0.7, (0.8, 0.85, 0.95), 0.25),
)


def swept(base: Array, normal: Array) -> Array:
    """Combed up and backwards from the forehead, and down at the sides."""
    low = np.clip((7.0 - base[:, 1]) / 5, 0, 1)
    out = np.stack([base[:, 0] / 9 * (1 + low), 0.5 - 1.3 * low, -0.8 + 0.2 * low], 1)
    return out - 0.8 * (out * normal).sum(1, keepdims=True) * normal


GALLERY_LIGHT = (
    lamp(-0.62, 0.72, 0.62, (1.5, 1.42, 1.3), 0.25),
    lamp(0.85, 0.1, 0.6, (0.12, 0.14, 0.18), 0.5),
    *PORTRAIT_LIGHT[2:],
)

KNOT = (0.0, 15.8, -3.5)
TIED = Style(26000, (19, 24), tied, lift=0.25, stiffness=0.8, gravity=0.0, hug=0.3, volume=1.1, clumps=420,
             clumping=0.35, wave=(0.06, 5.0), frizz=0.035, knot=KNOT, rise=-0.5, radius=0.018, tip=0.6)  # fmt: skip
SHORT = Style(16000, (6.0, 1.2), swept, lift=0.55, stiffness=0.75, gravity=0.06, hug=0.12, volume=1.5, clumps=380,
              clumping=0.45, wave=(0.12, 3.5), frizz=0.05, rise=0.5, points=20)  # fmt: skip
TOUSLED = Style(15000, (7.0, 0.9), swept, lift=0.7, stiffness=0.78, gravity=0.10, hug=0.12, volume=1.9, clumps=170,
                clumping=0.75, wave=(0.12, 5.0), frizz=0.012, rise=0.2, radius=0.036, points=24, tip=0.15,
                length_jitter=0.05)  # fmt: skip
STONE_HAIR = Style(1150, (5.6, 0.8), swept, lift=0.4, stiffness=0.7, gravity=0.18, hug=0.3, volume=1.1, clumps=160,
                   clumping=0.45, wave=(0.5, 4.4), frizz=0.0, rise=0.4, radius=0.33, tip=0.22,
                   length_jitter=0.05)  # fmt: skip
MARBLE = (184, 180, 173)

SITTERS = {
    "portrait": Sitter(
        Shape({}, {"mouthSmile": 0.55, "mouthDimple": 0.2, "cheekSquint": 0.15, "eyeSquint": 0.1},
              0.28, 0.13, Garment(0.86, 2.4), 0.52, head_scale=(0.97, 1.0, 1.0)),
        Skin((222, 170, 140), (190, 98, 94), 0.65, 0.95, eye_shadow=0.3, freckles=0.3, gloss=0.6, pores=0.045),
        EyeLook((92, 120, 104), (150, 116, 62), 0.52, sclera=(224, 216, 211)),
        (TIED,), HairLook(linear((56, 36, 27)), linear((96, 64, 44)), (0.5, 0.9)),
        Cloth((214, 200, 180), (214, 200, 180), 0.5), PORTRAIT_LIGHT, ((150, 160, 164), (70, 82, 92)),
        bun=3.6, brow=(560, 0.32, -0.45), lashes=0.36, offset=(0.0, -0.04),
    ),
    "painting": Sitter(
        Shape({0: 0.4, 2: -0.5}, {"mouthSmile": 0.6, "mouthDimple": 0.15, "cheekSquint": 0.15},
              0.10, -0.03, Garment(1.05, 1.6), 0.48),
        Skin((206, 150, 118), (170, 96, 86), 0.6, 0.6, stubble=0.55, hair=(48, 34, 26)),
        EyeLook((74, 52, 32), (110, 76, 40), 0.48), (SHORT,),
        HairLook(linear((40, 28, 22)), linear((74, 52, 38)), (0.08, 0.3)),
        Cloth((56, 78, 104), (50, 70, 94), 0.5), PORTRAIT_LIGHT, ((196, 168, 122), (104, 80, 62)), seed=3,
        brow=(800, 0.5, 0.0), lashes=0.3,
    ),
    "animation": Sitter(
        Shape({}, {"mouthSmile": 0.75, "mouthDimple": 0.2, "cheekSquint": 0.15, "browInnerUp": 0.2, "browOuterUp": 0.2},
              0.62, 0.10, Garment(0.78, 2.0, folds=0.15), 0.62, nose_scale=0.2, head_scale=(1.03, 1.0, 1.0)),
        Skin((238, 184, 150), (206, 112, 102), 0.9, 0.0, gloss=0.5, pores=0.0, freckles=0.35),
        EyeLook((58, 116, 84), (140, 170, 80), 0.60, 0.45, (240, 236, 232), 0.9),
        (TOUSLED,), HairLook(linear((72, 36, 24)), linear((140, 74, 40)), (0.20, 0.5), (60, 14)),
        Cloth((38, 132, 140), (236, 226, 206), 0.25), PORTRAIT_LIGHT, ((250, 206, 140), (226, 132, 88)), seed=5,
        bleed=1.4, brow=(1500, 0.42, 0.1), lashes=0.22, rim=0.5,
    ),
    "sculpture": Sitter(
        Shape({1: 0.3}, {"mouthSmile": 0.5}, 0.05, 0.02, Garment(0.92, 1.4, folds=0.7), 0.5),
        Skin(MARBLE, MARBLE, 0, 0, gloss=0.5, pores=0.004),
        EyeLook(MARBLE, MARBLE, 0.5, sclera=MARBLE, blank=True, catchlight=0.0), (STONE_HAIR,),
        HairLook(linear(MARBLE), linear(MARBLE), (0.03, 0.0), form=0.6, ambient=1.6, edges=0.75, glow=0.0),
        Cloth(MARBLE, MARBLE, 0.0),
        GALLERY_LIGHT, ((96, 102, 112), (34, 38, 46)), seed=7, bleed=0.8, brow=(0, 0.4, 0.0), lashes=0.0, stone=True,
    ),
}  # fmt: skip
