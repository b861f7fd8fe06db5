"""How surely further views of one character are told from pictures of others, with no network that recognises faces.

python -m benchmarks.views --clips A.mp4 B.mp4 [--refs PICTURES] [--same A=B]

Each clip is one person, of whom some frames are taken, and each picture of the folder is another. The second picture of
a pair is put into another light, as if it had been taken on another day.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from pathlib import Path

import cv2
import numpy as np

from benchmarks.evaluation.gallery import find_pictures
from benchmarks.reenact import picture_of
from models.geometry.topology import MESH
from streamer.errors import KagamiError
from streamer.files.video_reader import VideoReader
from streamer.frames import Image
from streamer.rigging.canvas import Array
from streamer.rigging.face_colours import to_linear, to_srgb
from streamer.rigging.face_search import face_extent
from streamer.rigging.likeness import LIMIT, Appearance, differences
from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.rigger import Character, NoFaceError, find_character
from streamer.rigging.views import HEAD_AND_SHOULDERS

SIZE = 512  # pixels of the canvas
LARGEST_TURN = 180.0  # degrees
TURNS = (0.0, 20.0, 45.0, LARGEST_TURN)  # classes of the angle between two heads, degrees
LIGHT_SPREAD, TINT_SPREAD, SIDE_LIGHT, GAMMA_SPREAD = 0.3, 0.07, 0.5, 0.08  # of log exposure, colour, light, contrast


@dataclass(frozen=True)
class Shown:
    """A picture of somebody, as it is and in another light."""

    person: str
    own: Appearance
    relit: Appearance


def read_clip(path: Path, count: int) -> list[Picture]:
    """`count` frames from all over a clip. Raises VideoError."""
    with VideoReader(path) as reader:
        frames: list[Image] = [frame.rgb for frame in reader]
    chosen = np.linspace(0, len(frames) - 1, count).astype(int)
    return [picture_of(frames[i], f"{path.stem}, frame {i}") for i in chosen]


def another_light(character: Character, rng: np.random.Generator) -> Array:
    """The picture (S, S, 3) in another exposure, white balance and contrast, and with light from another side."""
    size = character.rgb.shape[0]
    line = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
    middle, extent = character.face[:MESH, :2].mean(0), face_extent(character.face)
    across, down = (line - middle[0]) / extent, (line - middle[1]) / extent
    turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, SIDE_LIGHT)
    side = np.clip(np.cos(turn) * across[None] + np.sin(turn) * down[:, None], -1, 1)
    gain = np.exp(rng.normal(0, LIGHT_SPREAD) + rng.normal(0, TINT_SPREAD, 3) + 1.4 * strength * side[..., None])
    lit: Array = to_srgb(to_linear(character.rgb) * gain.astype(np.float32)) ** np.exp(rng.normal(0, GAMMA_SPREAD))
    return cv2.GaussianBlur(lit.astype(np.float32), (0, 0), 0.6)


def look(person: str, picture: Picture, rng: np.random.Generator) -> Shown | None:
    """Measure a picture; None where no face is found."""
    try:
        found = find_character(picture, SIZE, framing=HEAD_AND_SHOULDERS)
    except NoFaceError:
        return None
    return Shown(person, Appearance.of(found), Appearance.of(replace(found, rgb=another_light(found, rng))))


def compare(shown: Sequence[Shown]) -> Iterator[tuple[bool, float, float]]:
    """Of each ordered pair: whether both show the same person, degrees between the heads, the sum of differences."""
    for first, other in permutations(shown, 2):
        found = differences(first.own, other.relit)
        yield first.person == other.person, first.own.angle_to(other.own), sum(found.values())


def report(pairs: Sequence[tuple[bool, float, float]]) -> list[str]:
    """A line for each class of turns, and one for all."""
    lines = [f"{'turn':>10} {'one person':>12} {'refused':>8} {'others':>8} {'refused':>8}"]
    classes = [*pairwise(TURNS), (0.0, LARGEST_TURN)]
    for low, high in classes:
        row = f"{low:.0f}° to {high:.0f}°".rjust(10)
        for same in (True, False):
            sums = np.array([total for one, turn, total in pairs if one == same and low <= turn <= high])
            row += f" {len(sums):>{12 if same else 8}} {100 * (sums > LIMIT).mean() if len(sums) else 0:>7.1f}%"
        lines.append(row)
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.views", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--clips", type=Path, nargs="+", required=True, metavar="A.mp4", help="videos, each of one person")
    add("--refs", type=Path, metavar="FOLDER", help="pictures, each of another person")
    add("--same", action="append", default=[], metavar="A=B", help="names of two clips of one person; may be repeated")
    add("--frames", type=int, default=6, metavar="N", help="frames of each clip (6)")
    given = parser.parse_args(argv)
    people = dict(pair.split("=", 1) for pair in given.same)
    rng = np.random.default_rng(0)
    try:
        pictures = [(people.get(path.stem, path.stem), each) for path in given.clips
                    for each in read_clip(path, given.frames)]  # fmt: skip
        if given.refs is not None:
            pictures += [(path.stem, load_picture(path)) for path in find_pictures(given.refs, None)]
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    shown = [found for person, picture in pictures if (found := look(person, picture, rng)) is not None]
    print(f"{len(shown)} of {len(pictures)} pictures show a face")
    print("\n".join(report(list(compare(shown)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
