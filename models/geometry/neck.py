"""The neck behind a turned head: as wide as in the picture, since it is round, and not as a sheet that turns.

What surrounds a head is a sheet. Turned, it becomes narrower, and with it the neck, which then ends within the jaw and
leaves a gap below the ear. So on the side that comes into view, what is nearer to the middle than the neck's edge stays
where a cylinder's outline does. Beside it the sheet shows the rim of the jaw, which comes to lie at that edge.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep
from models.geometry.shell import hanging_hair
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import CHIN, HeadTransform

BELOW_EARS = (0.4, 0.8)  # y, canonical units, from which on and down it is the neck that stays wide
ROWS = (0.1, 0.2, 0.3, 0.4, 0.5)  # canonical units below the chin where the neck's width is measured, the least counts
REACH, STEPS = 0.8, 27  # canonical units from the middle to either side in which it is
MOST, USUAL = 0.7, 0.52  # canonical units: half the width of necks; where it is wider it is a collar's, or shoulders


def neck_profile(matte: Tensor, face: Tensor, head: HeadTransform, points: Tensor, depth: Tensor) -> Tensor:
    """What canvas points (B, N, 2) at depth (B, N) are to the necks of heads with landmarks (B, 478, 3): (B, N, 2)
    canonical units to the left or right of the middle, at most up to the neck's edge, and whole; both 0 above the
    necks, and where hair hangs beside them. matte: (B, 1, S, S) 0..1.
    """
    y = head.inverse(torch.cat([points, depth[..., None]], -1))[..., 1]
    middle = head.apply(head.scale.new_tensor([[SKULL_CENTRE]]).expand(len(points), -1, -1))[..., :2]
    x = ((points - middle) * lateral(head)[:, None]).sum(-1) / head.scale[:, None]
    left, right = neck_edges(matte, face, head).unbind(-1)
    on_neck = torch.minimum(torch.maximum(x, -left[:, None]), right[:, None])
    share = smoothstep(*BELOW_EARS, y) * (1 - hanging_hair(head, matte))[:, None]
    return share[..., None] * torch.stack([on_neck, x], -1)


def neck_edges(matte: Tensor, face: Tensor, head: HeadTransform) -> Tensor:
    """(B, 2) canonical units from the middle of necks to their left and right edges. Arguments as `neck_profile`."""
    rows = head.inverse(face)[:, CHIN, 1:2] + face.new_tensor(ROWS)
    middle = torch.stack([torch.zeros_like(rows), rows, torch.full_like(rows, SKULL_CENTRE[2])], -1)
    steps = torch.linspace(0, REACH, STEPS, device=matte.device) * head.scale[:, None]
    ways = steps[:, None, :, None] * lateral(head)[:, None, None] * steps.new_tensor([-1.0, 1.0])[:, None, None]
    points = head.apply(middle)[:, :, None, None, :2] + ways[:, None]  # (B, rows, sides, steps, 2)
    inside = F.grid_sample(matte, points.flatten(2, 3), "bilinear", "border", False) > 0.5
    reached = inside.to(matte.dtype).view(points.shape[:-1]).cumprod(-1).sum(-1).amin(1)
    width = (reached - 0.5).clamp_min(0) * (REACH / (STEPS - 1))  # halfway between the last step inside and the next
    return torch.where(width > MOST, USUAL, width)


def neck_spread(profile: Tensor, rest: HeadTransform, head: HeadTransform) -> Tensor:
    """How points with `neck_profile` (B, N, 2) move further than the sheet that turns with `head`: (B, N, 2), canvas
    units. rest: the heads in their pictures.
    """
    turned = head.rotation @ rest.rotation.mT
    axis = F.normalize((turned[:, :2, :2] @ lateral(rest)[..., None])[..., 0], dim=-1)
    sine = (turned[:, :2, 2] * axis).sum(-1, keepdim=True)  # to the side that comes into view
    cosine = (1 - sine.square()).clamp_min(0).sqrt()
    on_neck, whole = (profile * sine.sign()[..., None]).clamp_min(0).unbind(-1)
    further = (on_neck - whole * cosine).clamp_min(0) * head.scale[:, None]
    return further[..., None] * (sine.sign() * axis)[:, None]


def lateral(head: HeadTransform) -> Tensor:
    """(B, 2) unit vectors in the picture's plane, to the right of the head's own vertical."""
    down = F.normalize(head.rotation[:, :2, 1], dim=-1)
    return torch.stack([down[:, 1], -down[:, 0]], -1)
