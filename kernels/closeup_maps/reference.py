"""`closeup_maps` in torch: the specification, and the backend for training and for a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.closeup_maps.window_maps import WindowMaps


def closeup_maps(box: Tensor, windows: Sequence[WindowMaps], cells: int) -> Tensor:
    """See `kernels.closeup_maps.closeup_maps`."""
    line = (torch.arange(cells, device=box.device, dtype=box.dtype) * 2 + 1) / cells - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    canvas = box[:, None, None, :2] + box[:, None, None, 2:] * torch.stack([x, y], -1)  # (B, n, n, 2)
    mask, shift = box.new_zeros(len(box), 1, cells, cells), box.new_zeros(len(box), 2, cells, cells)
    for window, influence, flow in windows:
        centre, across, down = window.unflatten(1, (3, 2)).unbind(1)
        axes = torch.stack([across, down], -1) / down.square().sum(-1).clamp_min(1e-9)[:, None, None]
        position = (canvas - centre[:, None, None]) @ axes[:, None]  # window units
        mask = torch.maximum(mask, F.grid_sample(influence, position, "bilinear", "zeros", False))
        moved = F.grid_sample(flow, position, "bilinear", "zeros", False)
        shift = shift + moved[:, :1] * across[:, :, None, None] + moved[:, 1:] * down[:, :, None, None]
    return torch.cat([mask, shift], 1)
