"""Renders the project's sample pictures: `python -m training.render.samples --facekit PATH`.

Writes assets/avatar.png, the default picture, and the pictures of the page's shelf in assets/samples. Every picture is
the same on every run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.render.arrays import Array
from training.render.character.facekit import FacekitError, load_facekit
from training.render.character.studio import Studio
from training.render.drawn.anime import draw_anime
from training.render.drawn.cartoon import draw_cartoon
from training.render.portrait.brush import paint_over
from training.render.portrait.picture import EYE_PART, Layers, render_portrait
from training.render.portrait.sitters import SITTERS

SCALE = 2  # samples along each side of a pixel
DRAWN = {"anime": draw_anime, "cartoon": draw_cartoon}
FILES = {"portrait": "avatar.png"} | {
    name: f"samples/{name}.png" for name in ("painting", "anime", "cartoon", "animation", "sculpture")
}


def painting(layers: Layers) -> Array:
    """A rendered portrait as a painting, whose eyes are painted with fine strokes."""
    eyes = (layers.part == EYE_PART).astype(np.uint8)
    detail = cv2.dilate(eyes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (27, 19))).astype(np.float32)
    return paint_over(layers.image, detail, 1)


def sample(name: str, studio: Studio, scale: int) -> Array:
    """The sample picture of this name (S, S, 3), sRGB 0..1."""
    if name in DRAWN:
        return DRAWN[name]()
    layers = render_portrait(studio, SITTERS[name], scale)
    return painting(layers) if name == "painting" else layers.image


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Render the default picture and the samples of the page's shelf.")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz or the public OBJ tree")
    parser.add_argument("--out", type=Path, default=Path("assets"), help="folder; default assets")
    parser.add_argument("--only", nargs="*", choices=list(FILES), default=list(FILES), help="names; default all")
    parser.add_argument("--scale", type=int, default=SCALE, help=f"samples along a pixel's side; default {SCALE}")
    options = parser.parse_args(arguments)
    try:
        studio = Studio(load_facekit(options.facekit))
    except FacekitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name in options.only:
        target = options.out / FILES[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        image = np.round(np.clip(sample(name, studio, options.scale), 0, 1) * 255).astype(np.uint8)
        Image.fromarray(image).save(target, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
