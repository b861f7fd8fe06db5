"""The close-up networks: a small U-Net for mouths and one for eyes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.closeups.inputs import INPUT_CHANNELS
from models.closeups.window import MOUTH_VIEW, RIGHT_EYE_VIEW
from models.config import ModelConfig
from models.layers import KEEP_BIAS, conv

MAX_CLOSEUP_FLOW = 0.2  # window units: largest further displacement


class CloseupUNet(nn.Module):
    """A U-Net over one kind of window. Untrained, it keeps everything and moves nothing.

    channels: at 1/2, 1/4 and 1/8 of the window's side n. marks: landmarks K of the view.
    """

    def __init__(self, channels: tuple[int, int, int], marks: int) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.enter = conv(INPUT_CHANNELS * 4, fine)
        self.to_middle = nn.Sequential(conv(fine, middle, 2), conv(middle, middle))
        self.to_coarse = nn.Sequential(conv(middle, coarse, 2), conv(coarse, coarse))
        self.marks = nn.Sequential(nn.Linear(4 * marks, coarse), nn.SiLU())
        self.context = nn.Sequential(nn.Linear(2 * coarse, coarse), nn.SiLU(), nn.Linear(coarse, 2 * coarse))
        self.bottom = conv(coarse, coarse)
        self.from_coarse = nn.Conv2d(coarse, middle, 1)
        self.at_middle = conv(middle, middle)
        self.from_middle = nn.Conv2d(middle, fine, 1)
        self.at_fine = conv(fine, fine)
        self.out = nn.Conv2d(fine, 2 + 4 * 4, 3, 1, 1)  # flow at 1/2; keep and paint, four pixels of each
        bias = torch.zeros(self.out.out_channels)
        bias[2:6] = KEEP_BIAS
        nn.init.normal_(self.out.weight, std=1e-3)
        self.out.bias = nn.Parameter(bias)

    def forward(self, maps: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """maps (B, `INPUT_CHANNELS`, n, n), landmarks (B, 2, K, 2), see `CloseupInput` → flow (B, 2, n/2, n/2) window
        units, keep (B, 1, n, n) and paint (B, 3, n, n) 0..1.
        """
        fine = self.enter(F.pixel_unshuffle(maps, 2))  # (B, C1, n/2, n/2)
        middle = self.to_middle(fine)  # (B, C2, n/4, n/4)
        x = self.to_coarse(middle)  # (B, C3, n/8, n/8)
        context = torch.cat([self.marks(landmarks.flatten(1)), x.mean((2, 3))], 1)  # (B, 2·C3)
        scale, shift = self.context(context)[:, :, None, None].chunk(2, 1)  # (B, C3, 1, 1)
        x = x + self.bottom(x * (1 + scale) + shift)
        x = self.at_middle(F.interpolate(self.from_coarse(x), scale_factor=2.0) + middle)
        x = self.at_fine(F.interpolate(self.from_middle(x), scale_factor=2.0) + fine)
        x = self.out(x)  # (B, 18, n/2, n/2)
        pixels = F.pixel_shuffle(x[:, 2:], 2)  # (B, 4, n, n)
        return x[:, :2].tanh() * MAX_CLOSEUP_FLOW, pixels[:, :1].sigmoid(), pixels[:, 1:].sigmoid()


class Closeups(nn.Module):
    """The two networks: one for mouths, one for eyes; both eyes go in one batch, the left ones mirrored."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mouth = CloseupUNet(config.mouth_channels, len(MOUTH_VIEW.landmarks))
        self.eye = CloseupUNet(config.eye_channels, len(RIGHT_EYE_VIEW.landmarks))

    def forward(
        self, mouth_maps: Tensor, mouth_landmarks: Tensor, eye_maps: Tensor, eye_landmarks: Tensor
    ) -> tuple[Tensor, ...]:
        """Six tensors: flow, keep and paint of the mouths (B), then of the eyes (2·B: right ones, then left ones)."""
        return *self.mouth(mouth_maps, mouth_landmarks), *self.eye(eye_maps, eye_landmarks)
