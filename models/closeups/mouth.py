"""The inside of a mouth as the driver shows it, drawn in the picture's own colours.

Whether an open mouth shows teeth, tongue or the dark is in the driver's pixels and in no landmark. They are measured in
cells from corner to corner and from lip to lip (`streamer/tracking/mouth_tracker.py`), as shares of the white point of
the driver's light, and drawn into the picture's opening as shares of the picture's white point. The rough
shape of the driver's rows of teeth is transferred, that of the face is not; the tracker has limited colours and detail.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from kernels.masked_samples import sample_where
from models.closeups.teeth import clamp_chroma, weighted_mean
from models.geometry.constants import gather_rows
from models.geometry.grid import unit_grid
from models.geometry.openings import ring_edges
from models.geometry.topology import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_IRIS,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_IRIS,
)

CHEEK_LANDMARKS = (50, 280, 205, 425, 187, 411, 101, 330, 36, 266)  # skin that most light falls on
SCLERA_LANDMARKS = (  # halfway between these two the eye is white: the iris's rim and the eye's corner
    (RIGHT_IRIS + 3, RIGHT_EYE_OUTER),
    (RIGHT_IRIS + 1, RIGHT_EYE_INNER),
    (LEFT_IRIS + 3, LEFT_EYE_INNER),
    (LEFT_IRIS + 1, LEFT_EYE_OUTER),
)
DRAWN_TONE_SHARE = 0.7  # share of the mean colour of the mouth that is drawn by rule, in the picture's own light


def white_point(picture: Tensor, face: Tensor) -> Tensor:
    """(B, 3) 0..1 the colour of white in the light of pictures (B, 3, S, S) 0..1: the lighter of cheeks and sclera.

    face: (B, 478, 3) landmarks in units of the map. The numpy twin for one camera frame is
    `streamer.tracking.mouth_tracker.white_point`; of an even number of cheeks it takes the mean of the middle two,
    torch the lower one.
    """
    start, end = (gather_rows(face, marks) for marks in zip(*SCLERA_LANDMARKS, strict=True))
    points = torch.cat([gather_rows(face, CHEEK_LANDMARKS), (start + end) / 2], 1)[:, None, :, :2]
    colours = F.grid_sample(picture, points, "bilinear", "border", False)[:, :, 0]  # (B, 3, N)
    cheeks, eyes = colours[..., : len(CHEEK_LANDMARKS)], colours[..., len(CHEEK_LANDMARKS) :]
    cheek = cheeks.median(-1).values
    lightest = eyes.mean(1, keepdim=True).argmax(-1, keepdim=True)
    eye = eyes.gather(-1, lightest.expand(-1, 3, -1))[..., 0]
    return torch.where(cheek.mean(1, keepdim=True) > eye.mean(1, keepdim=True), cheek, eye)


def mouth_grid(ring: Tensor, side: int) -> Tensor:
    """(B, side, side, 2) where each pixel of a window lies in the opening: −1..1 from corner to corner, and from the
    upper to the lower lip.

    ring: (B, N, 2) the opening in window units, from one corner over the top. This is the inverse of the numpy twin
    `streamer.tracking.mouth_tracker.mouth_grid`, which places the cells in a camera frame.
    """
    line, half = unit_grid(side, ring.device)[0, 0, :, 0], ring.shape[1] // 2
    upper, lower = ring_edges(ring, line)
    left, right = ring[:, :1, :1], ring[:, half : half + 1, :1]
    x = (line - left) / (right - left).clamp_min(1e-3)
    y = (line[:, None] - upper) / (lower - upper).clamp_min(1e-3)
    return torch.stack([x.expand_as(y), y], -1) * 2 - 1


def stretch_driver_mouth(mouth_cells: Tensor, ring: Tensor, inside: Tensor) -> Tensor:
    """(B, 4, n, n) a driver's mouth stretched over the opening of another face, 0 beyond it.

    mouth_cells: (B, 4, `MOUTH_ROWS`, `MOUTH_COLUMNS`), see `Driver.mouth`. ring: see `mouth_grid`. inside: (B, 1, n, n)
    0..1, coverage by the opening.
    """
    return sample_where(mouth_cells, mouth_grid(ring, inside.shape[-1]), inside)


def tint_driver_mouth(driver_mouth: Tensor, paint: Tensor, allowed_chroma: Tensor) -> Tensor:
    """(B, 3, n, n) 0..1 a driver's mouth in the colours of a picture: its mean colour is mostly the drawn mouth's, and
    no colour leaves the range of the picture.

    driver_mouth: (B, 4, n, n) colours and weight. paint: (B, 3, n, n) of the drawn mouth. allowed_chroma: of the
    picture, from `models.closeups.teeth.chroma_range`.
    """
    colour, weight = driver_mouth.split([3, 1], 1)
    colour = clamp_chroma(colour, allowed_chroma)
    driver_mean, drawn_mean = (weighted_mean(each, weight) for each in (colour, paint))
    return (colour + DRAWN_TONE_SHARE * (drawn_mean - driver_mean)).clamp(0, 1)
