"""From a picture to a rig: face, body and matte are found, then the geometry is built on the device."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from models.geometry.rig import Rig
from streamer.errors import KagamiError
from streamer.rigging.canvas import Array, Canvas, pixels_per_original, place_on_canvas
from streamer.rigging.face_search import find_body, find_face
from streamer.rigging.matting import character_matte
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points, PointsError


class NoFaceError(KagamiError):
    """No face was found in the picture."""

    code = "no-face"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No face was found in {name}: use a picture that shows one, or name the places of eyes, nose, mouth and "
            "chin yourself with --points points.json."
        )


@dataclass(frozen=True)
class Character:
    """What was found in a picture on a canvas of S pixels; all of it is picklable.

    rgb: (S, S, 3) float32 0..1.
    matte: (S, S) float32 0..1.
    face: (478, 3) landmarks, canvas units.
    body: (33, 4) joints x, y, z in canvas units and visibility; None without.
    cut_out: whether the matte is the picture's own alpha.
    width, height: size of the picture, canvas pixels.
    notes: sentences for the user.
    """

    rgb: Array
    matte: Array
    face: Array
    body: Array | None
    cut_out: bool
    width: int
    height: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MadeRig:
    """The rig of one picture.

    width, height: canvas pixels of the picture, to which the output is cropped. notes: sentences for the user.
    """

    rig: Rig
    width: int
    height: int
    notes: list[str] = field(default_factory=list)


def make_rig(picture: Picture, size: int, points: Points | None, device: torch.device | str) -> MadeRig:
    """`find_character` and `build_rig` in one, with the arguments and errors of the two."""
    return build_rig(find_character(picture, size, points), device)


def find_character(picture: Picture, size: int, points: Points | None = None) -> Character:
    """Find face, body and matte in a picture on a canvas of `size` pixels. Seconds of work, none of it in torch.

    points: hand-placed points, used instead of detection. Raises NoFaceError when there is neither a face nor points,
    PointsError when a point lies outside of the picture.
    """
    canvas = place_on_canvas(picture, size)
    notes: list[str] = []
    if points is None:
        face = find_face(canvas, notes)
        if face is None:
            raise NoFaceError(picture.name)
        body = find_body(canvas, face)
    else:
        face, body = landmarks_from_points(points, canvas, picture), None
    matte = canvas.alpha if canvas.cut_out else character_matte(canvas, face, points, picture)
    return Character(canvas.rgb, matte, face, body, canvas.cut_out, canvas.width, canvas.height, notes)


def build_rig(character: Character, device: torch.device | str) -> MadeRig:
    """The rig of a character, a batch of one on `device`."""
    size = character.rgb.shape[0]

    def batch(array: Array) -> torch.Tensor:
        return torch.from_numpy(np.array(array, np.float32, order="C"))[None].to(device)

    backdrop = batch(np.ones((3, size, size), np.float32)) if character.cut_out else None
    with torch.inference_mode():
        rig = Rig.build(
            batch(character.rgb.transpose(2, 0, 1)),
            batch(character.matte[None]),
            batch(character.face),
            None if character.body is None else batch(character.body),
            backdrop,
        )
    return MadeRig(rig, character.width, character.height, character.notes)


def landmarks_from_points(points: Points, canvas: Canvas, picture: Picture) -> Array:
    """(478, 3) landmarks in canvas units from hand-placed points. Raises PointsError for one outside of the picture."""
    scale = pixels_per_original(canvas, picture)
    width, height = canvas.width / scale, canvas.height / scale
    for name, (x, y) in points.positions.items():
        if not (0 <= x <= width and 0 <= y <= height):
            raise PointsError(
                f"The point {name} [{x:g}, {y:g}] lies outside of the picture, which has "
                f"{width:.0f} x {height:.0f} pixels."
            )
    return points.landmarks(scale, (canvas.left, canvas.top), canvas.size / 2)
