"""Which landmarks belong to eyes, brows and mouth: the regions of a face whose motion has a strength of its own.

Shares are exactly 1 on the landmarks of a region's feature and exactly 0 on those of the other two, so that a region at
rest is at rest and the others are not touched. What belongs to no region, such as the nose, follows the face.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from models.geometry.grid import smoothstep
from models.geometry.topology import LEFT_BROW, LEFT_LID, MESH, RIGHT_BROW, RIGHT_LID, topology

# Canonical units; y is 0 at the corners of the eyes and grows downwards.
MOUTH_BAND = (0.25, 0.62)  # y over which cheeks begin to belong to the mouth; lips, jaw and chin are below
FOREHEAD_BAND = (-0.22, -0.32)  # y over which all skin begins to belong to the brows
BESIDE_BAND = (0.0, -0.1)  # y over which skin beside and between the eyes begins to belong to the brows
EYE_BAND = (0.03, 0.22)  # distance from the lids over which skin ceases to belong to the eyes


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def region_shares(device: torch.device) -> Tensor:
    """(3, 478) how much each landmark belongs to the eyes, to the brows and to the mouth, 0..1, at most 1 together."""
    canonical = topology(device).canonical
    y = canonical[:, 1]
    mouth = smoothstep(*MOUTH_BAND, y)
    to_lids, to_brows = (
        torch.cdist(canonical[:, :2], canonical[list(ring), :2]).amin(-1)
        for ring in (RIGHT_LID + LEFT_LID, RIGHT_BROW + LEFT_BROW)
    )
    between = smoothstep(0.0, 1.0, to_lids / (to_lids + to_brows)) * smoothstep(*BESIDE_BAND, y)
    brows = torch.maximum(between, smoothstep(*FOREHEAD_BAND, y))
    brows[list(RIGHT_BROW + LEFT_BROW)] = 1
    brows[list(RIGHT_LID + LEFT_LID)] = 0
    eyes = (1 - smoothstep(*EYE_BAND, to_lids)) * (1 - brows) * (1 - mouth)
    shares = torch.stack([eyes, brows, mouth])
    shares[:, MESH:] = shares.new_tensor([[1.0], [0.0], [0.0]])  # the irises
    return shares


def landmark_strength(face: Tensor, eyes: Tensor, brows: Tensor, mouth: Tensor) -> Tensor:
    """(B, 478) strengths of the landmarks' motion: that of the face (B,), times those of their regions (B,).

    Where the regions' strengths are 1 it is that of the face, to the last bit.
    """
    regions = torch.stack([eyes, brows, mouth], -1) - 1  # (B, 3)
    return face[:, None] * (1 + (regions[..., None] * region_shares(face.device)).sum(1))
