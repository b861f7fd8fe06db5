"""Render assets/avatar.png, the project's own picture.

python scripts/make_avatar.py --facekit PATH [--out assets/avatar.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.render.character.act import Act
from training.render.character.appearance import Appearance
from training.render.character.atlas import Atlas, paste
from training.render.character.character import Character, Traits
from training.render.character.facekit import HEAD_END, load_facekit
from training.render.character.noise import value_noise
from training.render.character.studio import Studio
from training.render.raster.shading import Light
from training.render.scene.motion_tracks import ExpressionIndex
from training.render.scene.scene import Camera, Lens, Scene

SIZE = 768  # pixels, of the picture's side
SKIN, BLUSH, LIPS = (np.float32(c) for c in ([250, 208, 178], [240, 138, 118], [214, 104, 100]))
HAIR, SHEEN = np.float32([74, 40, 46]), np.float32([168, 92, 74])
KNIT, TRIM = np.float32([46, 128, 132]), np.float32([244, 226, 196])
IRIS_RADIUS = 0.56  # radians from the eyeball's axis to the iris's edge: large, as drawn characters have it


def face(atlas: Atlas) -> np.ndarray:
    """The face tile (H, W, 3) 0..255: clean skin, soft blush, brows, lid lines and lips."""
    points = atlas.positions["face"]
    x, y, z = points[..., 0], points[..., 1], points[..., 2]

    def blend(image: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> np.ndarray:
        return image + (colour - image) * mask[..., None]

    image = np.broadcast_to(SKIN, (*x.shape, 3)).copy()
    image = blend(image, 0.55 * np.exp(-((np.abs(x) - 4.9) ** 2 / 3.2 + (y - 0.4) ** 2 / 2.0)) * (z > 2), BLUSH)
    image = blend(image, 0.35 * np.exp(-(x**2 / 1.2 + (y - 0.2) ** 2 / 0.8)) * (z > 10), BLUSH)
    image = blend(image, 0.3 * np.exp(-((atlas.lid / 0.7) ** 2)) * atlas.above_lid, np.float32([176, 96, 92]))
    lips = np.clip(-atlas.lips / 0.22 + 0.45, 0, 1) * np.clip((2.6 - np.abs(x)) / 0.4, 0, 1)
    image = blend(image, 0.85 * lips, LIPS)
    thick = 0.36 * np.interp(atlas.brow_along, [0, 0.15, 0.6, 1], [0.55, 1.0, 0.75, 0.1])
    image = blend(image, 0.85 * np.clip((thick - atlas.brow) / 0.14 + 0.5, 0, 1), HAIR * 0.9)
    line = np.interp(np.abs(x), [1.8, 3.2, 4.6, 5.2], [0.05, 0.14, 0.26, 0.2])
    image = blend(image, np.clip((line - atlas.lid) / 0.06 + 0.5, 0, 1) * atlas.above_lid, np.float32([44, 22, 26]))
    return blend(image, 0.5 * np.clip((0.05 - atlas.lid) / 0.06 + 0.5, 0, 1), np.float32([120, 60, 56]))


def eye() -> np.ndarray:
    """The tile of an eye (256, 256, 3) 0..255: a large teal iris, dark above, light below, with two catchlights."""
    grid = (np.arange(256) + 0.5) / 128 - 1
    x, y = np.meshgrid(grid, grid)
    angle = np.hypot(x, y) * np.pi / 2

    def disc(image: np.ndarray, where: np.ndarray, radius: float, colour: np.ndarray, soft: float = 0.03) -> np.ndarray:
        return image + (colour - image) * np.clip((radius - where) / soft + 0.5, 0, 1)[..., None]

    image = np.broadcast_to(np.float32([250, 247, 244]), (256, 256, 3))
    height = np.clip(y / (IRIS_RADIUS / np.pi * 2) * 0.5 + 0.5, 0, 1)[..., None]
    image = disc(image, angle, IRIS_RADIUS, np.float32([22, 40, 52]))
    colour = np.float32([18, 72, 88]) * (1 - height) + np.float32([96, 206, 196]) * height
    image = disc(image, angle, IRIS_RADIUS * 0.88, colour)
    image = disc(image, angle, IRIS_RADIUS * 0.45, np.float32([10, 22, 30]))
    for cx, cy, radius in ((-0.13, -0.15, 0.15), (0.14, 0.15, 0.07)):
        image = disc(image, np.hypot(x - cx, y - cy) * np.pi / 2, radius, np.float32([255, 255, 255]))
    return image


def hair() -> np.ndarray:
    """The tile of the hair (512, 512, 3) 0..255: strands with a band of sheen around the crown."""
    u, v = np.meshgrid(np.arange(512) / 512, np.arange(512) / 512)
    flow = np.stack([u * 90, v * 3, 0 * u], -1).reshape(-1, 3)
    strand = value_noise(flow, 3, 3, 0.7).reshape(512, 512)
    band = np.exp(-(((v - 0.085 + 0.012 * strand) / 0.028) ** 2)) * 0.75 + 0.25 * np.clip((v - 0.3) * 2, 0, 1)
    image = HAIR * (1 + 0.35 * strand[..., None])
    return image + (SHEEN - image) * np.clip(band * (0.7 + 0.6 * strand), 0, 1)[..., None]


def clothes(bust: np.ndarray) -> np.ndarray:
    """The body tile (512, 512, 3) 0..255: a ribbed pullover with a light collar over bare skin.

    bust (512 · 512, 3): positions on the mean bust of the tile's pixels.
    """
    side = 512
    v = ((np.arange(side) + 0.5) / side)[:, None]
    ribs = 1 + 0.05 * np.sin(np.arctan2(bust[:, 0], bust[:, 2]) * 90).reshape(side, side)
    image = KNIT * ribs[..., None]
    edge = 0.2
    image = np.where((np.abs(v - edge - 0.02) < 0.02)[..., None], TRIM * ribs[..., None], image)
    return np.where((v < edge)[..., None], SKIN, image)


def appearance(studio: Studio) -> Appearance:
    """The avatar's texture and materials."""
    appearance = studio.painter.paint(np.random.default_rng(1), "paint")
    texture = appearance.texture.copy()
    paste(texture, "face", face(studio.atlas))
    back = np.broadcast_to(SKIN, (256, 256, 3)).copy()
    lining = studio.atlas.vertex["back"] >= HEAD_END
    back[lining] = (120, 52, 52)
    paste(texture, "back", back)
    for name in ("eye_left", "eye_right"):
        paste(texture, name, eye())
    paste(texture, "gums", np.broadcast_to(np.float32([205, 100, 100]), (128, 128, 3)))
    paste(texture, "teeth", np.broadcast_to(np.float32([250, 246, 238]), (128, 128, 3)))
    paste(texture, "hair", hair())
    paste(texture, "body", clothes(studio.painter.body_positions))
    table = np.float32([
        [0.85, 0.05, 12, 0.5], [0.8, 0.05, 30, 0.4], [0.35, 0.0, 120, 0.3], [0.9, 0.14, 14, 0.4], [0.8, 0.3, 40, 0.3],
        [0.95, 0.0, 10, 0.4],
    ])  # fmt: skip
    return Appearance("paint", texture, table, 0, 0.0, np.zeros(3, np.float32), 0.19, IRIS_RADIUS)


def background() -> np.ndarray:
    """The background (SIZE, SIZE, 3) 0..1: a soft sky of peach and blue with out-of-focus lights."""
    y = np.linspace(0, 1, SIZE)[:, None, None]
    image = np.float32([1.0, 0.87, 0.76]) * (1 - y) + np.float32([0.66, 0.74, 0.90]) * y
    image = np.broadcast_to(image, (SIZE, SIZE, 3)).astype(np.float32).copy()
    rng = np.random.default_rng(4)
    for _ in range(16):
        spot = np.zeros((SIZE, SIZE), np.float32)
        cv2.circle(spot, tuple(int(v) for v in rng.integers(0, SIZE, 2)), int(rng.integers(24, 70)), 1.0, -1)
        spot = cv2.GaussianBlur(spot, (0, 0), 6)[..., None]
        image += spot * 0.10 * np.float32([1, 0.97, 0.85])
    return np.clip(image, 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the project's avatar picture.")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=Path("assets/avatar.png"), help="default assets/avatar.png")
    options = parser.parse_args()
    studio = Studio(load_facekit(options.facekit))
    names = ExpressionIndex(studio.kit.expression_names)
    traits = Traits(
        "paint", "long", 0.55, 0.09, False, False, shoulder_width=0.82, identity_spread=0.25,
        hair_thickness=1.5, hairline_rise=0.2, hair_reach=2.38,
        hair_length=15.0,
        fringe=(34, 4.8, 1.1), fringe_sweep=0.4, hat="none", jewels=False,
    )  # fmt: skip
    character = Character(studio, np.random.default_rng(5), traits, appearance(studio))
    act = Act(head=np.float32([0.07, 0.0, 0.04]))
    smile = {"mouthSmile": 0.55, "eyeWide": 0.25, "mouthPucker": 0.1, "browOuterUp": 0.25, "cheekSquint": 0.1}
    for name, weight in smile.items():
        act.expression[names.columns(name)] = weight
    light = Light(
        np.float32([
            [0.42, 0.5, 0.76, 0.40, 0.38, 0.35], [-0.75, 0.2, 0.63, 0.10, 0.12, 0.16], [-0.6, 0.5, -0.62, 0.4, 0.4, 0.5]
        ]),
        np.float32([0.50, 0.43, 0.42, 0.52, 0.50, 0.51]),
    )  # fmt: skip
    camera = Camera(2 * 0.52 * 95 / 22.5, 95.0, 3.0, (0.0, -0.14))
    lens = Lens(0.4, 0.0, 0, np.ones(3, np.float32), 1.0)
    image = Scene(camera, light, background(), lens, SIZE).render(character, act, np.random.default_rng(0)).image
    Image.fromarray(image).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
