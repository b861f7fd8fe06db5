"""A contact sheet of rendered characters: `python -m training.render.scene.sheet --facekit PATH --bodykit PATH`.

Rows: every style's heads; open mouths; upper and whole bodies; and one track for four characters.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.character.act import Act
from training.render.character.appearance import STYLES
from training.render.character.bodykit import BodykitError, load_bodykit
from training.render.character.character import Character, Traits
from training.render.character.facekit import FacekitError, load_facekit
from training.render.character.noise import Rng
from training.render.character.studio import Studio
from training.render.scene.motion_tracks import ExpressionIndex, Mood, random_track
from training.render.scene.scene import Scene, body_camera, random_camera, random_scene

CELL_SIDE = 192
OUTPUT_SCALE = 2 / 3  # of the written picture
COLUMNS = 12
PAIR_INTERVAL = 50  # frames at 25 fps between two cells of one track
Picture = NDArray[np.uint8]


class CellRenderer:
    """Renders the cells of a sheet, reproducibly by seed."""

    def __init__(self, studio: Studio, seed: int) -> None:
        self.studio, self.seed = studio, seed
        self.names = ExpressionIndex(studio.kit.expression_names)
        self.count = 0

    def rng(self) -> Rng:
        """A new generator for the next cell."""
        self.count += 1
        return np.random.default_rng([self.seed, self.count])

    def scene(self, rng: Rng, character: Character, framing: str) -> Scene:
        """A random scene; framing: near, head, upper or whole."""
        scene = random_scene(rng, CELL_SIDE, 0.5, character.body)
        if framing == "near":
            return replace(scene, camera=random_camera(rng, 1.0))
        if framing == "head" or character.body is None:
            return replace(scene, camera=random_camera(rng, float(rng.uniform(0.4, 0.7))))
        return replace(scene, camera=body_camera(rng, 14.5 - character.body.floor, whole=framing == "whole"))

    def pair(self, traits: Traits, framing: str, mouth: bool = False) -> list[Picture]:
        """Two cells: one character at two moments of a track."""
        rng = self.rng()
        character = Character(self.studio, rng, traits)
        scene = self.scene(rng, character, framing)
        track = random_track(rng, PAIR_INTERVAL + 1, self.names, Mood(head=0.6 if mouth else 1.0, hands=2.0))
        acts = [track.act(0), track.act(PAIR_INTERVAL)]
        if mouth:
            for act, jaw in zip(acts, (0.25, 0.7), strict=True):
                self._open_mouth(act, jaw)
        return [scene.render(character, act, rng).image for act in acts]

    def _open_mouth(self, act: Act, jaw: float) -> None:
        """Replace the expression by an open mouth, in place."""
        act.expression = act.expression * 0
        for name, weight in {"jawOpen": jaw, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6}.items():
            act.expression[self.names.columns(name)] = weight

    def shared_track(self, characters: int) -> list[Picture]:
        """The same moments of one track for several characters."""
        moments = COLUMNS // characters
        track = random_track(self.rng(), PAIR_INTERVAL * moments, self.names, Mood(hands=2.5))
        out = []
        for _ in range(characters):
            rng = self.rng()
            character = Character(self.studio, rng)
            scene = self.scene(rng, character, "upper")
            out += [scene.render(character, track.act(PAIR_INTERVAL * m), rng).image for m in range(moments)]
        return out


def contact_sheet(studio: Studio, seed: int) -> Picture:
    """The sheet (H, W, 3) RGB; rows of bodies only where the studio has them."""
    cells, pairs = CellRenderer(studio, seed), COLUMNS // 2
    rows = []
    for style in STYLES:
        rows.append([cell for _ in range(pairs) for cell in cells.pair(Traits(style), "head")])
    styles = ["skin", "skin", "paint", "cel", "line", "absurd"]
    rows.append([cell for style in styles for cell in cells.pair(Traits(style), "near", mouth=True)])
    if studio.body is not None:
        for framing in ("upper", "upper", "whole"):
            styles = ["skin", "skin", "paint", "cel", "absurd", "skin"]
            rows.append([cell for style in styles for cell in cells.pair(Traits(style), framing)])
        rows.append(cells.shared_track(4))
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
    sheet = cv2.resize(sheet, None, fx=OUTPUT_SCALE, fy=OUTPUT_SCALE, interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(options.out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 78]):
        print(f"error: {options.out} cannot be written: choose another place with --out.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
