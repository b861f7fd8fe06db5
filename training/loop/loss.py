"""Losses of a predicted frame against the renderer's ground truth on the focus box.

L1 on pixels alone prefers blur wherever the truth cannot be predicted exactly. Therefore the parts of an edit are
supervised too: the flow that copies from the reference, `keep` (whether the reference shows a pixel), and alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.dit import Edit
from training.render.character.parts import BODY, EYES, HEAD, MOUTH, SKIN

LABELS = {"background": 0, "body": BODY, "hair": HEAD, "face": SKIN, "mouth": MOUTH, "eyes": EYES}
PIXEL_WEIGHT = torch.tensor([0.6, 1.0, 1.2, 2.0, 6.0, 6.0])  # by label


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """The renderer's ground truth of a frame on the focus box, side s.

    picture: (B, 3, s, s) 0..1. alpha: (B, 1, s, s) 0..1. flow: (B, 2, G, G) box units. visible: (B, 1, s, s) 0..1,
    whether the reference shows the surface. label: (B, 1, s, s) integers as in LABELS.
    """

    picture: Tensor
    alpha: Tensor
    flow: Tensor
    visible: Tensor
    label: Tensor


def opening_mask(truth: GroundTruth) -> Tensor:
    """Mask (B, 1, s, s) of mouth and eyes, where `paint` is supervised even if the reference shows the surface."""
    label = truth.label.long()
    return ((label == LABELS["mouth"]) | (label == LABELS["eyes"])).float()


def charbonnier(x: Tensor, eps: float = 1e-3) -> Tensor:
    """Smooth absolute value √(x² + eps²) (Charbonnier et al. 1994)."""
    return (x.square() + eps * eps).sqrt()


def spatial_gradients(x: Tensor) -> Tensor:
    """Horizontal and vertical differences, (B, 2·C, s−1, s−1)."""
    return torch.cat([x[..., 1:, 1:] - x[..., 1:, :-1], x[..., 1:, 1:] - x[..., :-1, 1:]], 1)


def frame_loss(
    drawn: Tensor, edit: Edit, flow: Tensor, alpha: Tensor, truth: GroundTruth, tolerance: float | None = None
) -> dict[str, Tensor]:
    """Named, weighted loss terms of one frame; their sum is the loss.

    drawn (B, 3, s, s): the composed focus box. flow (B, 2, G, G): f₀ + Δf, box units. alpha (B, 1, s, s): composed.
    tolerance: flow error, in its units, beyond which `keep` is trained towards 0 although the reference shows the
    surface. None: `keep` follows visibility alone, which is sharp, where painting a large part that is hard to move
    would be blurred.
    """
    weight = PIXEL_WEIGHT.to(drawn.device)[truth.label.long()]  # (B, 1, s, s)
    weight = weight / weight.mean((2, 3), keepdim=True)
    error = drawn - truth.picture
    pixel = (weight * charbonnier(error)).mean()
    for scale in (4, 16):
        pixel = pixel + (F.avg_pool2d(weight, scale) * charbonnier(F.avg_pool2d(error, scale))).mean()
    texture = (weight[..., 1:, 1:] * charbonnier(spatial_gradients(drawn) - spatial_gradients(truth.picture))).mean()

    coarse_alpha = F.adaptive_avg_pool2d(truth.alpha, flow.shape[-1])
    flow_weight = F.adaptive_avg_pool2d(weight, flow.shape[-1])
    visible = F.adaptive_avg_pool2d(truth.visible, flow.shape[-1]) * (coarse_alpha > 0.5)
    flow_weight = flow_weight * visible
    flow_error = (flow_weight * charbonnier(flow - truth.flow, 2e-3)).sum() / flow_weight.sum().clamp(min=1) / 2

    kept_truth = truth.visible
    if tolerance is not None:
        flow_excess = ((flow.detach() - truth.flow) / tolerance).square().sum(1, keepdim=True)
        kept_truth = kept_truth * F.interpolate(torch.exp(-flow_excess), size=kept_truth.shape[-2:], mode="bilinear")
    person_weight = truth.alpha * weight
    keep = F.binary_cross_entropy(edit.keep.float().clamp(1e-4, 1 - 1e-4), kept_truth, reduction="none")
    keep = (person_weight * keep).sum() / person_weight.sum().clamp(min=1)
    painted_weight = truth.alpha * torch.maximum(opening_mask(truth), 1 - kept_truth) * weight
    paint = (painted_weight * charbonnier(edit.paint - truth.picture)).sum() / painted_weight.sum().clamp(min=50) / 3
    alpha_loss = F.binary_cross_entropy(alpha.float().clamp(1e-4, 1 - 1e-4), truth.alpha)
    return {
        "pixel": pixel,
        "texture": texture,
        "flow": 4 * flow_error,
        "keep": 0.15 * keep,
        "paint": 1.0 * paint,
        "alpha": 0.1 * alpha_loss,
    }
