"""`overlay` in torch: the specification, and the backend for training and export."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.sampling import canvas_grid


def overlay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor) -> None:
    """See `kernels.overlay.overlay`."""
    centre, across, down = window.unflatten(1, (3, 2)).unbind(1)
    from_centre = canvas_grid(F.pad(centre, (0, 1), value=1.0), picture.shape[-1])  # canvas units
    axes = torch.stack([across, down], -1) / down.square().sum(-1).clamp_min(1e-9)[:, None, None]
    position = from_centre @ axes[:, None]  # (B, S, S, 2) window units
    cover, paint = F.grid_sample(torch.cat([cover, paint], 1), position, "bilinear", "border", False).split([1, 3], 1)
    inside = (position.abs().amax(-1) < 1).to(cover.dtype).unsqueeze(1)
    colour, alpha = picture[:, :3], picture[:, 3:]
    colour += cover * inside * alpha * (paint - colour)
