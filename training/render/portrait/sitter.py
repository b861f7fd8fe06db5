"""Everything that describes a sitter: form, colours, hair, clothes and light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.render.arrays import Array
from training.render.portrait.bust import Shape
from training.render.portrait.eye import EyeLook
from training.render.portrait.groom import Style
from training.render.portrait.skin import Skin
from training.render.portrait.strands import HairLook, Lamp

SKY: Array = np.array([[0.30, 0.25, 0.22], [0.50, 0.51, 0.54]], np.float32)  # light from below and from above


@dataclass(frozen=True)
class Cloth:
    """Colour of the pullover and of its collar, sRGB 0..255, and the depth of its knit 0..1."""

    colour: tuple[int, int, int]
    collar: tuple[int, int, int]
    knit: float = 0.5


@dataclass(frozen=True)
class Sitter:
    """Everything that a portrait shows.

    hair: styles that are grown over each other. bleed: how far light travels in the skin, against BLEED. brow: number
    of hairs, thickness, cm, and lift, cm, of each eyebrow. lashes: their length, cm. rim: light at the outline.
    bun: radius of the ball into which the hair is tied, cm, 0 = none. backdrop: sRGB of the background's
    middle and edge. stone: whether everything is of one stone, whose colour the skin has.
    """

    shape: Shape
    skin: Skin
    eyes: EyeLook
    hair: tuple[Style, ...]
    hair_look: HairLook
    cloth: Cloth
    lamps: tuple[Lamp, ...]
    backdrop: tuple[tuple[int, int, int], tuple[int, int, int]]
    seed: int = 1
    bleed: float = 1.0
    brow: tuple[int, float, float] = (420, 0.42, 0.0)
    lashes: float = 0.75
    rim: float = 0.0
    bun: float = 0.0
    exposure: float = 1.0
    stone: bool = False
    offset: tuple[float, float] = (0.0, -0.10)
    head_height: float = 0.5
    sky: Array = field(default_factory=SKY.copy)
