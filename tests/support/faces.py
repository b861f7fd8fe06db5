"""Drawn people for tests: a rig with a face that no tracker has to find."""

import torch

from models.geometry.rig import Rig
from models.geometry.topology import topology


def drawn_face(size: int = 256, scale: float = 0.28) -> Rig:
    """One rig: an oval head with stripes before a gradient, the canonical face in the middle of its canvas."""
    line = (torch.arange(size) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    head = (x / (1.1 * scale)).square() + (y / (1.6 * scale)).square() < 1
    body = y > 1.5 * scale
    matte = (head | body & (x.abs() < 2.4 * scale)).float()
    stripes = torch.stack([0.5 + 0.4 * (9 * x).sin(), 0.5 + 0.4 * (7 * y).cos(), 0.5 + 0.3 * (5 * (x + y)).sin()])
    behind = torch.stack([0.3 + 0.2 * x, 0.4 + 0.2 * y, 0.5 + 0 * x])
    image = matte * stripes + (1 - matte) * behind
    return Rig.build(image[None], matte[None, None], topology().canonical[None] * scale)
