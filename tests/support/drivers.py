"""Drivers with the canonical face, whose pose and lids a test sets."""

from dataclasses import fields

import torch
from torch import Tensor

from models.geometry.openings import EYES, lid_pairs
from models.geometry.retarget import Strength
from models.geometry.topology import HeadTransform, topology
from models.motion import Driver


def rotation_of(yaw: float = 0.0, roll: float = 0.0) -> Tensor:
    """(1, 3, 3) a rotation about the camera's axes, radians: first by yaw, then by roll."""
    y, r = torch.tensor(yaw), torch.tensor(roll)
    about_y = torch.tensor([[y.cos(), 0, y.sin()], [0, 1, 0], [-y.sin(), 0, y.cos()]])
    about_z = torch.tensor([[r.cos(), -r.sin(), 0], [r.sin(), r.cos(), 0], [0, 0, 1]])
    return (about_z @ about_y)[None]


def driver(
    scale: float = 0.3,
    rotation: Tensor | None = None,
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
    local: Tensor | None = None,
) -> Driver:
    """A driver with the canonical face, or the shape local (1, 478, 3), whose head has this pose."""
    rotation = rotation_of() if rotation is None else rotation
    head = HeadTransform(torch.tensor([scale]), rotation, torch.tensor([shift]))
    return Driver.of_face(head.apply(topology().canonical[None] if local is None else local))


def all_strengths(batch: int, device: torch.device | str = "cpu") -> Strength:
    """Strengths of 1 as tensors on the device, as a live batch has them."""
    shapes = {field.name: (batch, 4) if field.name == "bones" else (batch,) for field in fields(Strength)}
    return Strength(**{name: torch.ones(shape, device=device) for name, shape in shapes.items()})


def lids_at(share: float) -> Tensor:
    """(1, 478, 3) the canonical face with its lids at a share of their opening, about the middle between them."""
    local = topology().canonical[None].clone()
    for ring, _ in EYES:
        for upper, lower in zip(*lid_pairs(ring), strict=True):
            middle = (local[:, upper] + local[:, lower]) / 2
            local[:, upper] = middle + share * (local[:, upper] - middle)
            local[:, lower] = middle + share * (local[:, lower] - middle)
    return local
