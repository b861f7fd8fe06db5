"""The inside of a mouth as the driver shows it, drawn in the picture's own colours.

Whether teeth, tongue or the dark is to be seen stands in none of the driver's landmarks, but in his pixels. They are
told in cells from corner to corner and from lip to lip, as shares of what is white in his light, and laid into the
picture's opening as shares of what is white there. The shape of teeth goes along, that of a face does not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.closeups.teeth import tempered, weighted
from models.geometry.constants import gather_rows
from models.geometry.grid import unit_grid
from models.geometry.openings import edges

CHEEKS = (50, 280, 205, 425, 187, 411, 101, 330, 36, 266)  # skin that most light falls on
WHITES = ((471, 33), (469, 133), (476, 362), (474, 263))  # halfway between these an eye is white
TONE = 0.7  # the network's share in the mean colour: it knows what mouths are like in pictures like this


def white(picture: Tensor, face: Tensor) -> Tensor:
    """(B, 3) what is white in pictures (B, 3, S, S) 0..1 with landmarks (B, 478, 3), units of the map: the lighter of
    cheeks and eyes.
    """
    start, end = (gather_rows(face, marks) for marks in zip(*WHITES, strict=True))
    spots = torch.cat([gather_rows(face, CHEEKS), (start + end) / 2], 1)[:, None, :, :2]
    found = F.grid_sample(picture, spots, "bilinear", "border", False)[:, :, 0]  # (B, 3, N)
    cheek, eyes = found[..., : len(CHEEKS)].median(-1).values, found[..., len(CHEEKS) :]
    eye = eyes.gather(-1, eyes.mean(1, keepdim=True).argmax(-1, keepdim=True).expand(-1, 3, -1))[..., 0]
    return torch.where(cheek.mean(1, keepdim=True) > eye.mean(1, keepdim=True), cheek, eye)


def laid(mouth: Tensor, ring: Tensor, side: int) -> Tensor:
    """A driver's mouth (B, 4, `MOUTH_ROWS`, `MOUTH_COLUMNS`), see `Driver.mouth`, stretched over the opening of
    another, a ring (B, N, 2) in window units, from one corner over the top: (B, 4, side, side), its border beyond.
    """
    line, half = unit_grid(side, ring.device)[0, 0, :, 0], ring.shape[1] // 2
    top, low = edges(ring, line)
    left, right = ring[:, :1, :1], ring[:, half : half + 1, :1]
    across = (line - left) / (right - left).clamp_min(1e-3)
    down = (line[:, None] - top) / (low - top).clamp_min(1e-3)
    at = torch.stack([across.expand_as(down), down], -1) * 2 - 1
    return F.grid_sample(mouth, at, "bilinear", "border", False)


def settled(told: Tensor, paint: Tensor, allowed: Tensor) -> Tensor:
    """(B, 3, n, n) 0..1 how it is drawn that is told (B, 4, n, n), colours and weights: about a tone that is mostly the
    network's, of its paint (B, 3, n, n), and in no colour that is strange to the picture: beyond the `tones` allowed.
    """
    colour, weight = told.split([3, 1], 1)
    colour = tempered(colour, allowed)
    his, mine = (weighted(each, weight) for each in (colour, paint))
    return (colour + TONE * (mine - his)).clamp(0, 1)
