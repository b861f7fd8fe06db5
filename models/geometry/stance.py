"""Drivers whose neutral shows them from the side, as in a film that begins so: motion since such a neutral would turn a
character that faces the camera away from it as soon as the driver turns to it. Where the picture shows a character less
from the side, heads and torsos are therefore turned as the driver's own are, and not as far as these have turned.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.geometry.drive_limbs import log_ratio, wrapped
from models.geometry.grid import smoothstep
from models.geometry.offsets import about_neck
from models.geometry.proportions import Trunk
from models.geometry.topology import HeadTransform
from models.geometry.turn_limit import about_axis, yaw_of

HEAD_FROM_SIDE = (math.radians(45), math.radians(65))  # yaw of a neutral, and difference to that of the picture
TORSO_FROM_SIDE = (0.3, 0.6)  # log of how much wider the line of shoulders looks in the picture than in the neutral


def reference_head(rest: HeadTransform, neutral: HeadTransform) -> HeadTransform:
    """The heads since which the drivers' have moved: the neutrals', turned as in the pictures if seen from the side."""
    yaw = yaw_of(neutral)
    apart = wrapped(yaw - yaw_of(rest))
    back = apart * smoothstep(*HEAD_FROM_SIDE, torch.minimum(yaw.abs(), apart.abs()))
    return about_neck(neutral, neutral.rotation @ about_axis(back, 1))


def from_side(rest: Trunk, neutral: Trunk) -> tuple[Tensor, Tensor]:
    """How far neutrals show torsos from the side that the pictures do not, (B, 1) 0..1, and the log of how much
    narrower the lines of shoulders and hips look there, (B, 2), in sizes of the body. Without hips, nothing tells it.
    """
    both = torch.minimum(rest.visibility, neutral.visibility)[:, 1:]
    facing, facing_before = (log_ratio(trunk.length[:, :2], trunk.size) for trunk in (neutral, rest))
    narrower = (facing - facing_before).clamp_max(0)
    return both * smoothstep(*TORSO_FROM_SIDE, -narrower[:, :1]), narrower


def body_aside(necks: tuple[Tensor, Tensor], trunks: tuple[Trunk, Trunk]) -> Tensor:
    """(B, 1) by how far along x, canvas units, bodies are moved below their heads to stand as the drivers' do in
    neutrals that show these from the side. necks (B, 2), trunks: of the pictures and of the neutrals.
    """
    aside, aside_now = (
        (neck - trunk.middles[:, 0, :2])[:, :1] / trunk.size for neck, trunk in zip(necks, trunks, strict=True)
    )
    return from_side(*trunks)[0] * (aside - aside_now) * trunks[0].size
