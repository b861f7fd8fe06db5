"""Pure functions between guidance, network and picture: inputs of one frame, and the few-step sampler.

Noise convention: x_s = (1 − s)·x + s·e with x the focus box in −1..1, s = 1 pure noise; the network predicts x
(rectified flow in x-prediction, Liu et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from models.dit import Edit, FrameInput
from models.guidance import Guidance
from models.rig import Rig


def focus_grid(focus: Tensor, side: int) -> Tensor:
    """Canvas coordinates of the focus box's pixels. focus: (B, 3) centre x, y and half side -> (B, side, side, 2)."""
    line = (torch.arange(side, device=focus.device, dtype=focus.dtype) * 2 + 1) / side - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1) * focus[:, None, None, 2:] + focus[:, None, None, :2]


def crop_focus(picture: Tensor, focus: Tensor, side: int) -> Tensor:
    """The focus box of canvas pictures (B, K, S, S) as (B, K, side, side), low-passed where it shrinks."""
    shrink = side / (picture.shape[-1] * float(focus[:, 2].max()))
    if shrink < 0.9:
        picture = F.interpolate(picture, scale_factor=shrink, mode="bilinear", antialias=True)
    return F.grid_sample(picture, focus_grid(focus, side), mode="bilinear", padding_mode="border", align_corners=False)


def warp_focus(picture: Tensor, flow: Tensor, half: Tensor) -> Tensor:
    """Move a focus-box picture (B, 3, side, side) by a backward flow (B, 2, G, G) in canvas units; half: (B,) box half side."""
    side = picture.shape[-1]
    unit = torch.tensor([[0.0, 0.0, 1.0]], device=picture.device).expand(picture.shape[0], -1)
    moved = F.interpolate(flow / half[:, None, None, None], size=(side, side), mode="bilinear", align_corners=False)
    grid = focus_grid(unit, side) + moved.permute(0, 2, 3, 1)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


def frame_input(rig: Rig, crop: Tensor, guidance: Guidance, noised: Tensor, level: Tensor) -> FrameInput:
    """What the network sees of one frame. crop: the reference's focus box (B, 3, side, side), 0..1; level: (B,) s."""
    half = rig.focus[:, 2]
    flow = guidance.focus_flow / half[:, None, None, None]
    return FrameInput(
        warped=warp_focus(crop, guidance.focus_flow, half),
        noised=noised,
        maps=torch.cat([flow, guidance.confidence, guidance.focus_alpha, guidance.holes], 1),
        canonical=guidance.canonical,
        motion=guidance.tokens,
        level=level,
    )


def reference_input(rig: Rig, crop: Tensor, rest: Guidance) -> FrameInput:
    """The picture itself as a clean frame: its own pose, its own pixels, s = 0."""
    return frame_input(rig, crop, rest, crop * 2 - 1, torch.zeros(crop.shape[0], device=crop.device))


def draw_frame(
    network: Callable[[Tensor, Tensor], Edit], render: Callable[[Edit], Tensor], noise: Tensor, steps: int = 1
) -> Edit:
    """Few-step sampling of one frame from s = 1 to 0, re-noised with the same noise between steps.

    network: (noised (B, 3, side, side), level (B,)) -> Edit. render: Edit -> its focus box (B, 3, side, side), 0..1.
    Raises ValueError for steps < 1.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    level = torch.ones(noise.shape[0], device=noise.device)
    edit = network(noise, level)
    for step in range(1, steps):
        s = 1 - step / steps
        edit = network((1 - s) * (render(edit) * 2 - 1) + s * noise, level * s)
    return edit
