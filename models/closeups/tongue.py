"""A tongue that comes out over the lower lip, drawn by rule.

It lies on a surface in the head's own axes, which rises from behind the lower lip, passes over it and hangs before the
chin, so that it turns and foreshortens with the head. It is seen below the upper lip alone. Its colour is that of the
lips' flesh in the picture's own light; a flat drawing gets a flat tongue with lines.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.closeups.inner_mouth import SCALE_RANGE, TONGUE_LIGHTNESS, USUAL_WIDTH, InnerMouth
from models.closeups.inputs import CloseupReference, MovingPicture, gather_landmarks
from models.closeups.patches import CloseupEdit, Patch
from models.closeups.teeth import clamp_chroma
from models.closeups.window import Window, window_fade
from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import INNER_MOUTH_CORNERS, polyline_y
from models.geometry.topology import INNER_LIPS, LOWER_LIP_INNER, LOWER_LIP_OUTER, UPPER_LIP_INNER, inverse_2x2

# Lengths are in canonical units, in which the outer corners of the eyes, 90 mm apart, are 1 apart, for a mouth of the
# usual width.
HALF_SIDE, PATCH_SIDE, BELOW = 0.44, 128, 0.12  # of the window, its pixels, and its middle below the lower lip's edge
LENGTH, HALF_WIDTH, MAX_WIDTH_SHARE = 0.36, 0.19, 0.44  # below the lip's edge; limit, of the mouth's inner width
IN_MOUTH = 0.3  # of the gap between the lips, by which the tip of a tongue that is in lies above the lower one
TIP_RADIUS = 0.22  # over which the tip narrows
NARROW, NARROW_REACH = 0.1, 0.13  # share of its width by which it is narrower over the lip, and how far beside it
ROOT = 0.85  # of the gap between the lips: where it rises from the dark of the mouth
BEFORE_LIP = 0.03  # by which it lies before the foremost of the lower lip
ROOT_BACK, HANGS_BACK, BEND, ARCHED = 0.7, 0.22, 0.08, 0.5  # slopes on both sides of the lip, between them; across
DEPTH_STEPS = 3  # by which the place of a pixel on the curved surface is found
SHOWN = (0.0, 0.12)  # how far it is out: nothing is drawn; it is opaque
EDGE_PIXELS, LIP_EDGE = 1.5, 0.025  # softness of its outline; of the edge of the upper lip, window units
LIGHTNESS = 1.12  # of the flesh outside over that of the lips
GROOVE_WIDTH, GROOVE_SHADE, GROOVE_ENDS = 0.1, 0.2, (0.14, 0.28)  # of half its width; before the tip it ends
SIDE_SHADE, TIP_SHADE, ROOT_SHADE = 0.3, 0.2, 0.55  # by which it is darker towards its sides, tip and root
LIP_SHADOW, LIP_SHADE = 0.12, 0.4  # reach of the upper lip's shadow, and by how much it darkens
GLOSS, GLOSS_PLACE, GLOSS_SIZE = 0.16, (0.45, 0.1), (0.22, 0.07)  # of two wet spots beside the groove
CAST, CAST_DOWN, CAST_SOFT = 0.45, 0.035, 0.06  # its shadow on lip and chin: strength, way down and softness
CAST_LIGHTNESS = (0.5, 0.36, 0.32)  # of the shadow, of white in the picture's light
FLAT_SHADE, LINE_WIDTH, LINE_LIGHTNESS = 0.3, 0.016, 0.42  # of a drawing: share of its shades, and its lines


class Surface(NamedTuple):
    """The surfaces of B tongues at the n × n pixels of their windows, n = `PATCH_SIDE`. Canonical units.

    across, down: (B, n, n), the place on the surface, from the middle of the lower lip's edge.
    below: (B, n, n), how far a pixel lies below the upper lip's inner edge, window units.
    half, tip, root: (B, 1, 1), half its width; where it ends, and begins, on the way down.
    scale: (B, 1, 1), size of the mouth over the usual one.
    """

    across: Tensor
    down: Tensor
    below: Tensor
    half: Tensor
    tip: Tensor
    root: Tensor
    scale: Tensor

    def depth_in_outline(self, shift: float = 0.0) -> Tensor:
        """(B, n, n) distance inwards from the outline, negative outside. shift: by which it lies lower, for a mouth of
        the usual width.
        """
        down, radius = self.down - shift * self.scale, TIP_RADIUS * self.scale
        half = self.half * (1 - NARROW * torch.exp(-(down / (NARROW_REACH * self.scale)).square()))
        beyond = ((down - self.tip + radius) / radius).clamp_min(0)
        norm = ((self.across / half).square() + beyond.square() + 1e-6).sqrt()
        return (1 - norm) * torch.minimum(self.half, radius)


def any_tongue(tongue: Tensor) -> bool:
    """Whether any tongue is out, (B,) 0..1. On a device always true: to ask would synchronise host and device."""
    return tongue.device.type != "cpu" or bool((tongue > 0).any())


def tongue_patch(moving: MovingPicture, reference: CloseupReference) -> Patch:
    """The tongues of B moving pictures as a patch, which draws nothing where they are in. reference: of the mouth."""
    inner = reference.inner_mouth
    window, surface = tongue_surface(moving, inner)
    depth, scale = surface.depth_in_outline(), surface.scale
    lip = (surface.below / LIP_EDGE + 0.5).clamp(0, 1)
    shown = (lip * smoothstep(*SHOWN, moving.tongue)[:, None, None])[:, None]
    pixel = 2 * HALF_SIDE / PATCH_SIDE * scale
    rises = smoothstep(0.0, 1.0, (surface.down - surface.root) / (0.35 * surface.root.abs() + 0.02))
    cover = shown * ((depth / (EDGE_PIXELS * pixel) + 0.5).clamp(0, 1) * rises)[:, None]
    cast = smoothstep(0.0, 1.0, surface.depth_in_outline(CAST_DOWN) / (CAST_SOFT * scale) + 0.6)
    cast = cast * smoothstep(-0.03, 0.06, surface.down / scale) * inner.detail[:, None, None]
    under = (1 - cover) * CAST * shown * cast[:, None]
    shadow = reference.white_point * const_floats(CAST_LIGHTNESS, cover.device)
    flesh = tongue_colours(surface, depth, reference)
    paint = (cover * flesh + under * shadow[..., None, None]) / (cover + under).clamp_min(1e-3)
    fade = window_fade(unit_grid(PATCH_SIDE, cover.device))
    still = cover.new_zeros(len(cover), 2, PATCH_SIDE // 2, PATCH_SIDE // 2)
    return Patch(window, CloseupEdit(still, 1 - (cover + under) * fade, paint.clamp(0, 1), cover * fade), is_solid=True)


def tongue_surface(moving: MovingPicture, inner: InnerMouth) -> tuple[Window, Surface]:
    """The windows of B tongues and what of their surfaces lies there."""
    head, device = moving.head, moving.face.device
    local = head.inverse(moving.face)
    size = (inner.width / USUAL_WIDTH).clamp(*SCALE_RANGE)
    upper, edge, front = (local[:, mark] for mark in (UPPER_LIP_INNER, LOWER_LIP_INNER, LOWER_LIP_OUTER))
    start = torch.cat([edge[:, :2], (torch.minimum(edge[:, 2], front[:, 2]) - BEFORE_LIP * size)[:, None]], 1)
    corners = gather_rows(local, INNER_MOUTH_CORNERS)
    half = torch.minimum(HALF_WIDTH * size, MAX_WIDTH_SHARE * (corners[:, 1] - corners[:, 0]).norm(dim=-1))
    gap = (edge[:, 1] - upper[:, 1]).clamp_min(0)
    tip = torch.lerp(-IN_MOUTH * gap, LENGTH * size, moving.tongue)

    middle = start + size[:, None] * const_floats((0.0, BELOW, 0.0), device)
    downwards = head.rotation[:, :2, 1]
    downwards = downwards / downwards.norm(dim=-1, keepdim=True).clamp_min(1e-3)
    downwards = downwards * (HALF_SIDE * size * head.scale)[:, None]
    across = torch.stack([downwards[:, 1], -downwards[:, 0]], -1)
    window = Window(head.apply(middle[:, None])[:, 0, :2], across, downwards)
    offset = window.grid(PATCH_SIDE) - head.apply(start[:, None])[:, :, None, :2]
    offset = offset / head.scale[:, None, None, None]
    to_surface = inverse_2x2(head.rotation[:, :2, :2])
    inwards = head.rotation[:, None, None, :2, 2]  # what a step away from the camera is on the picture
    half, tip, root, scale = (each[:, None, None] for each in (half, tip, -ROOT * gap, size))
    depth = torch.zeros_like(offset[..., 0])
    for _ in range(DEPTH_STEPS):
        place = (offset - depth[..., None] * inwards) @ to_surface.mT[:, None]
        t, s = place.unbind(-1)
        bend = (s.square() + (BEND * scale).square()).sqrt()
        depth = HANGS_BACK * (bend + s) / 2 + ROOT_BACK * (bend - s) / 2 + ARCHED * t.square() / scale
    below = below_upper_lip(window.to_window(gather_landmarks(moving.face, [INNER_LIPS])))
    return window, Surface(t, s, below, half, tip, root, scale)


def tongue_colours(surface: Surface, depth: Tensor, reference: CloseupReference) -> Tensor:
    """(B, 3, n, n) 0..1 the colours of B tongues. depth (B, n, n): distance inwards from their outlines."""
    inner, scale = reference.inner_mouth, surface.scale
    detail, across = inner.detail[:, None, None], (surface.across / surface.half).abs()
    groove = torch.exp(-(across / GROOVE_WIDTH).square())
    groove = groove * smoothstep(*GROOVE_ENDS, (surface.tip - surface.down) / scale)
    at_tip = ((surface.down - surface.tip) / (TIP_RADIUS * scale) + 1).clamp(0, 1.2).square()
    in_mouth = (1 - (surface.down - surface.root) / (surface.root.abs() + 0.06 * scale)).clamp(0, 1)
    under_lip = (1 - surface.below * HALF_SIDE / LIP_SHADOW).clamp(0, 1)
    shade = (
        (1 - GROOVE_SHADE * groove)
        * (1 - SIDE_SHADE * across.clamp_max(1.2) * across.square())
        * (1 - TIP_SHADE * at_tip)
    )
    shade = shade * (1 - torch.maximum(ROOT_SHADE * in_mouth, LIP_SHADE * under_lip))
    shade = 1 - (1 - shade) * (FLAT_SHADE + (1 - FLAT_SHADE) * detail)
    middle_line = smoothstep(0.55, 0.85, groove) * smoothstep(0.0, 0.06, surface.down / scale)
    line = torch.maximum(1 - smoothstep(0.5, 1.0, depth / (LINE_WIDTH * scale)), middle_line)
    shade = torch.lerp(shade, shade * LINE_LIGHTNESS, line * (1 - detail))
    place = (across - GLOSS_PLACE[0]) / GLOSS_SIZE[0], (surface.down / scale - GLOSS_PLACE[1]) / GLOSS_SIZE[1]
    gloss = GLOSS * detail * torch.exp(-(place[0].square() + place[1].square()))
    flesh = (LIGHTNESS / TONGUE_LIGHTNESS * inner.tongue)[..., None, None]
    from_left = (unit_grid(PATCH_SIDE, shade.device)[..., 0] + 1) / 2
    light = torch.lerp(inner.light[:, :1, None], inner.light[:, 1:, None], from_left)
    white = reference.white_point[..., None, None]
    colour = torch.lerp(flesh * (shade * light)[:, None], white, gloss[:, None]).clamp(0, 1)
    return clamp_chroma(colour, reference.chroma_range)


def below_upper_lip(ring: Tensor) -> Tensor:
    """(B, n, n) how far each pixel of a window lies below the upper lip's inner edge, window units; beside the mouth,
    below its corner. ring (B, N, 2): the opening, window units, from one corner over the top.
    """
    chain = ring[:, : ring.shape[1] // 2 + 1]
    x, grid = chain[..., 0], unit_grid(PATCH_SIDE, ring.device)
    low, high = x.amin(1, keepdim=True) + 1e-3, x.amax(1, keepdim=True) - 1e-3
    line = torch.minimum(torch.maximum(grid[0, :1, :, 0].expand(len(ring), -1), low), high)
    return grid[..., 1] - polyline_y(chain, line)[:, None]
