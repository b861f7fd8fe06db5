"""The voice network: log-mel features to mouth shapes, causal, with a look-ahead that is a delay of what it says.

A temporal convolutional network (Bai et al. 2018) with gated units (Dauphin et al. 2017). Its output of step t
describes the face LOOK_AHEAD_S before the end of that step, since a mouth prepares what is said next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.voice.log_mel import FEATURES, STEP_S
from models.voice.mouth_shapes import CHANNELS, LIPS_TOUCH, NOD, SHAPES, SPEECH, close_lips

LOOK_AHEAD_S = 0.06  # may be between two steps: what is to be said is interpolated, see `aligned`
# Whole steps of output to drop before the first moment is described.
LOOK_AHEAD = math.ceil(round(LOOK_AHEAD_S / STEP_S, 6))
TOUCH_CENTRE, TOUCH_SLOPE = 0.45, 3.0  # probability of touching lips above which they do, and how abruptly


@dataclass(frozen=True)
class VoiceConfig:
    """Sizes of the network.

    width: channels of each block.
    kernel: steps that a convolution sees.
    dilations: distance of these steps, one block each.
    """

    width: int = 96
    kernel: int = 3
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1)

    @property
    def history(self) -> tuple[int, ...]:
        """Steps before the present one that each block sees."""
        return tuple((self.kernel - 1) * dilation for dilation in self.dilations)


VoiceState = tuple[Tensor, ...]  # for each block the inputs (B, C, history) before the next step


class GatedBlock(nn.Module):
    """Causal dilated convolution with a gate, added to its input."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, 2 * width, kernel, dilation=dilation)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, C, T) and the inputs (B, C, history) before it; the sum, and the past of the next call."""
        seen = torch.cat([past, x], 2)  # (B, C, history + T)
        gated = F.glu(self.conv(seen), 1)  # (B, C, T)
        return x + self.out(gated), seen[..., seen.shape[2] - past.shape[2] :]


class VoiceNet(nn.Module):
    """Features (B, T, FEATURES) to raw channels (B, T, CHANNELS), of which `read_face` makes shapes."""

    def __init__(self, config: VoiceConfig | None = None) -> None:
        super().__init__()
        self.config = config or VoiceConfig()
        width = self.config.width
        self.stem = nn.Conv1d(FEATURES, width, 1)
        self.blocks = nn.ModuleList(GatedBlock(width, self.config.kernel, d) for d in self.config.dilations)
        self.head = nn.Conv1d(width, CHANNELS, 1)

    def first_state(self, batch: int = 1) -> VoiceState:
        """The state before the first step: silence in every block's units, 0."""
        return tuple(self.head.weight.new_zeros(batch, self.config.width, steps) for steps in self.config.history)

    def forward(self, features: Tensor, state: VoiceState) -> tuple[Tensor, VoiceState]:
        x = self.stem(features.transpose(1, 2))  # (B, C, T)
        after = []
        for block, past in zip(self.blocks, state, strict=True):
            x, past_now = block(x, past)
            after.append(past_now)
        return self.head(F.silu(x)).transpose(1, 2), tuple(after)  # (B, T, CHANNELS)


def aligned(raw: Tensor, face: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (B, T - LOOK_AHEAD, C) of the network, and the faces that these describe, of one recording. raw: all of
    its outputs (B, T, C). face: (B, T, C) at the end of each step.
    """
    before, after = face[:, :-LOOK_AHEAD], face[:, 1 : face.shape[1] - LOOK_AHEAD + 1]
    return raw[:, LOOK_AHEAD:], before.lerp(after, LOOK_AHEAD - LOOK_AHEAD_S / STEP_S)


def read_face(raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What raw channels (..., CHANNELS) say: shapes (..., S) 0..1, nod (...) in rad, probability of speech (...).

    Lips touch more abruptly than the probability says: a mouth that is half shut at every `p` looks like mumbling.
    """
    touch = torch.sigmoid(raw[..., LIPS_TOUCH])
    touch = ((touch - TOUCH_CENTRE) * TOUCH_SLOPE + 0.5).clamp(0, 1)
    shapes = close_lips(raw[..., : len(SHAPES)].clamp(0, 1), touch)
    return shapes, raw[..., NOD], torch.sigmoid(raw[..., SPEECH])
