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
from models.geometry.grid import box_planes, crop, sample_planes, unit_planes
from models.geometry.guidance import Guidance, person_alpha
from models.geometry.head_surface import FINER
from models.geometry.picture_layers import PersonLayers, as_texture
from models.geometry.rig import Rig

NOISE = 0.25  # standard deviation of e
ON_CHART = slice(5, 8)  # channels of `layer_maps`: position on the chart, share of the chart
MIN_SHRINK = 0.9  # maps that shrink further than this are low-passed before they are sampled


@dataclass(frozen=True, slots=True)
class Focus:
    """A picture's focus box at the network's size.

    picture, plate: (B, 3, side, side) 0..1. person: its layers. chart: see `HeadSurface`. mouth: see `Rig`.
    """

    picture: Tensor
    plate: Tensor
    person: PersonLayers
    chart: Tensor
    mouth: Tensor

    @staticmethod
    def build(picture: Tensor, plate: Tensor, person: Tensor, body: Tensor, chart: Tensor, mouth: Tensor) -> Focus:
        """From crops of picture, plate, and of the person with and without the head, premultiplied colour and alpha
        (B, 4, side, side), the head's chart (B, 4, C, C) and the colour of the mouth's dark (B, 3).
        """
        return Focus(picture, plate, PersonLayers(as_texture(person), as_texture(body)), chart, mouth)

    @staticmethod
    def of(rig: Rig, side: int) -> Focus:
        """The focus box of a rig."""
        picture, plate, person, body = focus_crops(rig, side)
        return Focus.build(picture, plate, person, body, rig.surface.chart, rig.mouth)


def focus_crops(rig: Rig, side: int) -> tuple[Tensor, ...]:
    """Picture and plate (B, 3, side, side), and the person with and without the head (B, 4, side, side), on the focus
    boxes of rigs.
    """
    person, body = (layer[..., ::2, ::2] for layer in rig.own)  # the pixels of the canvas
    maps = torch.cat([rig.image, rig.plate, person, body], 1)
    return crop_focus(maps, rig.focus, side).split([3, 3, 4, 4], 1)


def crop_focus(maps: Tensor, focus: Tensor, side: int) -> Tensor:
    """The focus boxes (B, 3) of canvas maps (B, K, S, S) as (B, K, side, side), low-passed where they shrink."""
    shrink = side / (maps.shape[-1] * float(focus[:, 2].max()))
    if shrink < MIN_SHRINK:
        maps = F.interpolate(maps, scale_factor=shrink, mode="bilinear", antialias=True)
    return crop(maps, focus, side)


def backward_warp(maps: Tensor, flow: Tensor) -> Tensor:
    """Focus-box maps (B, K, side, side) sampled at p + flow(p); flow (B, 2, G, G) in box units."""
    side = maps.shape[-1]
    return sample_planes(maps, unit_planes(side, maps.device) + resize_map(flow, side))


def guidance_maps(rig: Rig, guidance: Guidance) -> Tensor:
    """`FrameInput.maps` (B, 6, G, G): flow in box units, confidence, alpha, openings."""
    flow = into_picture(guidance.focus_flow, rig, guidance.box)
    return torch.cat([flow, guidance.confidence, person_alpha(rig, guidance), guidance.openings], 1)


def layer_maps(rig: Rig, guidance: Guidance) -> Tensor:
    """What moves the layers on the focus box (B, 8, G, G): flow in box units of what lies behind the head, flow of the
    head's surface, its coverage, position on its chart, share of the chart.
    """
    head_flow = F.avg_pool2d(guidance.head_flow, FINER) + guidance.head_shift
    outer_flow, head_flow = (into_picture(flow, rig, guidance.box) for flow in (guidance.outer_flow, head_flow))
    return torch.cat([
        outer_flow, head_flow, guidance.head_coverage, guidance.chart_position, guidance.chart_share,
    ], 1)  # fmt: skip


def into_picture(flow: Tensor, rig: Rig, box: Tensor) -> Tensor:
    """Flows (B, 2, G, G), canvas units, of frames' focus boxes (B, 3) as flows from their cells into the picture's own
    focus boxes, box units.
    """
    side = flow.shape[-1]
    source = box_planes(box, side) + flow - rig.focus[:, :2, None, None]
    return source / rig.focus[:, 2, None, None, None] - unit_planes(side, flow.device)


def draw_layers(focus: Focus, layers: Tensor, edit: Maps) -> Tensor:
    """The focus box (B, 4, side, side), 0..1, with an edit, whose flow is added to those of `layer_maps`
    (B, 8, G, G).
    """
    outer_flow, head_flow, coverage, position, share = layers.split([2, 2, 1, 2, 1], 1)
    maps = edit._replace(
        flow=outer_flow + edit.flow, front_flow=head_flow + edit.flow, front_coverage=coverage,
        chart_position=position, chart_share=share,
    )  # fmt: skip
    person = focus.person
    return warp_composite(person.body, maps, focus.plate, front_layer=person.head, chart=focus.chart)


def frame_input(
    focus: Focus, maps: Tensor, layers: Tensor, canonical: Tensor, tokens: Tensor, noised: Tensor, level: Tensor
) -> FrameInput:
    """The network's input for one frame; maps from `guidance_maps`, layers from `layer_maps`, level (B,) = s."""
    nothing = layers.new_zeros(len(layers), 1, 1, 1)
    unedited = Maps(nothing.expand(-1, 2, -1, -1), nothing + 1, nothing.expand(-1, 3, -1, -1))
    warped = draw_layers(focus, layers, unedited)[:, :3]
    return FrameInput(warped, noised, maps, canonical, tokens, level)


def reference_input(focus: Focus, maps: Tensor, canonical: Tensor, tokens: Tensor) -> FrameInput:
    """The picture itself as a clean frame: guidance of its own pose, its own pixels, s = 0."""
    clean = torch.zeros(len(maps), device=maps.device)
    return FrameInput(focus.picture, focus.picture * 2 - 1, maps, canonical, tokens, clean)


def render(focus: Focus, frame: FrameInput, layers: Tensor, edit: Edit) -> tuple[Tensor, Tensor]:
    """The edited frame on the focus box at the network's own size, for re-noising and for the losses of training.

    Returns the picture with its alpha (B, 4, side, side), 0..1, and the flow f₀ + Δf (B, 2, G, G) in box units.
    """
    flow = frame.maps[:, MAP_FLOW] + edit.flow
    missing = frame.maps[:, MAP_MOUTH] * (1 - frame.maps[:, MAP_CONFIDENCE])
    maps = Maps(edit.flow, edit.keep, edit.paint, odds(edit.alpha), missing, focus.mouth)
    return draw_layers(focus, layers, maps), flow


def sample_edit(
    step: Callable[[FrameInput], Edit], focus: Focus, frame: FrameInput, layers: Tensor, steps: int = 1
) -> Edit:
    """Few-step sampling of one frame from s = 1 to 0, re-noised with the same noise between steps.

    step: the network. frame: the input at s = 1, its `noised` is the noise. layers: from `layer_maps`. Raises
    ValueError for steps < 1.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    edit = step(frame)
    for i in range(1, steps):
        s = 1 - i / steps
        x = render(focus, frame, layers, edit)[0][:, :3] * 2 - 1
        noised = (1 - s) * x + s * frame.noised
        edit = step(FrameInput(frame.warped, noised, frame.maps, frame.canonical, frame.motion, frame.level * s))
    return edit
