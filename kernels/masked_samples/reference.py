"""`sample_where` in torch: the specification, and the backend for training and for a GPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sample_where(maps: Tensor, place: Tensor, wanted: Tensor) -> Tensor:
    """See `kernels.masked_samples.sample_where`."""
    batch, rows = len(maps), place.shape[1]
    side_by_side = place.unflatten(0, (-1, batch)).transpose(0, 1).flatten(1, 2)  # (B, k·n, m, 2)
    sampled = F.grid_sample(maps, side_by_side, "bilinear", "border", False)
    return torch.where(wanted > 0, sampled.unflatten(2, (-1, rows)).permute(2, 0, 1, 3, 4).flatten(0, 1), 0)
