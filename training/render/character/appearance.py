"""Random appearances of characters: the texture, from human skin to abstract patterns, and how light acts on it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array
from training.render.character import parts
from training.render.character.atlas import ATLAS_SIDE, TILES, Atlas, paste
from training.render.character.body import BodyModel
from training.render.character.clothes import Outfit, paint_clothes, random_outfit
from training.render.character.eyes import eye_texture
from training.render.character.face_paint import blend_over, paint_face
from training.render.character.facekit import HEAD_END, SOCKET_START
from training.render.character.mouth import Mouth, paint_mouth
from training.render.character.noise import Rng, palette, pattern, value_noise

# Probability of each style of character.
STYLES = {"skin": 0.36, "paint": 0.08, "cel": 0.1, "flat": 0.05, "line": 0.04, "statue": 0.05, "absurd": 0.32}
JEWEL_COLOURS = np.array([
    [235, 200, 110], [225, 225, 230], [235, 235, 225], [190, 40, 50], [60, 110, 190], [60, 160, 100], [40, 40, 45],
], np.float32)  # fmt: skip


@dataclass(frozen=True)
class Appearance:
    """Texture and materials of a character.

    style: one of STYLES.
    texture: (ATLAS_SIDE, ATLAS_SIDE, 3) RGB.
    materials: (7, 4) as in `shading.Surface`, a row for each `parts.Material`.
    cel_levels: levels of cel shading, 0 = smooth shading.
    outline_width: width of drawn outlines, samples, 0 = none.
    outline_colour: (3,) 0..1.
    neckline: 0..1, v coordinate on the bust below which clothes cover it.
    iris_angle: angle from the gaze axis to the edge of the iris, radians.
    mouth: None = as the face model has it.
    outfit: clothes of a whole body, None for a bust.
    """

    style: str
    texture: NDArray[np.uint8]
    materials: Array
    cel_levels: int
    outline_width: float
    outline_colour: Array
    neckline: float
    iris_angle: float
    mouth: Mouth | None = None
    outfit: Outfit | None = None


def skin_tone(rng: Rng) -> Array:
    """A human skin colour (3,) 0..255."""
    stops = np.array([[250, 220, 203], [236, 190, 164], [215, 160, 126], [180, 122, 88], [128, 82, 58], [78, 50, 38]])
    position = rng.uniform(0, 5)
    colour = np.array([np.interp(position, range(6), stops[:, c]) for c in range(3)])
    return (colour * rng.normal(1, 0.04, 3)).astype(np.float32)


def hair_tone(rng: Rng, wild: bool) -> Array:
    """A hair colour (3,) 0..255: natural, or any colour where `wild`."""
    if wild:
        return palette(rng, 1)[0]
    natural = [[20, 16, 15], [45, 30, 24], [80, 52, 34], [120, 80, 48], [190, 150, 95], [225, 200, 150], [140, 60, 30],
               [150, 150, 150], [225, 225, 225]]  # fmt: skip
    return np.array(natural[rng.integers(len(natural))], np.float32) * rng.uniform(0.8, 1.2, 3).astype(np.float32)


class Painter:
    """Paints textures of characters on one atlas."""

    def __init__(self, atlas: Atlas, body: BodyModel | None = None) -> None:
        self.atlas, self.body = atlas, body
        side = TILES["body"].size
        grid = parts.bust(1.0, 1.0, 0.0, 0.2)[0].vertices.reshape(*parts.BUST_GRID, 3)
        if body is not None:
            self.body_positions = body.texture.position
            return
        self.body_positions = cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR).reshape(-1, 3)

    def _tile_points(self, name: str) -> Array:
        return self.atlas.positions[name].reshape(-1, 3)

    def _base_coat(self, rng: Rng, style: str, skin: Array, seed: int) -> list[Array]:
        """Base coat of face, back of the head and bare body, (size, size, 3) each, before the features are drawn."""
        out = []
        strength = rng.uniform(0.25, 1)
        absurd = str(rng.choice(["noise", "grain", "marble", "leaves", "mosaic", "stripes", "checks", "gradient",
                                 "leaves", "grain"]))  # fmt: skip
        state = rng.integers(1 << 31)
        blotch, pores = rng.uniform(4, 16), rng.uniform(0, 14)
        for name in ("face", "back", "body"):
            points = self.body_positions if name == "body" else self._tile_points(name)
            if style == "absurd":
                image = pattern(np.random.default_rng(state), points, absurd)
                image = image * strength + skin * (1 - strength)
            else:
                image = np.broadcast_to(skin, (len(points), 3)).copy()
                if style in ("skin", "paint", "statue"):
                    tint = np.array([0.6, 1.0, 1.0], np.float32) if style == "skin" else np.array([1, 1, 1], np.float32)
                    image += blotch * value_noise(points * 0.45, seed, 3)[:, None] * tint
                    image += pores * value_noise(points * 6.0, seed + 1, 2, 0.9)[:, None]
                if style == "paint":
                    strokes = value_noise(points * np.array([0.8, 3.0, 0.8], np.float32), seed + 2, 3, 0.8)
                    image += rng.uniform(5, 30) * strokes[:, None] * np.array([1, 0.9, 0.7], np.float32)
                if style == "statue":
                    image += 25 * np.sin(points[:, 1:2] + 6 * value_noise(points * 0.2, seed + 4, 4)[:, None]) ** 8
            size = TILES[name].size
            out.append(image.reshape(size, size, 3))
        return out

    def _back_of_head(self, back: Array, skin: Array, lining: Array) -> Array:
        """Paint the linings of mouth and eye sockets, which share the tile of the back of the head."""
        vertex = self.atlas.vertex["back"]
        back = np.where(((vertex >= HEAD_END) & (vertex < SOCKET_START))[..., None], lining, back)
        socket = (vertex >= SOCKET_START) | (vertex < 0)
        return np.where(socket[..., None], skin * np.array([0.9, 0.65, 0.62], np.float32), back)

    def _hair_paint(self, rng: Rng, style: str, colour: Array, seed: int) -> Array:
        size = TILES["hair"].size
        u, v = np.meshgrid(np.arange(size) / size, np.arange(size) / size)
        if style == "absurd" and rng.random() < 0.8:
            position = np.stack([np.sin(u * 6.28) * 9, -v * 50, np.cos(u * 6.28) * 9], -1).reshape(-1, 3)
            return pattern(rng, position.astype(np.float32)).reshape(size, size, 3)
        points = np.stack([u * rng.uniform(60, 200), v * rng.uniform(2, 8), 0 * u], -1).reshape(-1, 3)
        strand = value_noise(points, seed + 20, 3, 0.7).reshape(size, size)
        depth = {"cel": 0.1, "flat": 0.05, "line": 0.1}.get(style, rng.uniform(0.2, 0.7))
        image = colour * (1 + depth * strand[..., None])
        if rng.random() < 0.15:
            image = blend_over(image, np.clip((v - rng.uniform(0.1, 0.5)) * 4, 0, 1), hair_tone(rng, True))
        return image

    def _bust_clothes(self, rng: Rng, style: str, bare: Array, neckline: float, seed: int) -> Array:
        """Clothes painted over the bare bust (size, size, 3)."""
        size = TILES["body"].size
        u, v = np.meshgrid((np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size)
        if rng.random() < (0.2 if style == "absurd" else 0.65):
            cloth = palette(rng, 1)[0] * (1 + 0.1 * value_noise(self.body_positions * 0.5, seed, 4)[:, None])
        else:
            cloth = pattern(rng, self.body_positions)
        cloth = cloth.reshape(size, size, 3)
        # A V-shaped or round neckline, deepest in front (u = 0 and 1).
        front = np.clip(1 - np.minimum(u, 1 - u) * 5, 0, 1)
        edge = neckline + rng.choice([0.0, 0.1, 0.25]) * front ** rng.choice([1.0, 2.0])
        image = blend_over(cloth, np.clip((edge - v) / 0.008 + 0.5, 0, 1), bare)
        if rng.random() < 0.5:
            image = blend_over(image, np.clip(1 - np.abs(v - edge - 0.012) / 0.012, 0, 1), palette(rng, 1)[0])
        if rng.random() < 0.3:
            seam = np.minimum(u, 1 - u) < 0.004
            image = blend_over(image, seam * (v > edge), palette(rng, 1)[0])
        return image

    def paint(self, rng: Rng, style: str | None = None) -> Appearance:
        """A random appearance. style: one of STYLES, None = drawn by its probability."""
        style = style or str(rng.choice(list(STYLES), p=list(STYLES.values())))
        seed = int(rng.integers(1 << 20))
        skin = skin_tone(rng)
        if style == "statue":
            stones = [[225, 222, 215], [150, 120, 80], [110, 130, 115], [60, 60, 65]]
            skin = rng.choice(np.array(stones, np.float32))
        elif style in ("flat", "line", "cel") and rng.random() < 0.3:
            skin = palette(rng, 1)[0]
        elif style == "line" and rng.random() < 0.7:
            skin = np.array([245, 243, 238], np.float32)
        hair = hair_tone(rng, rng.random() < {"skin": 0.05, "paint": 0.1}.get(style, 0.5))
        if style == "statue":
            hair = skin * rng.uniform(0.8, 1)
        texture = np.full((ATLAS_SIDE, ATLAS_SIDE, 3), 128, np.uint8)
        face, back, bare_body = self._base_coat(rng, style, skin, seed)
        paste(texture, "face", paint_face(rng, style, self.atlas, face, skin, hair, seed))
        mouth = paint_mouth(rng, style, skin, self.atlas, texture)
        paste(texture, "back", self._back_of_head(back, skin, mouth.lining))
        iris = float(rng.uniform(0.34, 0.5) if style in ("skin", "paint", "statue") else rng.uniform(0.36, 0.62))
        eye = eye_texture(rng, iris, style)
        if style == "statue" and rng.random() < 0.7:
            eye = eye * 0.25 + skin * 0.75
        paste(texture, "eye_left", eye)
        paste(texture, "eye_right", eye if rng.random() < 0.95 else eye_texture(rng, iris, style))
        paste(texture, "lashes", np.broadcast_to(np.array([20, 14, 12], np.float32), (64, 64, 3)))
        paste(texture, "glasses", np.broadcast_to(palette(rng, 1)[0] * rng.uniform(0, 0.8), (64, 64, 3)))
        paste(texture, "jewel", np.broadcast_to(JEWEL_COLOURS[rng.integers(len(JEWEL_COLOURS))], (64, 64, 3)))
        paste(texture, "hat", self._hat_cloth(rng, style, skin))
        paste(texture, "hair", self._hair_paint(rng, style, hair, seed))
        neckline = float(rng.uniform(0.12, 0.3))
        outfit = None
        if self.body is not None:
            outfit = random_outfit(rng)
            paste(texture, "body", paint_clothes(rng, outfit, self.body.texture, bare_body, style == "absurd"))
            paste(texture, "collar", self._hat_cloth(rng, style, skin))
        else:
            paste(texture, "body", self._bust_clothes(rng, style, bare_body, neckline, seed))
        return Appearance(
            style, texture, self._materials(rng, style, mouth.shading),
            cel_levels=int(rng.integers(1, 4)) if style == "cel" else 0,
            outline_width=float(rng.uniform(1, 3))
            if style == "line" or (style in ("cel", "flat") and rng.random() < 0.7) else 0,
            outline_colour=rng.uniform(0, 0.25, 3).astype(np.float32), neckline=neckline, iris_angle=iris,
            mouth=mouth, outfit=outfit,
        )  # fmt: skip

    def _hat_cloth(self, rng: Rng, style: str, skin: Array) -> Array:
        """Cloth of a hat (size, size, 3): plain, knitted or patterned, with a band or without."""
        size = TILES["hat"].size
        u, v = np.meshgrid(np.arange(size) / size, np.arange(size) / size)
        position = np.stack([np.sin(u * 6.28) * 9, -v * 40, np.cos(u * 6.28) * 9], -1).reshape(-1, 3).astype(np.float32)
        if rng.random() < (0.75 if style == "absurd" else 0.3):
            image = pattern(rng, position).reshape(size, size, 3)
        else:
            colour = palette(rng, 1)[0] if style != "statue" else skin
            knit = np.sin(u * 6.28 * 60) * np.sin(v * 6.28 * 50) * rng.choice([0.0, 0.15])
            worn = 0.12 * value_noise(position * 0.4, int(rng.integers(1 << 20)), 4).reshape(size, size)
            image = colour * (1 + knit + worn)[..., None]
        if style != "statue" and rng.random() < 0.3:
            band = np.abs(v - rng.uniform(0.2, 0.3)) < rng.uniform(0.01, 0.05)
            image = blend_over(image, band, palette(rng, 1)[0])
        return np.asarray(image, np.float32)

    def _materials(self, rng: Rng, style: str, mouth: float | None) -> Array:
        shading = {"flat": rng.uniform(0, 0.15), "line": rng.uniform(0, 0.25), "cel": rng.uniform(0.4, 0.9)}.get(
            style, rng.uniform(0.7, 1) if style != "absurd" else rng.uniform(0.1, 1)
        )
        shiny = style in ("skin", "paint", "statue", "cel", "absurd")
        gloss = float(shiny and rng.random() < 0.7) * rng.uniform(0.02, 0.2)
        power = rng.uniform(8, 40)
        wrap = rng.uniform(0, 0.5)
        materials = np.array([
            [shading, gloss, power, wrap],
            [shading if mouth is None else mouth, gloss if mouth is None else 0.0, 30, wrap],
            [shading * 0.7, 0.6 * float(shiny), 120, 0.3],
            [shading, rng.uniform(0, 0.3) * float(shiny), 20, wrap],
            [shading, 0.5 * float(shiny), 40, wrap],
            [shading, 0.0, 10, wrap],
            [shading, rng.choice([0.0, 0.15]) * float(shiny), 25, wrap],
        ])  # fmt: skip
        return materials.astype(np.float32)


def draw_outlines(canvas: Array, inverse_depth: Array, part: NDArray[np.uint8], width: float, colour: Array) -> None:
    """Draw outlines where depth or part changes, in place.

    canvas (H, W, 3) 0..1. inverse_depth (H, W), 1/cm. part (H, W): index of each drawn part. width: samples.
    """
    depth_cm = 1 / np.maximum(inverse_depth, 1e-4)
    depth_cm = np.minimum(depth_cm, 400)
    kernel = np.ones((3, 3), np.uint8)
    depth_edge = (cv2.dilate(depth_cm, kernel) - cv2.erode(depth_cm, kernel)) > 1.2
    part_edge = cv2.dilate(part, kernel) != cv2.erode(part, kernel)
    edge = (depth_edge | part_edge).astype(np.float32)
    edge = np.clip(cv2.GaussianBlur(edge, (0, 0), 0.3 + 0.35 * width) * 1.4, 0, 1)[..., None]
    canvas *= 1 - edge
    canvas += edge * colour
