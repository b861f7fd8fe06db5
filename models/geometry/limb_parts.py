"""What of a picture beside the outline of a forearm or a hand is still theirs.

An outline has one half width on each side of the bones, which does not fit spread fingers, cuffs or folds. So the
colours on a forearm and those around it are told apart as hair and skin are (`models/geometry/head_parts.py`): each
kind has several, found by turns with what each pixel is, while its place beside the outline and its neighbours count.
Where both have the same colours, the outline decides.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import gather_rows
from models.geometry.grid import box_grid, from_box, smoothstep
from models.geometry.head_palette import main_colours
from models.geometry.head_parts import mixture_density
from models.geometry.inpaint import blur
from models.geometry.limb_curve import FOREARM_PIECES
from models.geometry.ribbons import LOOSE

SIDE = 128  # cells along a side of the box around a forearm
COLOURS, ROUNDS = 5, 5  # of each kind; of expectation maximisation
OUTLIER_DENSITY = 0.01  # density of what is neither
FROM = (1.05, 1.2)  # s of an arm over which it begins
HAND = (1.9, 2.1)  # s over which a forearm goes over into a hand
SPREAD, HAND_SPREAD = 0.3, 0.5  # half widths over which the outline is uncertain, of a forearm, and of a hand
MIN_PRIOR = 0.005  # of the likelihood by the place, also far from the outline
AROUND = 1  # cells over which neighbours count
MIN_SHARE = 0.5  # share from which a pixel beside the outline is the forearm's
ON_PERSON = 0.5  # alpha from which a pixel is the person's


def pixels_of_forearms(person: Tensor, drawn: Tensor, boxes: Tensor) -> Tensor:
    """(B, 2, S, S) bool, which pixels beside the outlines of the left and of the right forearm are theirs.

    person (B, 4, S, S): premultiplied colours and alpha. drawn (B, K, 4, S, S): from `draw_ribbons`. boxes (B, K, 3):
    around the pieces.
    """
    box = gather_rows(boxes, FOREARM_PIECES).flatten(0, 1)
    size, arms = person.shape[-1], len(FOREARM_PIECES)
    grid = box_grid(box, SIDE)
    sampled = F.grid_sample(person.repeat_interleave(arms, 0), grid, "bilinear", "zeros", False)
    s, fraction, _, inside = (
        F.grid_sample(gather_rows(drawn, FOREARM_PIECES).flatten(0, 1), grid, "nearest", "zeros", False)
        .unsqueeze(2).unbind(1)
    )  # fmt: skip
    colour, alpha = sampled.split([3, 1], 1)
    alpha = (alpha > ON_PERSON).to(alpha.dtype)
    colour = (colour / sampled[:, 3:].clamp_min(1e-3)).clamp(0, 1)
    spread = torch.lerp(torch.full_like(s, SPREAD), torch.full_like(s, HAND_SPREAD), smoothstep(*HAND, s))
    limb = torch.sigmoid((1 - fraction.abs()) / spread * 2) * smoothstep(*FROM, s) * (inside > 0.5)
    limb = limb.clamp(MIN_PRIOR, 1 - MIN_PRIOR)
    likely = torch.cat([limb, 1 - limb], 1)
    share = tell_apart(colour, alpha, likely)
    found = from_box(share[:, :1], box, size)[:, 0] > MIN_SHARE
    of_arms = found.unflatten(0, (len(person), arms))
    s, fraction, _, inside = gather_rows(drawn, FOREARM_PIECES).unbind(2)
    return of_arms & (inside > 0.5) & (fraction.abs() < LOOSE) & (person[:, None, 3] > ON_PERSON)


def tell_apart(colour: Tensor, alpha: Tensor, likely: Tensor) -> Tensor:
    """Shares (B, 2, H, W) of two kinds of pixels with colours (B, 3, H, W), from those that are likely at their places
    (B, 2, H, W), 0..1. alpha (B, 1, H, W): how much each pixel counts; 0 where it is neither.
    """
    pixels, share = colour.flatten(2).mT, likely
    for _ in range(ROUNDS):
        certain = ((2 * share - 1).clamp_min(0) * alpha).flatten(2)[..., None]
        density = [mixture_density(pixels, *main_colours(pixels, certain[:, kind], COLOURS)) for kind in (0, 1)]
        share = (torch.stack(density, 1).view_as(likely) + OUTLIER_DENSITY) * likely
        share = share * blur(share / share.sum(1, keepdim=True) * alpha, AROUND).clamp_min(1e-3)
        share = share / share.sum(1, keepdim=True)
    return share
