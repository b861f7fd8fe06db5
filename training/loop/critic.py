"""An optional discriminator of texture where the network has to invent: mouths, eyes and disoccluded parts.

Its inputs are high frequencies of the frame and of the warped picture, so that colour and position are left to the
regression losses.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.loop.loss import GroundTruth, opening_mask

LEARNING_RATE = 2e-4  # twice the generator's (two time-scale update rule, Heusel et al. 2017)
BLUR_SIDE = 5  # pixels: side of the box filter that removes low frequencies


def high_pass(picture: Tensor) -> Tensor:
    """Pictures (B, C, s, s) less their blur: the finest level of a Laplacian pyramid (Burt & Adelson 1983)."""
    margin = BLUR_SIDE // 2
    return picture - F.avg_pool2d(F.pad(picture, (margin, margin, margin, margin), "reflect"), BLUR_SIDE, 1)


def invented_mask(truth: GroundTruth) -> Tensor:
    """Mask (B, 1, s, s) 0..1 of mouth and eyes, and of the parts of the person that the reference does not show."""
    return torch.maximum(opening_mask(truth), 1 - truth.visible) * truth.alpha


class Critic:
    """A patch discriminator (Isola et al. 2017) with its optimiser; hinge loss (Lim & Ye 2017)."""

    def __init__(self, width: int = 32, device: str = "cpu") -> None:
        def conv(channels_in: int, channels_out: int, stride: int) -> nn.Module:
            return spectral_norm(nn.Conv2d(channels_in, channels_out, 4 if stride == 2 else 3, stride, 1))

        self.network = nn.Sequential(
            conv(7, width, 2), nn.LeakyReLU(0.2), conv(width, 2 * width, 2), nn.LeakyReLU(0.2),
            conv(2 * width, 2 * width, 1), nn.LeakyReLU(0.2), conv(2 * width, 1, 1),
        ).to(device)  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))

    def patch_logits(self, picture: Tensor, warped: Tensor, mask: Tensor) -> Tensor:
        """Patch logits (B, 1, s/4, s/4), large for rendered frames and small for predicted ones."""
        inputs = torch.cat([high_pass(picture), high_pass(warped), mask], 1)
        return self.network(inputs)

    def adversarial_term(self, drawn: Tensor, warped: Tensor, truth: GroundTruth) -> Tensor:
        """The generator's loss on a predicted frame (B, 3, s, s) 0..1; its gradient is 0 outside of `invented_mask`.

        Where gradients are enabled, one step of the discriminator on prediction and truth comes first.
        """
        mask = invented_mask(truth)
        composed = mask * drawn + (1 - mask) * truth.picture
        patch_weight = F.adaptive_avg_pool2d(mask, (mask.shape[-2] // 4, mask.shape[-1] // 4))
        patch_weight = patch_weight / patch_weight.sum().clamp(min=1)
        if torch.is_grad_enabled():
            real = self.patch_logits(truth.picture, warped, mask)
            fake = self.patch_logits(composed.detach(), warped, mask)
            self.optimizer.zero_grad(set_to_none=True)
            (patch_weight * (F.relu(1 - real) + F.relu(1 + fake))).sum().backward()
            self.optimizer.step()
        return -(patch_weight * self.patch_logits(composed, warped, mask)).sum()
