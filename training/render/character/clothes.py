"""Clothes of a whole body: where they lie, how thick they are, how they are painted, and collars around the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.arrays import Array
from training.render.character.face_paint import laid
from training.render.character.noise import Rng, palette, pattern, value_noise
from training.render.character.parts import BODY, Part, grid, head_weight, smooth

ARM_CM, LEG_CM = 54.0, 88.0  # from shoulder to wrist, from hip to ankle
COLLARS = ("turtleneck", "shirt", "scarf", "hood")


@dataclass(frozen=True)
class Fields:
    """Where points lie on a body: all (N,) but for `place`."""

    place: Array  # (N, 3) on the mean body, cm
    arm: Array  # 0 shoulder, 0.5 elbow, 1 wrist, more on the hand; < 0 off the arms
    leg: Array  # 0 hip, 0.5 knee, 1 ankle, more on the foot; < 0 off the legs


@dataclass(frozen=True)
class Outfit:
    """A top, something on the legs, shoes, sometimes gloves. Lengths along the limbs: 0.5 elbow or knee, 1 wrist."""

    neck: float  # height of the neckline at the sides, cm (see `body.slant`)
    dip: float  # how much deeper it is in front, cm
    wide: float  # … over what half width, cm
    round_: bool  # a round neckline, or a V
    strap: float  # |x| from which the shoulders are covered, cm
    sleeve: float
    hem: float  # y of the top's lower edge, cm
    coat: float  # how far the top covers the legs
    legs: float
    shoes: bool
    gloves: bool
    top_thick: float  # cm
    legs_thick: float
    collar: str | None

    def layers(self, fields: Fields) -> list[Array]:
        """How deep points lie under top, legs' clothes, shoes, gloves: cm inside the edge, < 0 outside, each (N,)."""
        x, y, z = fields.place.T
        height = y + 0.3 * (z + 2)
        inward = np.clip(1 - np.abs(x) / self.wide, 0, 1) * smooth(-1.0, 3.0, z)
        line = self.neck - self.dip * (np.sqrt(inward * (2 - inward)) if self.round_ else inward)
        shoulder = np.maximum(line - height, np.minimum(np.abs(x) - self.strap, line + 9 - height))
        top = np.minimum(shoulder, np.maximum(y - self.hem, (self.coat - fields.leg) * LEG_CM * (self.coat > 0)))
        arm = (self.sleeve - fields.arm) * ARM_CM
        top = np.where(fields.arm > 0, np.minimum(arm, shoulder), top)
        legs = np.minimum((self.legs - fields.leg) * LEG_CM, self.hem + 3 - y)
        legs = np.where(fields.arm > 0.02, -9.0, legs)
        shoes = (fields.leg - 0.97) * LEG_CM if self.shoes else np.full_like(y, -9)
        gloves = (fields.arm - 0.97) * ARM_CM if self.gloves else np.full_like(y, -9)
        return [top.astype(np.float32), legs.astype(np.float32), shoes.astype(np.float32), gloves.astype(np.float32)]

    def thickness(self, fields: Fields) -> Array:
        """How far the clothes stand off the skin (N,) cm."""
        top, legs, shoes, gloves = self.layers(fields)
        thick = self.top_thick * smooth(0.0, 0.8, top)
        thick = np.maximum(thick, self.legs_thick * smooth(0.0, 0.8, legs))
        thick = np.maximum(thick, 0.7 * smooth(0.0, 0.8, shoes))
        return np.asarray(np.maximum(thick, 0.15 * smooth(0.0, 0.8, gloves)), np.float32)

    def covered(self, fields: Fields) -> Array:
        """Whether points are under cloth (N,) 0 or 1."""
        return (np.max(self.layers(fields), axis=0) > 0).astype(np.int32)


def random_outfit(rng: Rng) -> Outfit:
    """From a swimmer's to a winter's."""
    bare = rng.random() < 0.06  # no cloth over the shoulders
    coat = float(rng.uniform(0.2, 0.8)) if rng.random() < 0.15 else 0.0
    return Outfit(
        neck=float(rng.uniform(-25, -20) if bare else rng.uniform(-16.0, -11.8)),
        dip=float(rng.choice([0.0, rng.uniform(2, 5), rng.uniform(4, 16)])),
        wide=float(rng.uniform(5, 11)), round_=bool(rng.random() < 0.5),
        strap=99.0 if bare else float(rng.uniform(6.5, 12)),
        sleeve=float(rng.choice([0.0, rng.uniform(0.2, 0.45), rng.uniform(0.5, 0.8), rng.uniform(0.93, 1.02)],
                                p=[0.12, 0.33, 0.1, 0.45])),
        hem=float(rng.uniform(-78, -66)), coat=coat,
        legs=float(rng.choice([0.2, 0.45, rng.uniform(0.55, 0.8), 0.98], p=[0.08, 0.17, 0.1, 0.65])),
        shoes=bool(rng.random() < 0.85), gloves=bool(rng.random() < 0.05),
        top_thick=float(rng.uniform(0.15, 1.5)), legs_thick=float(rng.uniform(0.15, 1.0)),
        collar=str(rng.choice(COLLARS)) if rng.random() < 0.4 else None,
    )  # fmt: skip


def dress(rng: Rng, outfit: Outfit, fields: Fields, bare: Array, wild: bool) -> Array:
    """Paint the clothes over bare skin (size, size, 3) of the body tile, whose texels have `fields`."""
    shape = bare.shape[:2]
    layers = [layer.reshape(shape) for layer in outfit.layers(fields)]
    place = fields.place.copy()
    place[:, 0] += 30 * np.sign(place[:, 0]) * np.clip(fields.arm, 0, 2)  # arms must not repeat what the side shows

    def cloth(plain: float) -> Array:
        if rng.random() < (0.2 if wild else plain):
            colour = palette(rng, 1)[0] * (1 + 0.1 * value_noise(place * 0.5, int(rng.integers(1 << 20)), 3)[:, None])
        else:
            colour = pattern(rng, place)
        return np.asarray(colour.reshape(*shape, 3), np.float32)

    image = laid(bare, np.clip(layers[1] / 0.5 + 0.5, 0, 1), cloth(0.8))
    top = cloth(0.6)
    if rng.random() < 0.3:
        # Open in front over something else, or with a seam.
        front = (np.abs(fields.place[:, 0]) < rng.choice([0.4, 2.0, 5.0])) & (fields.place[:, 2] > 0) & (fields.arm < 0)
        top = laid(top, front.reshape(shape).astype(np.float32), palette(rng, 1)[0])
    image = laid(image, np.clip(layers[0] / 0.5 + 0.5, 0, 1), top)
    if rng.random() < 0.5:
        wide = rng.uniform(0.4, 1.6)
        trim = np.clip(1 - np.abs(layers[0] - wide) / wide, 0, 1) ** 0.5
        image = laid(image, trim, palette(rng, 1)[0])
    image = laid(image, np.clip(layers[2] / 0.5 + 0.5, 0, 1), palette(rng, 1)[0])
    return laid(image, np.clip(layers[3] / 0.5 + 0.5, 0, 1), palette(rng, 1)[0])


def collar(rng: Rng, kind: str, neck: Array) -> Part:
    """A ring of cloth, one of COLLARS, around the neck, whose skin is at `neck` (N, 3); it hides where heads end."""
    ring = neck[(neck[:, 1] < -8.5) & (neck[:, 1] > -11.5) & (neck[:, 2] < 5)]
    half, front, back = np.abs(ring[:, 0]).max() * 0.93, ring[:, 2].max(), ring[:, 2].min()
    profile = {  # how far off the neck, cm, and at what height, from outside and below to inside
        "turtleneck": [[3.5, -16.0], [1.2, -13.0], [0.7, -10.5], [0.6, -9.3], [0.2, -9.2], [0.1, -10.5]],
        "shirt": [[4.6, -14.3], [2.4, -12.6], [0.9, -9.6], [0.6, -9.5], [0.3, -11.5]],
        "scarf": [[3.0, -16.5], [4.0, -14.5], [3.6, -12.0], [2.2, -10.2], [0.6, -10.0], [0.2, -11.5]],
        "hood": [[7.0, -17.0], [6.5, -13.5], [4.5, -11.5], [2.5, -11.2], [1.2, -12.5], [0.6, -14.5]],
    }[kind]
    out, height = np.array(profile).T[:, :, None] * np.array([rng.uniform(0.8, 1.2), 1.0])[:, None, None]
    columns = 49
    turn = np.linspace(0, 2 * np.pi, columns)[None, :]
    side, ahead = np.sin(turn), np.cos(turn)
    x = (half + out) * side
    middle, deep = (front + back) / 2, (front - back) / 2
    z = middle + (deep + out * np.where(ahead > 0, 0.9, 1.0)) * ahead
    y = height - 2.2 * ahead * np.ones_like(x) - (1.5 if kind == "shirt" else 0.3) * np.clip(ahead, 0, 1) ** 6
    if kind in ("scarf", "hood"):
        folds = value_noise(np.stack([5 * side + 0 * x, y, 5 * ahead + 0 * x], -1).reshape(-1, 3) * 0.6,
                            int(rng.integers(99)), 3).reshape(x.shape)  # fmt: skip
        x, z = x * (1 + 0.1 * folds), z + 0.8 * folds
    points = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    uv = np.stack(np.broadcast_arrays(turn / (2 * np.pi), np.linspace(0.3, 0.6, len(profile))[:, None]), -1)
    return Part(points, grid(len(profile), columns), uv.reshape(-1, 2).astype(np.float32), "collar", BODY, 5,
                (0.85 * head_weight(points)).astype(np.float32))  # fmt: skip
