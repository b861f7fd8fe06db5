"""`fill_from_row` in torch: the specification, and the backend for training and for a GPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def fill_from_row(colours: Tensor, vacated: Tensor, reach: int, step: int) -> Tensor:
    """See `kernels.row_fill.fill_from_row`."""
    windows = F.pad(colours, (reach, reach, 0, 0), "replicate").unfold(3, 2 * reach + 1, 1)
    return torch.lerp(colours, windows[..., ::step].median(-1).values, vacated)
