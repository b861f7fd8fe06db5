"""`continue_outwards` in torch: the specification, and the backend for training and for a GPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def continue_outwards(maps: Tensor, covered: Tensor, reach: int) -> Tensor:
    """See `kernels.outline.continue_outwards`."""
    total, count = (F.avg_pool2d(part, 2 * reach + 1, 1, reach) for part in (maps * covered, covered))
    return torch.where((covered > 0) | (count == 0), maps, total / count.clamp_min(1e-6))
