"""Render assets/avatar.png, the project's own picture.

    python scripts/make_avatar.py --facekit PATH [--out assets/avatar.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.motion_tracks import Names
from training.render.character import Act, Character, Studio, Traits
from training.render.facekit import load_facekit
from training.render.raster import Light
from training.render.scene import Camera, Lens, Scene

SIZE = 768


def main() -> None:
    parser = argparse.ArgumentParser(description="Render the project's avatar picture.")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz")
    parser.add_argument("--out", type=Path, default=Path("assets/avatar.png"), help="default assets/avatar.png")
    options = parser.parse_args()
    studio = Studio(load_facekit(options.facekit))
    names = Names(studio.kit.expression_names)
    look = studio.painter.paint(np.random.default_rng(603), "paint")
    character = Character(studio, np.random.default_rng(103), Traits("paint", "long", 0.28, False, False, 0.6), look)
    act = Act()
    for name, weight in {"mouthSmile": 0.4, "cheekSquint": 0.2, "browInnerUp": 0.2}.items():
        act.expression[names.columns(name)] = weight
    light = Light(
        np.float32([[0.45, 0.5, 0.74, 0.62, 0.6, 0.56], [-0.7, 0.2, 0.68, 0.16, 0.18, 0.22]]),
        np.float32([0.3, 0.29, 0.29, 0.45, 0.46, 0.48]),
    )
    camera = Camera(2 * 0.52 * 75 / 22.5, 75.0, 3.0, (0.0, -0.12))
    y = np.linspace(0, 1, SIZE)[:, None, None]
    background = np.float32([0.98, 0.86, 0.78]) * (1 - y) + np.float32([0.62, 0.70, 0.86]) * y
    background = np.broadcast_to(background, (SIZE, SIZE, 3)).astype(np.float32)
    lens = Lens(0.0, 0.0, 0, np.ones(3, np.float32), 1.0)
    image = Scene(camera, light, background, lens, SIZE).shoot(character, act, np.random.default_rng(0)).image
    Image.fromarray(cv2.bilateralFilter(image, 5, 12, 3)).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
