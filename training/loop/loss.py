"""What the network is held to, against the renderer's truth on the focus box.

Plain L1 alone chooses blur wherever the truth cannot be met exactly, so the parts are supervised too: where to copy
from (flow), whether the picture shows it (keep), who stands before the background (alpha), and only then the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.dit import Edit

LABELS = {"background": 0, "body": 1, "hair": 2, "face": 3, "mouth": 4, "eyes": 5}
PIXEL_WEIGHT = torch.tensor([0.6, 1.0, 1.2, 2.0, 6.0, 6.0])  # by label


@dataclass(frozen=True, slots=True)
class Truth:
    """The renderer's word on a frame, focus box: picture (B, 3, s, s) 0..1, alpha (B, 1, s, s), flow (B, 2, G, G)
    focus units, visible (B, 1, s, s) 0..1, label (B, 1, s, s) integers as in LABELS."""

    picture: Tensor
    alpha: Tensor
    flow: Tensor
    visible: Tensor
    label: Tensor


def opening(truth: Truth) -> Tensor:
    """(B, 1, s, s) 1 inside of mouth and eyes: what is painted there is learnt whether or not the picture shows it."""
    label = truth.label.long()
    return ((label == LABELS["mouth"]) | (label == LABELS["eyes"])).float()


def charbonnier(x: Tensor, eps: float = 1e-3) -> Tensor:
    """Smooth |x| (Charbonnier et al. 1994)."""
    return (x.square() + eps * eps).sqrt()


def gradients(x: Tensor) -> Tensor:
    """Horizontal and vertical differences, (B, 2·C, s−1, s−1)."""
    return torch.cat([x[..., 1:, 1:] - x[..., 1:, :-1], x[..., 1:, 1:] - x[..., :-1, 1:]], 1)


def frame_loss(
    drawn: Tensor, edit: Edit, flow: Tensor, alpha: Tensor, truth: Truth, tolerance: float | None = None
) -> dict[str, Tensor]:
    """Named terms of one frame, already weighted; their sum is the loss.

    drawn: (B, 3, s, s) the composed focus box. flow: (B, 2, G, G) = f₀ + Δf in focus units. alpha: (B, 1, s, s)
    composed. tolerance: where the flow errs by more than about this, in its units, what it brings is not worth keeping
    although the reference shows the right thing somewhere; None: what is shown is kept however it is moved, which is
    sharp, where painting over a large part that is hard to move would be mush.
    """
    weight = PIXEL_WEIGHT.to(drawn.device)[truth.label.long()]  # (B, 1, s, s)
    weight = weight / weight.mean((2, 3), keepdim=True)
    error = drawn - truth.picture
    pixel = (weight * charbonnier(error)).mean()
    for scale in (4, 16):
        pixel = pixel + (F.avg_pool2d(weight, scale) * charbonnier(F.avg_pool2d(error, scale))).mean()
    texture = (weight[..., 1:, 1:] * charbonnier(gradients(drawn) - gradients(truth.picture))).mean()

    person = F.adaptive_avg_pool2d(truth.alpha, flow.shape[-1])
    coarse = F.adaptive_avg_pool2d(weight, flow.shape[-1])
    seen = F.adaptive_avg_pool2d(truth.visible, flow.shape[-1]) * (person > 0.5)
    moved = (coarse * seen * charbonnier(flow - truth.flow, 2e-3)).sum() / (coarse * seen).sum().clamp(min=1) / 2

    shown = truth.visible
    if tolerance is not None:
        astray = ((flow.detach() - truth.flow) / tolerance).square().sum(1, keepdim=True)
        shown = shown * F.interpolate(torch.exp(-astray), size=shown.shape[-2:], mode="bilinear")
    inside = truth.alpha * weight
    keep = F.binary_cross_entropy(edit.keep.float().clamp(1e-4, 1 - 1e-4), shown, reduction="none")
    keep = (inside * keep).sum() / inside.sum().clamp(min=1)
    hidden = truth.alpha * torch.maximum(opening(truth), 1 - shown) * weight
    paint = (hidden * charbonnier(edit.paint - truth.picture)).sum() / hidden.sum().clamp(min=50) / 3
    matte = F.binary_cross_entropy(alpha.float().clamp(1e-4, 1 - 1e-4), truth.alpha)
    return {
        "pixel": pixel,
        "texture": texture,
        "flow": 4 * moved,
        "keep": 0.15 * keep,
        "paint": 1.0 * paint,
        "alpha": 0.1 * matte,
    }
