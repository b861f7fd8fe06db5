"""Whether two pictures show the same character in the same style, without a network that recognises faces.

What is compared is robust against pose and light: the pattern of light and dark over the places of the face that both
pictures show, the colours of skin and hair in one exposure, the places of bony landmarks, and how many colours and
edges the face is drawn with. The weights are those of a logistic regression, and `LIMIT` lets all pairs of one person
pass that were measured; docs/decisions/rigging.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.geometry.topology import FOREHEAD, MESH, RIGID
from streamer.rigging.canvas import Array
from streamer.rigging.face_colours import FaceColours, skin_gain, to_linear, to_srgb, weighted_median
from streamer.rigging.face_search import face_extent
from streamer.rigging.rigger import Character
from streamer.tracking.head_pose import CANONICAL, head_pose

LIMIT = 6.0  # of the sum of all differences
STYLE_LIMIT = 2.0  # of the part of style: beyond it a refused picture is told to be in another style

STYLE_SIDE = 128  # pixels of the crop of the face in which its style is measured
COLOUR_STEP = 6.0  # of CIELAB: colours that are nearer count as one
FLAT = 0.4  # CIELAB per pixel: a smaller gradient of the lightness is flat

# Rings of points around the skull above the face, where hair is looked for: canonical units.
HAIR_RINGS = (1.0, 1.12, 1.24)  # heights over that of the forehead's landmark
HAIR_HALF_WIDTH, HAIR_DEPTH = 0.75, 0.35
HAIR_POINTS = 13  # of a ring
MIN_HAIR_POINTS = 9  # of all rings that the matte covers
HALF = 0.5  # of a pixel
OPAQUE = 0.9  # coverage of a point that shows the character

# What counts as one unit of each difference; angles in degrees between the two heads.
BONES_ALWAYS, BONES_PER_DEGREE, BONES_UNIT = 0.012, 0.001, 0.02  # canonical units
PATTERN_UNIT, PATTERN_PER_DEGREE = 0.35, 0.008  # of 1 − correlation
SKIN_UNIT, HAIR_UNIT = 10.0, 15.0  # CIELAB
VARIETY_UNIT, EDGES_UNIT, FLAT_UNIT = 1.0, 1.0, 0.15
# The largest value of each that is counted, so that no single one refuses a picture.
MAX_PATTERN, MAX_SKIN, MAX_HAIR, MAX_VARIETY, MAX_EDGES, MAX_FLAT = 1.2, 25.0, 35.0, 2.0, 2.0, 0.4
WEIGHTS = {"bones": 0.5, "pattern": 3.0, "skin": 1.0, "hair": 1.2, "variety": 0.9, "edges": 0.6, "flat": 0.5}
STYLE = ("variety", "edges", "flat")


@dataclass(frozen=True)
class Appearance:
    """What tells the character and the style of a picture.

    name: of the picture. forward: (3,) where the face looks, camera axes. bones: (R, 2) the landmarks `RIGID`,
    canonical units. colours: of the face. hair: (3,) linear RGB, None where the picture shows none. face: (C, C, 3) RGB
    0..1, the face on a square of C = `STYLE_SIDE` pixels; inside: (C, C) 0..1, which of it is the face. extent: of the
    face in the picture, pixels.
    """

    name: str
    forward: Array
    bones: Array
    colours: FaceColours
    hair: Array | None
    face: Array
    inside: Array
    extent: float

    @staticmethod
    def of(character: Character) -> Appearance:
        """Measure a picture."""
        head = head_pose(character.face)
        bones = head.inverse(character.face)[list(RIGID), :2]
        hair = _hair_colour(character)
        name, colours = character.picture.name, FaceColours.of(character)
        return Appearance(name, -head.rotation[:, 2], bones, colours, hair, *_face_crop(character))

    @property
    def yaw(self) -> float:
        """Degrees by which the head is turned from the camera, positive towards the right edge of the picture."""
        return float(np.degrees(np.arctan2(self.forward[0], -self.forward[2])))

    @property
    def pitch(self) -> float:
        """Degrees by which the head is bowed, negative where it looks up."""
        return float(np.degrees(np.arcsin(np.clip(self.forward[1], -1, 1))))

    def angle_to(self, other: Appearance) -> float:
        """Degrees between where the two faces look."""
        return float(np.degrees(np.arccos(np.clip(self.forward @ other.forward, -1, 1))))


def differences(first: Appearance, other: Appearance) -> dict[str, float]:
    """The weighted differences of two pictures by the names of `WEIGHTS`; their sum is about 2 for one character."""
    angle = first.angle_to(other)
    weight = first.colours.shared(other.colours)
    gain = skin_gain(first.colours, other.colours)
    own, others = _lab(first.colours.linear), _lab(other.colours.linear)
    bones = np.sqrt(np.square(first.bones - other.bones).sum(1).mean())
    side = round(min(first.extent, other.extent, STYLE_SIDE))  # a small face has no fine edges, whatever its style
    (variety, edges, flat), (other_variety, other_edges, other_flat) = style(first, side), style(other, side)
    units = {
        "bones": max(0.0, bones - BONES_ALWAYS - BONES_PER_DEGREE * angle) / BONES_UNIT,
        "pattern": 1.0,
        "skin": 0.0,
        "hair": 0.0,
        "variety": min(abs(variety - other_variety), MAX_VARIETY) / VARIETY_UNIT,
        "edges": min(abs(edges - other_edges), MAX_EDGES) / EDGES_UNIT,
        "flat": min(abs(flat - other_flat), MAX_FLAT) / FLAT_UNIT,
    }
    if weight.any():
        pattern = 1 - correlation(own[:, 0], _lab(other.colours.linear * gain)[:, 0], weight)
        units["pattern"] = min(pattern, MAX_PATTERN) / (PATTERN_UNIT + PATTERN_PER_DEGREE * angle)
        tints = [[weighted_median(lab[:, channel], weight) for channel in (1, 2)] for lab in (own, others)]
        units["skin"] = min(float(np.linalg.norm(np.subtract(tints[0], tints[1]))), MAX_SKIN) / SKIN_UNIT
    if first.hair is not None and other.hair is not None:
        hair = np.linalg.norm(_lab(first.hair[None]) - _lab((other.hair * gain)[None]))
        units["hair"] = min(float(hair), MAX_HAIR) / HAIR_UNIT
    return {name: WEIGHTS[name] * float(value) for name, value in units.items()}


def correlation(x: Array, y: Array, weight: Array) -> float:
    """Pearson's correlation of x and y (N,) under weights (N,); towards 0 where both hardly vary."""
    share = weight / weight.sum()
    x, y = x - share @ x, y - share @ y
    return float(share @ (x * y) / np.sqrt((share @ (x * x)) * (share @ (y * y)) + 1))


def _hair_colour(character: Character) -> Array | None:
    """(3,) linear RGB of the hair over the forehead, the median over points that the matte covers; None without."""
    across = np.linspace(-HAIR_HALF_WIDTH, HAIR_HALF_WIDTH, HAIR_POINTS)
    arc = CANONICAL[FOREHEAD, 1] * np.sqrt(1 - np.square(HAIR_HALF_WIDTH * across))
    depth = np.full_like(across, HAIR_DEPTH)
    rings = np.concatenate([np.stack([across * ring, arc * ring, depth], 1) for ring in HAIR_RINGS])
    size = character.rgb.shape[0]
    places = head_pose(character.face).apply(rings.astype(np.float32))[:, :2]
    pixels = np.round((places + 1) * size / 2 - 0.5).astype(int)
    pixels = pixels[((pixels >= 0) & (pixels < size)).all(1)]
    x, y = pixels.T
    covered = character.alpha[y, x] > OPAQUE
    if covered.sum() < MIN_HAIR_POINTS:
        return None
    return to_linear(np.median(character.rgb[y, x][covered], 0))


def _face_crop(character: Character) -> tuple[Array, Array, float]:
    """`Appearance.face`, `inside` and `extent`."""
    size = character.rgb.shape[0]
    mesh = (character.face[:MESH, :2] + 1) * size / 2
    extent = face_extent(character.face) * size / 2
    corner, zoom = mesh.min(0), STYLE_SIDE / extent
    matrix = np.array([[zoom, 0, -corner[0] * zoom], [0, zoom, -corner[1] * zoom]], np.float32)
    soft = cv2.GaussianBlur(character.rgb, (0, 0), 0.5 / zoom) if zoom < 1 else character.rgb
    crop = cv2.warpAffine(soft, matrix, (STYLE_SIDE, STYLE_SIDE), borderMode=cv2.BORDER_REPLICATE)
    inside = np.zeros((STYLE_SIDE, STYLE_SIDE), np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(((mesh - corner) * zoom).astype(np.int32)), 1)
    return crop, inside.astype(np.float32), extent


def style(look: Appearance, side: int) -> tuple[float, float, float]:
    """How a face is drawn, at a resolution of `side` pixels: bits of the distribution of its colours, mean gradient of
    its lightness (CIELAB over 1 / `STYLE_SIDE` of the face), and the share of it that has none.
    """
    lab = cv2.cvtColor(cv2.resize(look.face, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2Lab)
    inside = cv2.resize(look.inside, (side, side), interpolation=cv2.INTER_AREA) > HALF
    _, counts = np.unique(np.round(lab[inside] / COLOUR_STEP).astype(int), axis=0, return_counts=True)
    share = counts / counts.sum()
    across, down = (cv2.Sobel(lab[..., 0], cv2.CV_32F, *axis) / 8 for axis in ((1, 0), (0, 1)))
    gradient = np.hypot(across, down)[inside] * side / STYLE_SIDE
    return float(-(share * np.log2(share)).sum()), float(gradient.mean()), float((gradient < FLAT).mean())


def _lab(linear: Array) -> Array:
    """CIELAB of linear RGB (N, 3)."""
    return np.asarray(cv2.cvtColor(to_srgb(linear)[None], cv2.COLOR_RGB2Lab)[0])
