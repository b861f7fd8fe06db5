"""The last step at full resolution: move the person, blend what was painted, lay it over the background.

`warp_composite` is the one place to call; `backend` chooses who does it. A Triton twin can join later.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BACKENDS = ("auto", "reference")


def warp_composite(
    layer: Tensor,
    flow: Tensor,
    background: Tensor,
    keep: Tensor | None = None,
    paint: Tensor | None = None,
    logit: Tensor | None = None,
    trim: bool = False,
    backend: str = "auto",
) -> Tensor:
    """Person over background, (B, 4, S, S): RGB and alpha, 0..1.

    layer (B, 4, 2S−1, 2S−1): premultiplied RGB and alpha of the person, with a sample half way between each two pixels
    (`models.rig.between`). flow (B, 2, S, S): backward displacement in canvas units. background (B, 3, S, S).
    keep (B, 1, S, S) 0..1 and paint (B, 3, S, S): the person is keep · moved + (1 − keep) · paint. logit (B, 1, S, S):
    correction of the alpha in logits. Where alpha grows beyond what was moved, the moved colour is completed with the
    background, so that growing alpha alone changes nothing. trim: drop what the layer carries where it is all but
    clear: remains of the picture's own background, which belong before no other. Raises ValueError for an unknown
    backend or sizes that do not fit.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    size = flow.shape[-1]
    if layer.shape[-1] != 2 * size - 1:
        raise ValueError(f"a flow of side {size} wants a layer of side {2 * size - 1}, got {layer.shape[-1]}")
    moved = warp(layer, flow)
    colour, alpha = moved[:, :3], moved[:, 3:].clamp(0, 1)
    if trim:
        colour = colour * (alpha * 10).clamp_max(1)
    if logit is not None:
        firm = alpha.clamp(1e-3, 1 - 1e-3)  # a logit of nothing and of everything is still finite
        wanted = torch.sigmoid(torch.logit(firm) + logit)
        colour = colour * (wanted / firm).clamp_max(1) + (wanted - firm).clamp_min(0) * background
        alpha = (alpha + wanted - firm).clamp(0, 1)
    if keep is not None and paint is not None:
        colour = keep * colour + (1 - keep) * paint * alpha
    return torch.cat([colour + (1 - alpha) * background, alpha], 1).clamp(0, 1)


def warp(layer: Tensor, flow: Tensor) -> Tensor:
    """Sample a doubled layer (B, C, 2S−1, 2S−1) at y + flow (B, 2, S, S): (B, C, S, S). Zero flow returns the even
    samples.
    """
    size = flow.shape[-1]
    line = torch.arange(size, device=flow.device, dtype=flow.dtype) * (2 / max(size - 1, 1)) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x + flow[:, 0] * (size / (size - 1)), y + flow[:, 1] * (size / (size - 1))], -1)
    return F.grid_sample(layer, grid, "bilinear", "border", True)
