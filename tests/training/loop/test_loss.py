"""What the losses of a frame reward."""

from __future__ import annotations

import torch

from models.dit import Edit
from training.loop.loss import LABELS, GroundTruth, frame_loss

SIDE = 16


def keep_gradient(copied: float, painted: float) -> torch.Tensor:
    """Gradient of the loss by `keep` (1, 1, SIDE, SIDE), where the truth is .5, hidden in the reference, and geometry
    draws `copied` and the network paints `painted`, all of one brightness.
    """

    def grey(value: float) -> torch.Tensor:
        return torch.full((1, 3, SIDE, SIDE), value)

    ones, flow = torch.ones(1, 1, SIDE, SIDE), torch.zeros(1, 2, SIDE // 2, SIDE // 2)
    keep = torch.full_like(ones, 0.5, requires_grad=True)
    edit = Edit(flow, keep, grey(painted), ones[..., ::2, ::2])
    truth = GroundTruth(grey(0.5), ones, flow, torch.zeros_like(ones), ones * LABELS["body"])
    terms = frame_loss(grey(0.5), edit, flow, ones, truth, unedited=grey(copied))
    return torch.autograd.grad(terms["keep"], keep)[0]


def test_what_geometry_completes_is_kept_unless_paint_is_clearly_nearer() -> None:
    assert bool((keep_gradient(copied=0.52, painted=0.6) < 0).all())  # a step down raises keep
    assert bool((keep_gradient(copied=0.52, painted=0.51) < 0).all())  # about as near: what is copied is sharper
    assert bool((keep_gradient(copied=0.6, painted=0.51) > 0).all())
