"""An optional judge of texture where the network has to invent: mouths, eyes and what a turn uncovers.

It sees only high frequencies, beside those of the moved picture, so that colour and place stay the regression's matter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.loop.loss import Truth, opening

RATE = 2e-4  # twice the student's (Heusel et al. 2017)
BLUR = 5  # pixels; what such a box leaves over is texture


def high_pass(picture: Tensor) -> Tensor:
    """(B, C, s, s) less its blur: the finest level of a Laplacian pyramid (Burt & Adelson 1983)."""
    edge = BLUR // 2
    return picture - F.avg_pool2d(F.pad(picture, (edge, edge, edge, edge), "reflect"), BLUR, 1)


def invented(truth: Truth) -> Tensor:
    """(B, 1, s, s) 0..1: inside of mouth and eyes, and those parts of the person that the picture does not show."""
    return torch.maximum(opening(truth), 1 - truth.visible) * truth.alpha


class Critic:
    """A patch discriminator (Isola et al. 2017) with its optimiser; hinge loss (Lim & Ye 2017)."""

    def __init__(self, width: int = 32, device: str = "cpu") -> None:
        def conv(inside: int, outside: int, stride: int) -> nn.Module:
            return spectral_norm(nn.Conv2d(inside, outside, 4 if stride == 2 else 3, stride, 1))

        self.network = nn.Sequential(
            conv(7, width, 2), nn.LeakyReLU(0.2), conv(width, 2 * width, 2), nn.LeakyReLU(0.2),
            conv(2 * width, 2 * width, 1), nn.LeakyReLU(0.2), conv(2 * width, 1, 1),
        ).to(device)  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=RATE, betas=(0.0, 0.99))

    def judge(self, picture: Tensor, warped: Tensor, mask: Tensor) -> Tensor:
        """Patch logits (B, 1, s/4, s/4): large = rendered, small = drawn."""
        seen = torch.cat([high_pass(picture), high_pass(warped), mask], 1)
        return self.network(seen)

    def meet(self, drawn: Tensor, warped: Tensor, truth: Truth) -> Tensor:
        """The student's term for what it drew (B, 3, s, s) 0..1, with a gradient inside `invented` alone; where
        gradients are on, the critic learns from the pair first.
        """
        mask = invented(truth)
        inside = mask * drawn + (1 - mask) * truth.picture
        share = F.adaptive_avg_pool2d(mask, (mask.shape[-2] // 4, mask.shape[-1] // 4))
        share = share / share.sum().clamp(min=1)
        if torch.is_grad_enabled():
            real = self.judge(truth.picture, warped, mask)
            fake = self.judge(inside.detach(), warped, mask)
            self.optimizer.zero_grad(set_to_none=True)
            (share * (F.relu(1 - real) + F.relu(1 + fake))).sum().backward()
            self.optimizer.step()
        return -(share * self.judge(inside, warped, mask)).sum()
