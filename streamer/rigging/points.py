"""Hand-placed points for a picture in which no face is detected, or whose body was seen wrong: a cat, a robot, a cup.

docs/points.md describes the file: JSON of names to [x, y] in pixels of the picture file, upright, origin at the upper
left. Left and right are the picture's.
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
from models.geometry.topology import (
    CHIN,
    FOREHEAD,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_LOWER_LID,
    LEFT_MOUTH_CORNER,
    LEFT_UPPER_LID,
    LOWER_LIP_OUTER,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_LOWER_LID,
    RIGHT_MOUTH_CORNER,
    RIGHT_UPPER_LID,
    UPPER_LIP_OUTER,
    topology,
)
from streamer.errors import KagamiError
from streamer.rigging.body_points import BODY_POINT_NAMES, Position, mirrored_name, named_from_the_character
from streamer.rigging.picture import turned_place

Array = NDArray[np.float32]
Double = NDArray[np.float64]

REQUIRED = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "chin")
# Landmarks of MediaPipe's mesh whose mean a point stands for. The picture's left is the person's right.
POINT_LANDMARKS: dict[str, tuple[int, ...]] = {
    "left_eye": EYES[0][0],
    "right_eye": EYES[1][0],
    "nose": (NOSE_TIP, 4),  # the tip, and the landmark above it
    "mouth_left": (RIGHT_MOUTH_CORNER,),
    "mouth_right": (LEFT_MOUTH_CORNER,),
    "mouth_top": (UPPER_LIP_OUTER,),
    "mouth_bottom": (LOWER_LIP_OUTER,),
    "chin": (CHIN,),
    "forehead": (FOREHEAD,),
    "ear_left": (127,),  # on the border of the mesh, at the height of the eyes
    "ear_right": (356,),  # the same on the other side
    "left_eye_outer": (RIGHT_EYE_OUTER,),
    "left_eye_inner": (RIGHT_EYE_INNER,),
    "left_eye_top": (RIGHT_UPPER_LID,),
    "left_eye_bottom": (RIGHT_LOWER_LID,),
    "right_eye_outer": (LEFT_EYE_OUTER,),
    "right_eye_inner": (LEFT_EYE_INNER,),
    "right_eye_top": (LEFT_UPPER_LID,),
    "right_eye_bottom": (LEFT_LOWER_LID,),
}
MAX_FILE_BYTES = 1 << 20
MAX_REQUEST_BYTES = 1 << 16  # of points that come over the network
MAX_OUTLINE_POINTS = 1000
SMOOTHING = 1e-3  # regularisation of the thin-plate spline, since hand-placed points are imprecise


class PointsError(KagamiError):
    """The points cannot be used; the message names the reason and the remedy."""

    code = "points"


class TooManyPointsError(PointsError):
    """Points that came over the network are larger than `MAX_REQUEST_BYTES`."""

    def __init__(self) -> None:
        super().__init__(f"The points are larger than {MAX_REQUEST_BYTES >> 10} KB: leave points of the outline out.")


@dataclass(frozen=True)
class Points:
    """Named positions of face, body or both, and an outline, pixels of the upright original.

    Raises PointsError when they form no face, or two joints lie on one place.
    """

    positions: dict[str, Position]
    outline: list[Position] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._check_names()
        if self.has_face:
            self._check_face()
        places: dict[Position, str] = {}
        for name in self.body:
            other = places.setdefault(self.positions[name], name)
            if other != name:
                raise PointsError(f"The points {other} and {name} lie on one place: move one of them.")
        if 0 < len(self.outline) < 3:
            raise PointsError("The outline needs at least three points: add more or leave it out.")
        if len(self.outline) > MAX_OUTLINE_POINTS:
            raise PointsError(f"The outline has more than {MAX_OUTLINE_POINTS} points: leave some of them out.")

    def _check_names(self) -> None:
        unknown = [name for name in self.positions if name not in (*POINT_LANDMARKS, *BODY_POINT_NAMES)]
        if unknown:
            names = ", ".join((*POINT_LANDMARKS, *BODY_POINT_NAMES))
            raise PointsError(f"{unknown[0]} is not the name of a point: use {names} or outline.")
        missing = [name for name in REQUIRED if name not in self.positions]
        if missing and (self.has_face or not self.body):
            raise PointsError(
                f"The points lack {', '.join(missing)}: add {'it' if len(missing) == 1 else 'them'} as [x, y]."
            )

    def _check_face(self) -> None:
        eyes = np.array([self.positions["left_eye"], self.positions["right_eye"]])
        chin = np.array(self.positions["chin"])
        eye_distance = np.linalg.norm(eyes[0] - eyes[1])
        chin_distance = np.abs(np.cross(eyes[1] - eyes[0], chin - eyes[0])) / max(eye_distance, 1e-9)
        if eye_distance < 2 or chin_distance < 0.2 * eye_distance:
            raise PointsError(
                "The points do not form a face: the eyes must lie apart and the chin away from their line."
            )

    def turned(self, turns: int, width: float, height: float) -> Points:
        """The points on their picture of width × height pixels after so many quarter turns counter-clockwise."""

        def turn(at: Position) -> Position:
            return turned_place(at, turns, width, height)

        if not turns:
            return self
        return Points({name: turn(at) for name, at in self.positions.items()}, [turn(at) for at in self.outline])

    @property
    def has_face(self) -> bool:
        """Whether points of the face are among them; without, the face is detected."""
        return any(name in POINT_LANDMARKS for name in self.positions)

    @property
    def body(self) -> list[str]:
        """Names of the points of the body."""
        return [name for name in self.positions if name in BODY_POINT_NAMES]

    @property
    def _from_the_character(self) -> bool:
        """Whether left and right are the character's."""
        if self.has_face:
            return self.positions["left_eye"][0] > self.positions["right_eye"][0]
        return named_from_the_character(self.positions)

    @staticmethod
    def load(path: Path) -> Points:
        """Read a points file. Raises PointsError when it is missing, not JSON, or its points are not valid."""
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise PointsError(f"{path} is too large for a points file: give a JSON file of some named points.")
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PointsError(
                f"The points file {path} cannot be read as JSON ({error}): check the path and the file."
            ) from error
        return Points.parse(data)

    @staticmethod
    def decode(data: bytes) -> Points:
        """Read points that came over the network. Raises PointsError when they are too large, not JSON or not valid."""
        if len(data) > MAX_REQUEST_BYTES:
            raise TooManyPointsError
        try:
            decoded = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise PointsError("The points are not JSON: give an object of names to [x, y].") from error
        return Points.parse(decoded)

    @staticmethod
    def positions_to_json(positions: dict[str, Position]) -> dict[str, list[float]]:
        """Named positions as JSON has them, rounded to hundredths of a pixel."""
        return {name: [round(x, 2), round(y, 2)] for name, (x, y) in positions.items()}

    def to_json(self) -> dict[str, object]:
        """The points as in docs/points.md, positions rounded to hundredths of a pixel."""
        named: dict[str, object] = dict(self.positions_to_json(self.positions))
        if self.outline:
            named["outline"] = [[round(x, 2), round(y, 2)] for x, y in self.outline]
        return named

    @staticmethod
    def parse(data: object) -> Points:
        """Check decoded JSON. Raises PointsError."""
        if not isinstance(data, dict):
            raise PointsError(
                'The points must be a JSON object of names to [x, y], such as {"left_eye": [170, 114], …}.'
            )
        outline = data.get("outline", [])
        if not isinstance(outline, list):
            raise PointsError("The outline must be a list of [x, y] points.")
        positions = {str(name): _position(str(name), value) for name, value in data.items() if name != "outline"}
        return Points(positions, [_position("outline", value) for value in outline])

    def landmarks(self, scale: float, offset: Position, half: float) -> Array:
        """(478, 3) landmarks in canvas units: the canonical face, fitted by a similarity and then a thin-plate spline.

        scale: canvas pixels per original pixel. offset: canvas pixel of the picture's upper left corner. half: half the
        canvas's side, pixels.
        """
        canonical = topology().canonical.numpy().astype(np.float64)
        names = [name for name in self.positions if name in POINT_LANDMARKS]
        source = np.stack([canonical[list(POINT_LANDMARKS[name]), :2].mean(0) for name in names])
        target = np.array([_on_canvas(self.positions[name], scale, offset, half) for name in names])
        if self._from_the_character:
            partners = [mirrored_name(name) for name in names]
            target = target[[names.index(p) if p in names else index for index, p in enumerate(partners)]]
        factor, shift = _fit_similarity(source, target)
        size = abs(factor)
        landmarks = _transformed(canonical, factor, shift)
        residual = (target - _transformed(source, factor, shift)) / size
        landmarks += size * _thin_plate_spline(source, residual, canonical[:, :2])
        return np.concatenate([landmarks, canonical[:, 2:] * size], 1).astype(np.float32)

    def body_places(self, scale: float, offset: Position, half: float) -> dict[str, Position]:
        """The points of the body by name, with the picture's left and right, in canvas units. Parameters as above."""
        swapped = self._from_the_character
        return {
            mirrored_name(name) if swapped else name: _on_canvas(self.positions[name], scale, offset, half)
            for name in self.body
        }


def _position(name: str, value: object) -> Position:
    valid = isinstance(value, list | tuple) and len(value) == 2
    if valid:
        try:
            x, y = (float(v) for v in value)  # type: ignore[attr-defined]
        except (TypeError, ValueError):
            valid = False
        else:
            valid = math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) < 1e6
    if not valid:
        raise PointsError(f"The point {name} must be two numbers [x, y] in pixels of the picture.")
    return x, y


def _on_canvas(place: Position, scale: float, offset: Position, half: float) -> Position:
    """A position in canvas units; the rest as in `Points.landmarks`."""
    x, y = ((at * scale + start + 0.5 * scale) / half - 1 for at, start in zip(place, offset, strict=True))
    return x, y


def _fit_similarity(source: Double, target: Double) -> tuple[complex, complex]:
    """Least-squares similarity from source (N, 2) to target (N, 2): complex factor (rotation and scale) and shift."""
    p, q = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    p_mean, q_mean = p.mean(), q.mean()
    factor = complex(np.vdot(p - p_mean, q - q_mean) / np.vdot(p - p_mean, p - p_mean).real)
    return factor, complex(q_mean - factor * p_mean)


def _transformed(points: Double, factor: complex, shift: complex) -> Double:
    """x, y of points (N, 2 or 3) under a complex similarity: (N, 2)."""
    moved = factor * (points[:, 0] + 1j * points[:, 1]) + shift
    return np.stack([moved.real, moved.imag], -1)


def _thin_plate_spline(source: Double, values: Double, queries: Double) -> Double:
    """Thin-plate spline through values (N, 2) at source (N, 2), evaluated at queries (M, 2) (Bookstein, PAMI 1989)."""

    def kernel(p: Double, q: Double) -> Double:
        r2 = torch.cdist(torch.from_numpy(p), torch.from_numpy(q)).square().numpy()
        return 0.5 * r2 * np.log(np.maximum(r2, 1e-12))

    count = len(source)
    affine = np.concatenate([np.ones((count, 1)), source], 1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(source, source) + SMOOTHING * np.eye(count)
    system[:count, count:], system[count:, :count] = affine, affine.T
    weights = np.linalg.lstsq(system, np.concatenate([values, np.zeros((3, 2))]), rcond=None)[0]
    affine_queries = np.concatenate([np.ones((len(queries), 1)), queries], 1)
    return kernel(queries, source) @ weights[:count] + affine_queries @ weights[count:]
