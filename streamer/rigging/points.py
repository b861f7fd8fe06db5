"""Points that a person places by hand in a picture whose face no tracker knows: a cat, a robot, a cup.

A points file is JSON: names to [x, y] in pixels of the picture file (upright, origin at the upper left):

    {"left_eye": [170, 114], "right_eye": [317, 136], "nose": [262, 238],
     "mouth_left": [205, 272], "mouth_right": [295, 268], "chin": [245, 292]}

These six are needed; left and right are the picture's. More make it fit better: forehead, ear_left, ear_right (where
the face ends at the height of the eyes), mouth_top, mouth_bottom (middle of the upper and the lower lip's outer edge),
and for each eye left_eye_outer, left_eye_inner, left_eye_top, left_eye_bottom (the lids). outline, a list of at least
three points around the whole character, replaces the automatic separation from the background.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.openings import EYES
from models.geometry.topology import topology
from streamer.errors import KagamiError

Array = NDArray[np.float32]
Double = NDArray[np.float64]
Place = tuple[float, float]

NEEDED = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "chin")
# The picture's left is the person's right: landmarks of MediaPipe's mesh that a name stands for (their mean).
NAMES: dict[str, tuple[int, ...]] = {
    "left_eye": EYES[0][0],
    "right_eye": EYES[1][0],
    "nose": (1, 4),
    "mouth_left": (61,),
    "mouth_right": (291,),
    "mouth_top": (0,),
    "mouth_bottom": (17,),
    "chin": (152,),
    "forehead": (10,),
    "ear_left": (127,),
    "ear_right": (356,),
    "left_eye_outer": (33,),
    "left_eye_inner": (133,),
    "left_eye_top": (159,),
    "left_eye_bottom": (145,),
    "right_eye_outer": (263,),
    "right_eye_inner": (362,),
    "right_eye_top": (386,),
    "right_eye_bottom": (374,),
}
MAX_BYTES = 1 << 20
SMOOTH = 1e-3  # of the thin plate: hand-placed points are off by a little


class PointsError(KagamiError):
    """The points cannot be used; the message says why and what to do."""

    code = "points"


@dataclass(frozen=True)
class Points:
    """Named places in a picture, in pixels of the upright original. Raises PointsError when they cannot make a face."""

    places: dict[str, Place]
    outline: list[Place] = field(default_factory=list)

    def __post_init__(self) -> None:
        missing = [name for name in NEEDED if name not in self.places]
        if missing:
            raise PointsError(
                f"The points lack {', '.join(missing)}: add {'it' if len(missing) == 1 else 'them'} as [x, y]."
            )
        unknown = [name for name in self.places if name not in NAMES]
        if unknown:
            raise PointsError(f"{unknown[0]} is not the name of a point: use {', '.join(NAMES)} or outline.")
        eyes = np.array([self.places["left_eye"], self.places["right_eye"]])
        below = np.array([self.places["nose"], self.places["chin"]])
        apart = np.linalg.norm(eyes[0] - eyes[1])
        drop = np.abs(np.cross(eyes[1] - eyes[0], below[1] - eyes[0])) / max(apart, 1e-9)
        if apart < 2 or drop < 0.2 * apart:
            raise PointsError(
                "The points do not form a face: the eyes must lie apart and the chin away from their line."
            )
        if 0 < len(self.outline) < 3:
            raise PointsError("The outline needs at least three points: add more or leave it out.")

    @staticmethod
    def load(path: Path) -> Points:
        """Read a points file. Raises PointsError when it is missing, not JSON, or not such points."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise PointsError(f"{path} is too large for a points file: give a JSON file of some named points.")
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PointsError(
                f"The points file {path} cannot be read as JSON ({error}): check the path and the file."
            ) from error
        return Points.parse(data)

    @staticmethod
    def parse(data: object) -> Points:
        """From decoded JSON. Raises PointsError."""
        if not isinstance(data, dict):
            raise PointsError(
                'The points must be a JSON object of names to [x, y], such as {"left_eye": [170, 114], …}.'
            )
        outline = data.get("outline", [])
        if not isinstance(outline, list):
            raise PointsError("The outline must be a list of [x, y] points.")
        places = {str(name): _place(str(name), value) for name, value in data.items() if name != "outline"}
        return Points(places, [_place("outline", value) for value in outline])

    def landmarks(self, scale: float, offset: Place, half: float) -> Array:
        """(478, 3) landmarks in canvas units: the canonical face brought onto the points, by similarity and thin plate.

        scale: canvas pixels per original pixel; offset: canvas pixels of the picture's corner; half: of the canvas's
        side.
        """
        canonical = topology().canonical.numpy().astype(np.float64)
        names = list(self.places)
        source = np.stack([canonical[list(NAMES[name]), :2].mean(0) for name in names])
        goal = (np.array([self.places[name] for name in names]) * scale + offset + 0.5 * scale) / half - 1
        if goal[names.index("left_eye"), 0] > goal[names.index("right_eye"), 0]:  # named from the character's side
            goal = goal[[names.index(_swapped(name)) if _swapped(name) in names else k for k, name in enumerate(names)]]
        turn, shift = _similarity(source, goal)
        size = abs(turn)
        flat = canonical[:, 0] + 1j * canonical[:, 1]
        moved = turn * flat + shift
        placed = np.stack([moved.real, moved.imag], -1)
        at = turn * (source[:, 0] + 1j * source[:, 1]) + shift
        placed += size * _thin_plate(source, (goal - np.stack([at.real, at.imag], -1)) / size, canonical[:, :2])
        return np.concatenate([placed, canonical[:, 2:] * size], 1).astype(np.float32)


def _place(name: str, value: object) -> Place:
    good = isinstance(value, list | tuple) and len(value) == 2
    if good:
        try:
            x, y = (float(v) for v in value)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            good = False
        else:
            good = math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) < 1e6
    if not good:
        raise PointsError(f"The point {name} must be two numbers [x, y] in pixels of the picture.")
    return x, y


def _swapped(name: str) -> str:
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


def _similarity(source: Double, goal: Double) -> tuple[complex, complex]:
    """Least-squares turn and shift in complex numbers, points (N, 2)."""
    a, b = source[:, 0] + 1j * source[:, 1], goal[:, 0] + 1j * goal[:, 1]
    a0, b0 = a.mean(), b.mean()
    turn = complex(np.vdot(a - a0, b - b0) / np.vdot(a - a0, a - a0).real)
    return turn, complex(b0 - turn * a0)


def _thin_plate(source: Double, value: Double, at: Double) -> Double:
    """Thin-plate spline through values (N, 2) at source (N, 2), evaluated at (M, 2) (Bookstein 1989)."""

    def kernel(p: Double, q: Double) -> Double:
        r2 = torch.cdist(torch.from_numpy(p), torch.from_numpy(q)).square().numpy()
        return 0.5 * r2 * np.log(np.maximum(r2, 1e-12))

    count = len(source)
    flat = np.concatenate([np.ones((count, 1)), source], 1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(source, source) + SMOOTH * np.eye(count)
    system[:count, count:], system[count:, :count] = flat, flat.T
    weights = np.linalg.lstsq(system, np.concatenate([value, np.zeros((3, 2))]), rcond=None)[0]
    return kernel(at, source) @ weights[:count] + np.concatenate([np.ones((len(at), 1)), at], 1) @ weights[count:]
