"""A drawn figure with arms and legs of known colours and widths, as a rig."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from models.geometry.body import (
    HAND_POINTS,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HEEL,
    LEFT_HIP,
    LEFT_INDEX,
    LEFT_KNEE,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_THUMB,
    LEFT_WRIST,
)
from models.geometry.grid import unit_grid
from models.geometry.limb_curve import FINGERS, LIMB_PIECES, LIMB_SAMPLES, LIMBS, PIECES
from models.geometry.limbs import Outlines
from models.geometry.rig import Rig
from models.geometry.topology import topology
from tests.support.joints import mirrored_joints

RADIUS = 0.05  # canvas units: half the width of every limb
FINGER_RADIUS = 0.012  # canvas units
ARM, LEG, TORSO, SKIN, WALL = (0.1, 0.7, 0.2), (0.1, 0.2, 0.8), (0.8, 0.1, 0.1), (0.9, 0.7, 0.6), (0.4, 0.4, 0.4)
FINGER = (0.9, 0.1, 0.9)
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
    LEFT_HEEL: (0.14, 0.83),
    LEFT_FOOT: (0.15, 0.86),
}


def figure_joints() -> Tensor:
    """(1, 33, 4) joints of the figure, all visible, at depth 0; the right side mirrors the left."""
    return mirrored_joints(PLACES)[None]


def wide_arms() -> torch.Tensor:
    """The figure's joints (1, 33, 4) with arms away from the torso."""
    joints = figure_joints()
    for side, sign in ((0, 1), (1, -1)):
        for joint, x in ((LEFT_ELBOW, 0.36), (LEFT_WRIST, 0.44), (LEFT_PINKY, 0.45), (LEFT_INDEX, 0.45)):
            joints[0, joint + side, 0] = sign * x
    return joints


def figure_hands() -> Tensor:
    """(1, 2, 21, 4) points of an open left hand that hangs down, and none of the right one."""
    wrist, hands = torch.tensor(PLACES[LEFT_WRIST]), torch.zeros(1, 2, HAND_POINTS, 4)
    hands[0, 0, :, 3], hands[0, 0, 0, :2] = 1, wrist
    for finger, across in enumerate((-0.055, -0.04, -0.013, 0.013, 0.04)):
        root, way = torch.tensor([across, 0.03 if finger == 0 else 0.09]), torch.tensor([across, 0.1])
        for bone in range(4):
            hands[0, 0, 1 + 4 * finger + bone, :2] = wrist + root + way * 0.3 * bone
    return hands


def drawn_figure(size: int = 256, hands: Tensor | None = None, joints: Tensor | None = None) -> Rig:
    """The figure before a grey wall: red torso, green arms, blue legs, a head. hands (1, 2, 21, 4): points of
    hands, of which the left one has purple fingers. joints (1, 33, 4): those of the figure, if not all are seen.
    """
    body, grid = figure_joints() if joints is None else joints, unit_grid(size, torch.device("cpu"))[0]
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
    for chain, colour in chains:
        for side in (0, 1):
            for start, end in pairwise(chain):
                paint(near_bone(grid, body[0, start + side, :2], body[0, end + side, :2]), colour)
    radii, shown, whole, *_ = outlines()
    if hands is not None:
        for finger in hands[0, 0, 1:, :2].unflatten(0, (FINGERS, 4)):
            for start, end in pairwise(finger):
                paint(near_bone(grid, start, end, FINGER_RADIUS), FINGER)
        fingers = torch.full((1, 2 * FINGERS, LIMB_SAMPLES, 2), 1.4 * FINGER_RADIUS)
        radii, shown = torch.cat([radii, fingers], 1), (torch.arange(PIECES) < PIECES - FINGERS).float()[None]
    every = Outlines(radii, shown, whole)
    image = picture.permute(2, 0, 1)[None]
    plate = torch.tensor(WALL)[None, :, None, None].expand_as(image)
    return Rig.build(image, alpha[None, None], face, body, plate, image, hands=hands, outlines=every)


def outlines() -> Outlines:
    """Those of the figure's limbs."""
    radii, shown = torch.full((1, LIMBS, LIMB_SAMPLES, 2), RADIUS), torch.ones(1, LIMB_PIECES)
    return Outlines(radii, shown, torch.tensor([[-1.0, -1.0, 1.0, 1.0]]))


def near_bone(grid: Tensor, start: Tensor, end: Tensor, radius: float = RADIUS) -> Tensor:
    """(S, S) bool, which points of a grid (S, S, 2) lie within a radius of the bone from start to end (2,)."""
    along = ((grid - start) @ (end - start) / (end - start).square().sum()).clamp(0, 1)
    return (grid - start - along[..., None] * (end - start)).norm(dim=-1) < radius
