"""Depth and motion of what surrounds the face: hair, ears and neck lie on a skull and follow the face's border."""

from __future__ import annotations

import torch
from torch import Tensor

from models.geometry.grid import smoothstep
from models.geometry.topology import HeadTransform, topology

# An ellipsoid in canonical units, measured on the mean head of ICT-FaceKit.
SKULL_CENTRE, SKULL_RADII = (0.0, 0.0, 0.75), (0.98, 1.35, 1.05)
# Canonical units over which what surrounds the face follows its border less and less.
BORDER_SOFTENING = 1e-4  # of the weights of landmarks on the border
DEPTH_FADE = 0.8  # the border's depth in front of the skull
MOTION_FADE = (2.5, 0.5)  # the border's motion: beside the face, and below it at the neck


def skull_depth(head: HeadTransform, points: Tensor) -> Tensor:
    """Canvas z (B, N) of the front of the skull at canvas points (B, N, 2); beyond its outline, z of the outline."""
    radii = points.new_tensor(SKULL_RADII)
    centre = points.new_tensor(SKULL_CENTRE)
    ray = head.rotation[:, 2, :] / head.scale[:, None] / radii  # canonical step of one canvas unit of z
    lifted = torch.cat([points, torch.zeros_like(points[..., :1])], -1)
    start = (head.inverse(lifted) - centre) / radii
    a = ray.square().sum(-1, keepdim=True)
    b = (start * ray[:, None]).sum(-1)
    c = start.square().sum(-1) - 1
    inside = (b.square() - a * c).clamp_min(0) / a
    return (-b - (inside * a).sqrt()) / a


def inverse_distance_shares(distance: Tensor, softening: float) -> Tensor:
    """Weights (..., N), summing to 1, of N points at these distances: their inverse cubes. softening: added to the
    squares, so that a point at distance 0 has a finite one.
    """
    share = 1 / (distance.square() + softening) ** 1.5
    return share / share.sum(-1, keepdim=True)


def border_weights(
    head: HeadTransform, face: Tensor, points: Tensor, has_skull: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """How much canvas points (B, N, 2) follow the landmarks on the face's border, and their canvas z.

    has_skull (B,): 1 for a head, 0 for what has a face and is no head, whose surface goes on as deep as the face's
    border; None: all are heads.

    Returns weights (B, N, 36) of the landmarks in `Topology.oval`, and z (B, N). At a landmark its own weight is 1;
    with distance the weights fade, so that hair and neck follow the jaw a little.
    """
    oval = topology(face.device).oval
    border = face[:, oval]
    unit = head.scale[:, None, None]
    distance = torch.cdist(points, border[..., :2].contiguous()) / unit  # (B, N, 36)
    share = inverse_distance_shares(distance, BORDER_SOFTENING)
    nearest = distance.amin(-1, keepdim=True)
    skull = skull_depth(head, points)
    border_skull = skull_depth(head, border[..., :2])
    bump = (share * (border[..., 2] - border_skull)[:, None]).sum(-1)
    depth = skull + bump * torch.exp(-(nearest[..., 0] / DEPTH_FADE).square())
    if has_skull is not None:
        depth = torch.lerp((share * border[..., 2][:, None]).sum(-1), depth, has_skull[:, None])
    down = head.inverse(torch.cat([points, depth.unsqueeze(-1)], -1))[..., 1:2]
    beside, below = (nearest.new_tensor(fade) for fade in MOTION_FADE)
    fade = torch.lerp(beside, below, smoothstep(0.2, 1.0, down))
    return share * torch.exp(-(nearest / fade).square()), depth
