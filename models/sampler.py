"""Pure functions between guidance, network and picture: the network's input for a frame, and the few-step sampler.

Noise convention: x_s = (1 − s)·x + s·e with x the focus box in −1..1, e Gaussian of standard deviation `NOISE`, s = 1
pure noise; the network predicts x (rectified flow in x-prediction, Liu et al. 2022). The guidance almost determines the
frame, so the noise may be small: at s = 1 it carries no information, and small noise is easier for the network to
ignore.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kernels.sampling import resize_map
from kernels.warp import Maps, odds, warp_composite
from models.dit import MAP_CONFIDENCE, MAP_FLOW, MAP_MOUTH, Edit, FrameInput
from models.geometry.grid import crop, unit_grid
from models.geometry.guidance import Guidance
from models.geometry.picture_layers import double_resolution
from models.geometry.rig import Rig

NOISE = 0.25  # standard deviation of e
MIN_SHRINK = 0.9  # maps that shrink further than this are low-passed before they are sampled


@dataclass(frozen=True, slots=True)
class Focus:
    """A picture's focus box at the network's size. picture, plate: (B, 3, side, side) 0..1; layer, mouth: see `Rig`."""

    picture: Tensor
    plate: Tensor
    layer: Tensor
    mouth: Tensor

    @staticmethod
    def build(picture: Tensor, matte: Tensor, plate: Tensor, mouth: Tensor) -> Focus:
        """From crops of picture, matte (B, 1, side, side) and plate, and the colour of the mouth's dark (B, 3)."""
        return Focus(picture, plate, double_resolution(torch.cat([picture - (1 - matte) * plate, matte], 1)), mouth)

    @staticmethod
    def of(rig: Rig, side: int) -> Focus:
        """The focus box of a rig."""
        maps = torch.cat([rig.image, rig.matte, rig.plate], 1)
        picture, matte, plate = crop_focus(maps, rig.focus, side).split([3, 1, 3], 1)
        return Focus.build(picture, matte, plate, rig.mouth)


def crop_focus(maps: Tensor, focus: Tensor, side: int) -> Tensor:
    """The focus boxes (B, 3) of canvas maps (B, K, S, S) as (B, K, side, side), low-passed where they shrink."""
    shrink = side / (maps.shape[-1] * float(focus[:, 2].max()))
    if shrink < MIN_SHRINK:
        maps = F.interpolate(maps, scale_factor=shrink, mode="bilinear", antialias=True)
    return crop(maps, focus, side)


def backward_warp(maps: Tensor, flow: Tensor) -> Tensor:
    """Focus-box maps (B, K, side, side) sampled at p + flow(p); flow (B, 2, G, G) in box units."""
    side = maps.shape[-1]
    grid = unit_grid(side, maps.device) + resize_map(flow, side).permute(0, 2, 3, 1)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=False)


def guidance_maps(rig: Rig, guidance: Guidance) -> Tensor:
    """`FrameInput.maps` (B, 6, G, G): flow in box units, confidence, alpha, openings."""
    flow = guidance.focus_flow / rig.focus[:, 2, None, None, None]
    return torch.cat([flow, guidance.confidence, guidance.focus_alpha, guidance.openings], 1)


def frame_input(
    focus: Focus, maps: Tensor, canonical: Tensor, tokens: Tensor, noised: Tensor, level: Tensor
) -> FrameInput:
    """The network's input for one frame; maps from `guidance_maps`, level (B,) = s."""
    return FrameInput(backward_warp(focus.picture, maps[:, MAP_FLOW]), noised, maps, canonical, tokens, level)


def reference_input(focus: Focus, maps: Tensor, canonical: Tensor, tokens: Tensor) -> FrameInput:
    """The picture itself as a clean frame: guidance of its own pose, its own pixels, s = 0."""
    clean = torch.zeros(len(maps), device=maps.device)
    return frame_input(focus, maps, canonical, tokens, focus.picture * 2 - 1, clean)


def render(focus: Focus, frame: FrameInput, edit: Edit) -> tuple[Tensor, Tensor]:
    """The edited frame on the focus box at the network's own size, for re-noising and for the losses of training.

    Returns the picture with its alpha (B, 4, side, side), 0..1, and the flow f₀ + Δf (B, 2, G, G) in box units.
    """
    flow = frame.maps[:, MAP_FLOW] + edit.flow
    missing = frame.maps[:, MAP_MOUTH] * (1 - frame.maps[:, MAP_CONFIDENCE])
    maps = Maps(flow, edit.keep, edit.paint, odds(edit.alpha), missing, focus.mouth)
    return warp_composite(focus.layer, maps, focus.plate), flow


def sample_edit(step: Callable[[FrameInput], Edit], focus: Focus, frame: FrameInput, steps: int = 1) -> Edit:
    """Few-step sampling of one frame from s = 1 to 0, re-noised with the same noise between steps.

    step: the network. frame: the input at s = 1, its `noised` is the noise. Raises ValueError for steps < 1.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    edit = step(frame)
    for i in range(1, steps):
        s = 1 - i / steps
        x = render(focus, frame, edit)[0][:, :3] * 2 - 1
        noised = (1 - s) * x + s * frame.noised
        edit = step(FrameInput(frame.warped, noised, frame.maps, frame.canonical, frame.motion, frame.level * s))
    return edit
