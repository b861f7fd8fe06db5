"""Clothes of a whole body: their outlines, thickness and paint, and collars around the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.arrays import Array
from training.render.character.face_paint import blend_over
from training.render.character.noise import Rng, palette, pattern, value_noise
from training.render.character.parts import BODY, Material, Part, grid_faces, head_weight, smoothstep

ARM_LENGTH_CM, LEG_LENGTH_CM = 54.0, 88.0  # from shoulder to wrist and from hip to ankle on the mean body
COLLAR_KINDS = ("turtleneck", "shirt", "scarf", "hood")


@dataclass(frozen=True)
class BodyCoordinates:
    """Body-surface coordinates of N points."""

    position: Array  # (N, 3) on the mean body, cm
    arm: Array  # (N,) 0 shoulder, 0.5 elbow, 1 wrist, more on the hand; < 0 off the arms
    leg: Array  # (N,) 0 hip, 0.5 knee, 1 ankle, more on the foot; < 0 off the legs


@dataclass(frozen=True)
class Outfit:
    """A top, trousers, shoes, sometimes gloves. Lengths along limbs: 0.5 = elbow or knee, 1 = wrist or ankle.

    neckline_y: height of the neckline at the sides, cm along the neck (see `body.slant`).
    neckline_depth: how much deeper the neckline is in front, cm.
    neckline_half_width: half the width over which it is deeper, cm.
    round_neckline: round, or V-shaped.
    strap_x: |x| from which the shoulders are covered, cm.
    sleeve_length: along the arm.
    hem_y: y of the lower edge of the top, cm.
    coat_length: how far the top covers the legs, along the leg.
    trouser_length: along the leg.
    has_shoes, has_gloves: whether they are worn.
    top_thickness, trouser_thickness: cm.
    collar: one of COLLAR_KINDS, or None.
    """

    neckline_y: float
    neckline_depth: float
    neckline_half_width: float
    round_neckline: bool
    strap_x: float
    sleeve_length: float
    hem_y: float
    coat_length: float
    trouser_length: float
    has_shoes: bool
    has_gloves: bool
    top_thickness: float
    trouser_thickness: float
    collar: str | None

    def layers(self, coordinates: BodyCoordinates) -> list[Array]:
        """Distance (N,) of points inside the edge of top, trousers, shoes and gloves each, cm, negative outside."""
        x, y, z = coordinates.position.T
        height = y + 0.3 * (z + 2)
        inward = np.clip(1 - np.abs(x) / self.neckline_half_width, 0, 1) * smoothstep(-1.0, 3.0, z)
        curve = np.sqrt(inward * (2 - inward)) if self.round_neckline else inward
        line = self.neckline_y - self.neckline_depth * curve
        shoulder = np.maximum(line - height, np.minimum(np.abs(x) - self.strap_x, line + 9 - height))
        coat = (self.coat_length - coordinates.leg) * LEG_LENGTH_CM * (self.coat_length > 0)
        top = np.minimum(shoulder, np.maximum(y - self.hem_y, coat))
        arm = (self.sleeve_length - coordinates.arm) * ARM_LENGTH_CM
        top = np.where(coordinates.arm > 0, np.minimum(arm, shoulder), top)
        legs = np.minimum((self.trouser_length - coordinates.leg) * LEG_LENGTH_CM, self.hem_y + 3 - y)
        legs = np.where(coordinates.arm > 0.02, -9.0, legs)
        shoes = (coordinates.leg - 0.97) * LEG_LENGTH_CM if self.has_shoes else np.full_like(y, -9)
        gloves = (coordinates.arm - 0.97) * ARM_LENGTH_CM if self.has_gloves else np.full_like(y, -9)
        return [top.astype(np.float32), legs.astype(np.float32), shoes.astype(np.float32), gloves.astype(np.float32)]

    def thickness(self, coordinates: BodyCoordinates) -> Array:
        """Distance (N,) between clothes and skin, cm."""
        top, legs, shoes, gloves = self.layers(coordinates)
        thick = self.top_thickness * smoothstep(0.0, 0.8, top)
        thick = np.maximum(thick, self.trouser_thickness * smoothstep(0.0, 0.8, legs))
        thick = np.maximum(thick, 0.7 * smoothstep(0.0, 0.8, shoes))
        return np.asarray(np.maximum(thick, 0.15 * smoothstep(0.0, 0.8, gloves)), np.float32)

    def covered(self, coordinates: BodyCoordinates) -> Array:
        """Whether points are covered by clothes (N,), 0 or 1."""
        return (np.max(self.layers(coordinates), axis=0) > 0).astype(np.int32)


def random_outfit(rng: Rng) -> Outfit:
    """A random outfit, from swimwear to winter clothes."""
    uncovered = rng.random() < 0.06  # uncovered shoulders
    coat = float(rng.uniform(0.2, 0.8)) if rng.random() < 0.15 else 0.0
    return Outfit(
        neckline_y=float(rng.uniform(-25, -20) if uncovered else rng.uniform(-16.0, -11.8)),
        neckline_depth=float(rng.choice([0.0, rng.uniform(2, 5), rng.uniform(4, 16)])),
        neckline_half_width=float(rng.uniform(5, 11)), round_neckline=bool(rng.random() < 0.5),
        strap_x=99.0 if uncovered else float(rng.uniform(6.5, 12)),
        sleeve_length=float(rng.choice([0.0, rng.uniform(0.2, 0.45), rng.uniform(0.5, 0.8), rng.uniform(0.93, 1.02)],
                                p=[0.12, 0.33, 0.1, 0.45])),
        hem_y=float(rng.uniform(-78, -66)), coat_length=coat,
        trouser_length=float(rng.choice([0.2, 0.45, rng.uniform(0.55, 0.8), 0.98], p=[0.08, 0.17, 0.1, 0.65])),
        has_shoes=bool(rng.random() < 0.85), has_gloves=bool(rng.random() < 0.05),
        top_thickness=float(rng.uniform(0.15, 1.5)), trouser_thickness=float(rng.uniform(0.15, 1.0)),
        collar=str(rng.choice(COLLAR_KINDS)) if rng.random() < 0.4 else None,
    )  # fmt: skip


def paint_clothes(rng: Rng, outfit: Outfit, coordinates: BodyCoordinates, skin: Array, wild: bool) -> Array:
    """Paint clothes over skin (size, size, 3) of the body tile, whose texels have `coordinates`.

    wild: more patterns.
    """
    shape = skin.shape[:2]
    layers = [layer.reshape(shape) for layer in outfit.layers(coordinates)]
    position = coordinates.position.copy()
    # Arms must not repeat the pattern of the sides.
    position[:, 0] += 30 * np.sign(position[:, 0]) * np.clip(coordinates.arm, 0, 2)

    def cloth(plain: float) -> Array:
        if rng.random() < (0.2 if wild else plain):
            tint = palette(rng, 1)[0]
            colour = tint * (1 + 0.1 * value_noise(position * 0.5, int(rng.integers(1 << 20)), 3)[:, None])
        else:
            colour = pattern(rng, position)
        return np.asarray(colour.reshape(*shape, 3), np.float32)

    image = blend_over(skin, np.clip(layers[1] / 0.5 + 0.5, 0, 1), cloth(0.8))
    top = cloth(0.6)
    if rng.random() < 0.3:
        # Open in front over another layer, or with a seam.
        x, _, z = coordinates.position.T
        front = (np.abs(x) < rng.choice([0.4, 2.0, 5.0])) & (z > 0) & (coordinates.arm < 0)
        top = blend_over(top, front.reshape(shape).astype(np.float32), palette(rng, 1)[0])
    image = blend_over(image, np.clip(layers[0] / 0.5 + 0.5, 0, 1), top)
    if rng.random() < 0.5:
        half_width = rng.uniform(0.4, 1.6)
        trim = np.clip(1 - np.abs(layers[0] - half_width) / half_width, 0, 1) ** 0.5
        image = blend_over(image, trim, palette(rng, 1)[0])
    image = blend_over(image, np.clip(layers[2] / 0.5 + 0.5, 0, 1), palette(rng, 1)[0])
    return blend_over(image, np.clip(layers[3] / 0.5 + 0.5, 0, 1), palette(rng, 1)[0])


def collar(rng: Rng, kind: str, neck: Array) -> Part:
    """A collar, one of COLLAR_KINDS, around the neck (N, 3); it hides the seam between head and body."""
    ring = neck[(neck[:, 1] < -8.5) & (neck[:, 1] > -11.5) & (neck[:, 2] < 5)]
    half_width, front, back = np.abs(ring[:, 0]).max() * 0.93, ring[:, 2].max(), ring[:, 2].min()
    profile = {  # distance from the neck and height, cm, from the lower outside to the inside
        "turtleneck": [[3.5, -16.0], [1.2, -13.0], [0.7, -10.5], [0.6, -9.3], [0.2, -9.2], [0.1, -10.5]],
        "shirt": [[4.6, -14.3], [2.4, -12.6], [0.9, -9.6], [0.6, -9.5], [0.3, -11.5]],
        "scarf": [[3.0, -16.5], [4.0, -14.5], [3.6, -12.0], [2.2, -10.2], [0.6, -10.0], [0.2, -11.5]],
        "hood": [[7.0, -17.0], [6.5, -13.5], [4.5, -11.5], [2.5, -11.2], [1.2, -12.5], [0.6, -14.5]],
    }[kind]
    out, height = np.array(profile).T[:, :, None] * np.array([rng.uniform(0.8, 1.2), 1.0])[:, None, None]
    columns = 49
    angle = np.linspace(0, 2 * np.pi, columns)[None, :]
    sine, cosine = np.sin(angle), np.cos(angle)
    x = (half_width + out) * sine
    middle, half_depth = (front + back) / 2, (front - back) / 2
    z = middle + (half_depth + out * np.where(cosine > 0, 0.9, 1.0)) * cosine
    y = height - 2.2 * cosine * np.ones_like(x) - (1.5 if kind == "shirt" else 0.3) * np.clip(cosine, 0, 1) ** 6
    if kind in ("scarf", "hood"):
        folds = value_noise(np.stack([5 * sine + 0 * x, y, 5 * cosine + 0 * x], -1).reshape(-1, 3) * 0.6,
                            int(rng.integers(99)), 3).reshape(x.shape)  # fmt: skip
        x, z = x * (1 + 0.1 * folds), z + 0.8 * folds
    points = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi), np.linspace(0.3, 0.6, len(profile))[:, None]), -1)
    uv, weight = uv.reshape(-1, 2).astype(np.float32), (0.85 * head_weight(points)).astype(np.float32)
    return Part(points, grid_faces(len(profile), columns), uv, "collar", BODY, Material.CLOTHES, weight)
