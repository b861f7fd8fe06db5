"""A contact sheet of what the renderer draws: `python -m training.render.scene.sheet --facekit PATH --bodykit PATH`.

Rows: every style's heads; open mouths; upper and whole bodies; and one track made by four characters.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.character.appearance import STYLES
from training.render.character.bodykit import BodykitError, load_bodykit
from training.render.character.character import Act, Character, Studio, Traits
from training.render.character.facekit import FacekitError, load_facekit
from training.render.character.noise import Rng
from training.render.scene.motion_tracks import Mood, Names, random_track
from training.render.scene.scene import Scene, body_camera, random_camera, random_scene

SIDE = 192
PRINT = 2 / 3  # the sheet is written at this part of its size
COLUMNS = 12
SPAN = 50  # frames of 25 fps between two pictures of one track
Picture = NDArray[np.uint8]


class Easel:
    """Draws cells of a sheet; everything follows from the seed."""

    def __init__(self, studio: Studio, seed: int) -> None:
        self.studio, self.seed = studio, seed
        self.names = Names(studio.kit.expression_names)
        self.count = 0

    def rng(self) -> Rng:
        self.count += 1
        return np.random.default_rng([self.seed, self.count])

    def scene(self, rng: Rng, character: Character, framing: str) -> Scene:
        scene = random_scene(rng, SIDE, 0.5, character.body)
        if framing == "near":
            return replace(scene, camera=random_camera(rng, 1.0))
        if framing == "head" or character.body is None:
            return replace(scene, camera=random_camera(rng, float(rng.uniform(0.4, 0.7))))
        return replace(scene, camera=body_camera(rng, 14.5 - character.body.floor, whole=framing == "whole"))

    def pair(self, traits: Traits, framing: str, mouth: bool = False) -> list[Picture]:
        """One character at two moments of a track."""
        rng = self.rng()
        character = Character(self.studio, rng, traits)
        scene = self.scene(rng, character, framing)
        track = random_track(rng, SPAN + 1, self.names, Mood(head=0.6 if mouth else 1.0, hands=2.0))
        acts = [track.act(0), track.act(SPAN)]
        if mouth:
            for act, jaw in zip(acts, (0.25, 0.7), strict=True):
                self._open(act, jaw)
        return [scene.shoot(character, act, rng).image for act in acts]

    def _open(self, act: Act, jaw: float) -> None:
        act.expression = act.expression * 0
        for name, weight in {"jawOpen": jaw, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6}.items():
            act.expression[self.names.columns(name)] = weight

    def shared_track(self, characters: int) -> list[Picture]:
        """The same moments of one track made by several characters."""
        moments = COLUMNS // characters
        track = random_track(self.rng(), SPAN * moments, self.names, Mood(hands=2.5))
        out = []
        for _ in range(characters):
            rng = self.rng()
            character = Character(self.studio, rng)
            scene = self.scene(rng, character, "upper")
            out += [scene.shoot(character, track.act(SPAN * m), rng).image for m in range(moments)]
        return out


def contact_sheet(studio: Studio, seed: int) -> Picture:
    """The whole sheet (H, W, 3) RGB; rows of bodies only where the studio has them."""
    easel, pairs = Easel(studio, seed), COLUMNS // 2
    rows = []
    for style in STYLES:
        rows.append([cell for _ in range(pairs) for cell in easel.pair(Traits(style), "head")])
    styles = ["skin", "skin", "paint", "cel", "line", "absurd"]
    rows.append([cell for style in styles for cell in easel.pair(Traits(style), "near", mouth=True)])
    if studio.body is not None:
        for framing in ("upper", "upper", "whole"):
            styles = ["skin", "skin", "paint", "cel", "absurd", "skin"]
            rows.append([cell for style in styles for cell in easel.pair(Traits(style), framing)])
        rows.append(easel.shared_track(4))
    return np.concatenate([np.concatenate(row, 1) for row in rows], 0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of rendered characters.")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz or the public OBJ tree")
    parser.add_argument("--bodykit", type=Path, help="makehuman_base.npz or the public tree: bodies too")
    parser.add_argument("--out", type=Path, default=Path("render_sheet.jpg"), help="JPEG or PNG file")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args(arguments)
    try:
        bodykit = None if options.bodykit is None else load_bodykit(options.bodykit)
        sheet = contact_sheet(Studio(load_facekit(options.facekit), bodykit), options.seed)
    except (FacekitError, BodykitError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    sheet = cv2.resize(sheet, None, fx=PRINT, fy=PRINT, interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(options.out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 78]):
        print(f"error: {options.out} cannot be written; choose another place with --out.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
