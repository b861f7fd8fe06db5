"""A drawn figure with arms and legs of known colours and widths, as a rig."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from models.geometry.body import (
    JOINTS,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HIP,
    LEFT_INDEX,
    LEFT_KNEE,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_THUMB,
    LEFT_WRIST,
)
from models.geometry.grid import unit_grid
from models.geometry.limb_curve import LIMB_SAMPLES, LIMBS, PIECES
from models.geometry.limbs import Outlines
from models.geometry.rig import Rig
from models.geometry.topology import topology

RADIUS = 0.05  # canvas units: half the width of every limb
ARM, LEG, TORSO, SKIN, WALL = (0.1, 0.7, 0.2), (0.1, 0.2, 0.8), (0.8, 0.1, 0.1), (0.9, 0.7, 0.6), (0.4, 0.4, 0.4)
PLACES = {
    LEFT_SHOULDER: (0.2, -0.4),
    LEFT_ELBOW: (0.3, -0.15),
    LEFT_WRIST: (0.35, 0.1),
    LEFT_PINKY: (0.36, 0.15),
    LEFT_INDEX: (0.36, 0.15),
    LEFT_THUMB: (0.34, 0.14),
    LEFT_HIP: (0.12, 0.1),
    LEFT_KNEE: (0.13, 0.45),
    LEFT_ANKLE: (0.14, 0.8),
    LEFT_FOOT - 2: (0.14, 0.83),  # the heel
    LEFT_FOOT: (0.15, 0.86),
}


def figure_joints() -> Tensor:
    """(1, 33, 4) joints of the figure, all visible, at depth 0; the right side mirrors the left."""
    body = torch.zeros(1, JOINTS, 4)
    body[..., 3] = 1
    for joint, (x, y) in PLACES.items():
        body[0, joint, :2] = torch.tensor([x, y])
        body[0, joint + 1, :2] = torch.tensor([-x, y])
    return body


def drawn_figure(size: int = 256) -> Rig:
    """The figure before a grey wall: red torso, green arms, blue legs, a head."""
    body, grid = figure_joints(), unit_grid(size, torch.device("cpu"))[0]
    face = topology(torch.device("cpu")).canonical[None] * 0.08 + torch.tensor([0.0, -0.68, 0.0])
    picture, alpha = torch.tensor(WALL).expand(size, size, 3).clone(), torch.zeros(size, size)

    def paint(mask: Tensor, colour: tuple[float, float, float]) -> None:
        picture[mask] = torch.tensor(colour)
        alpha[mask] = 1

    x, y = grid.unbind(-1)
    paint((x.abs() < 0.2) & (y > -0.42) & (y < 0.16), TORSO)
    paint((x.abs() < 0.05) & (y > -0.6) & (y < -0.4), SKIN)
    paint((x / 0.13).square() + ((y + 0.68) / 0.18).square() < 1, SKIN)
    chains = (
        ((LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, LEFT_FOOT), LEG),
        ((LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_PINKY), ARM),
    )
    for joints, colour in chains:
        for side in (0, 1):
            for start, end in pairwise(joints):
                paint(near_bone(grid, body[0, start + side, :2], body[0, end + side, :2]), colour)
    whole = torch.tensor([[-1.0, -1.0, 1.0, 1.0]])
    outlines = Outlines(torch.full((1, LIMBS, LIMB_SAMPLES, 2), RADIUS), torch.ones(1, PIECES), whole)
    image = picture.permute(2, 0, 1)[None]
    plate = torch.tensor(WALL)[None, :, None, None].expand_as(image)
    return Rig.build(image, alpha[None, None], face, body, plate, image, outlines=outlines)


def near_bone(grid: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """(S, S) bool, which points of a grid (S, S, 2) lie within `RADIUS` of the bone from start to end (2,)."""
    along = ((grid - start) @ (end - start) / (end - start).square().sum()).clamp(0, 1)
    return (grid - start - along[..., None] * (end - start)).norm(dim=-1) < RADIUS
