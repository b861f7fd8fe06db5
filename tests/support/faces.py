"""A rig of a drawn face, which needs no face detection."""

import torch

from models.geometry.rig import Rig
from models.geometry.topology import topology


def drawn_face(size: int = 256, scale: float = 0.28) -> Rig:
    """A rig of an oval head with stripes in front of a gradient, with the canonical face in the middle of the canvas.

    size: side of the picture, pixels. scale: canvas units between the outer corners of the eyes.
    """
    line = (torch.arange(size) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    head = (x / (1.1 * scale)).square() + (y / (1.6 * scale)).square() < 1
    body = y > 1.5 * scale
    matte = (head | body & (x.abs() < 2.4 * scale)).float()
    stripes = torch.stack([0.5 + 0.4 * (9 * x).sin(), 0.5 + 0.4 * (7 * y).cos(), 0.5 + 0.3 * (5 * (x + y)).sin()])
    behind = torch.stack([0.3 + 0.2 * x, 0.4 + 0.2 * y, 0.5 + 0 * x])
    image = matte * stripes + (1 - matte) * behind
    return Rig.build(image[None], matte[None, None], topology().canonical[None] * scale)
