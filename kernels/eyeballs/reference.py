"""`draw_eyeballs` in torch: the specification, and the backend for training and for a GPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.eyeballs.eyeballs import Eyeballs

SOFT_BORDER_GAIN = 4  # a quarter of coverage by the picture's own opening already counts as shown: its border is soft
MIN_OPENED = 1e-3  # of a cell's coverage, by which is divided


def draw_eyeballs(flow: Tensor, opened: Tensor, taken: Tensor, balls: Eyeballs, box: Tensor) -> Tensor:
    """See `kernels.eyeballs.draw_eyeballs`."""
    cells = flow.shape[-1]
    line = (torch.arange(cells, device=box.device, dtype=box.dtype) * 2 + 1) / cells - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = (box[:, :2, None, None] + box[:, 2:, None, None] * torch.stack([x, y]))[:, None]  # (B, 1, 2, n, n)
    centre, half = balls.focus[:, None, None, None].split([2, 1], -1)
    now, rest = (part[..., None, None] for part in (balls.now, balls.rest))
    ball_flow = torch.einsum("bij,bejhw->beihw", balls.to_rest, grid - now) + rest - grid
    in_focus = ((grid + ball_flow).movedim(2, -1) - centre) / half
    openings = balls.shown.flatten(0, 1).unsqueeze(1)  # each eye is a batch element
    shown = F.grid_sample(openings, in_focus.flatten(0, 1), "bilinear", "zeros", False).view_as(opened)
    shown = shown * balls.share[:, None, None, None]
    # The soft border of the picture's own opening counts as shown: at rest there is nothing else to draw there.
    share = opened * (SOFT_BORDER_GAIN * shown / opened.clamp_min(MIN_OPENED)).clamp(0, 1) * (1 - taken)
    return flow + (share.unsqueeze(2) * (ball_flow - flow[:, None])).sum(1)  # the eyes do not overlap
