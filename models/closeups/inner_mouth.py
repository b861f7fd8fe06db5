"""The inside of an opening mouth, drawn by rule: two rows of teeth on their arches, gums, tongue and the dark.

The upper row hangs from the skull, so that it stands still in the window of the mouth; the lower one goes along with
the chin. Both are arches in space, projected with the head, so that a turn moves and foreshortens them. Where the lips
part, what is seen of them depends on the lips alone. Their colours are those of white and of lips in the picture's own
light; a flat drawing gets flat rows without lines between the teeth.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.closeups.teeth import visible_teeth, weighted_mean
from models.closeups.window import Window
from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import mouth_width, polyline_y, ring_edges
from models.geometry.topology import CHIN, UPPER_LIP_INNER, HeadTransform

# Canonical units, in which the outer corners of the eyes, 90 mm apart, are 1 apart.
USUAL_WIDTH = 0.55  # of a mouth at rest, whose arches have the size below; others are scaled
SCALE_RANGE = (0.6, 1.5)  # of arches: limits
ARCH = tuple((k - 14) * 0.024 for k in range(29))  # x of the points of an arch, from the middle
ARCH_CURVE = 2.8  # z = curve · x²: canines stand 9 mm behind incisors
ARCH_BEHIND_LIP = 0.05  # of the incisors' fronts behind the inner edge of the upper lip
EDGE_CURVE = 0.22  # y = −curve · x²: the edges of the row rise towards the side
LOWER_ARCH = 0.9  # size of the lower arch over that of the upper one, behind which it closes
SHOWN_AT_REST = 0.03  # of the upper incisors below the inner edge of a resting upper lip
SMILE_SHOWS = 0.045  # more of them below the upper lip of a full smile, which landmarks raise too little
SMILE_WIDTHS = (1.04, 1.3)  # width of the mouth over that at rest: no smile, full smile
JAW_SHARE = 0.95  # of the chin's way that the lower row goes
OVERBITE = 0.015  # by which the upper row covers the lower one in a shut mouth
UPPER_CROWN, LOWER_CROWN = 0.115, 0.085  # heights of teeth, from edge to gum
# Where teeth meet, from the middle: incisors, canine and premolars are 8.5, 6.5, 7.5, 7 and 7 mm wide, lower ones
# 5, 5.5, 7, 7 and 7 mm (Nelson: Wheeler's Dental Anatomy).
UPPER_GAPS = (0.0, 0.092, 0.16, 0.225, 0.275)
LOWER_GAPS = (0.0, 0.055, 0.115, 0.185, 0.24)
GAP_WIDTH = 0.007
GAP_DARKNESS, GAP_NOTCH = 0.22, 0.016  # of the line between teeth; and how much higher the edge is there
BACK_LIGHTNESS = 0.5  # of teeth that stand edge-on at the side of the arch
ROOT_SHADE = 0.14  # by which teeth are darker at the gum
LOWER_LIGHTNESS = 0.74  # of the lower row, in the shadow of the upper one
EDGE_SHADOW, EDGE_SHADE = 0.05, 0.45  # reach of the upper row's shadow on the lower one, and lightness right below it
LIP_SHADOW, LIP_SHADE = 0.06, 0.6  # reach below the upper lip, and lightness right below it
CORNER_REACH, CORNER_SHADE = 0.3, 0.35  # share of the mouth's half width beside its corners, and lightness there
TONGUE_BELOW, TONGUE_RISE, TONGUE_CURVE = 0.02, 0.12, 2.2  # height above the lower row, of a wide open mouth; rounding
TONGUE_OPENINGS = (0.08, 0.3)  # way of the jaw: no tongue is seen, the tongue is seen
TONGUE_EDGE, TONGUE_DEPTH, TONGUE_SHADE = 0.06, 0.25, 0.4  # softness; depth of its lit front; lightness at its top
TOOTH_EDGE_PIXELS, GUM_EDGE = 1.5, 0.25  # softness of a row's edge; of the gum's, of a tooth's height
TOOTH_LIGHTNESS, TOOTH_HUE, TOOTH_TINT = (
    0.88,
    0.4,
    (1.02, 1.0, 0.95),
)  # of white in the picture's light; share of its hue
OWN_TEETH = (0.05, 0.2)  # share of the opening that shows teeth, from which their colour is taken
GUM_LIGHTNESS, TONGUE_LIGHTNESS, DARK_LIGHTNESS = 0.72, 0.7, 0.22  # of the colour of the lips
SKIN_TEXTURE = (0.0006, 0.002)  # median deviation of the skin's lightness: a flat drawing, a photograph or a painting
SHADE_HUE = (0.22, -0.07, -0.2)  # of red, green and blue in the shade over grey: it is reddish between lips
FLAT_SHADE = 0.35  # share of shades that a flat drawing keeps
LIGHT_RANGE, LIGHT_SLOPE = (0.75, 1.25), 1.6  # of either side of the mouth over their mean; 1 / window units


class InnerMouth(NamedTuple):
    """What pictures tell of the inside of B mouths. Canonical units; colours 0..1.

    lip: (B, 3), middle of the upper lip's inner edge at rest.
    chin: (B,), y of the chin at rest.
    width: (B,), of the mouth at rest.
    tooth, gum, tongue, dark: (B, 3), colours.
    detail: (B,), 0 for a flat drawing, 1 for skin with texture.
    light: (B, 2), lightness of the left and of the right side of the picture over their mean.
    """

    lip: Tensor
    chin: Tensor
    width: Tensor
    tooth: Tensor
    gum: Tensor
    tongue: Tensor
    dark: Tensor
    detail: Tensor
    light: Tensor

    @staticmethod
    def none(count: int, device: torch.device) -> InnerMouth:
        """Of so many views that show no mouth."""
        point, number = torch.zeros(count, 3, device=device), torch.ones(count, device=device)
        return InnerMouth(point, number, number, point, point, point, point, number, torch.ones_like(point[:, :2]))

    @staticmethod
    def of(face: Tensor, head: HeadTransform, pixels: Tensor, rings: Tensor, white: Tensor) -> InnerMouth:
        """Measure B pictures at rest.

        face (B, 478, 3): landmarks in units of the map, as head. pixels (B, 3, n, n) 0..1 and rings (B, 2, n, n) 0..1:
        picture, inside and lips of the mouth's window. white (B, 3): their `white_point`.
        """
        local = head.inverse(face)
        inner, outer = rings.split(1, 1)
        lips = weighted_mean(pixels, (outer - inner).clamp_min(0))[..., 0, 0]
        light = white.amax(1, keepdim=True)  # skin is darker than white in green and blue
        detail = smoothstep(*SKIN_TEXTURE, skin_texture(pixels, outer))
        tint = torch.lerp(torch.ones_like(white), const_floats(TOOTH_TINT, white.device), detail[:, None])
        tooth = TOOTH_LIGHTNESS * torch.lerp(light.expand_as(white), white, TOOTH_HUE * detail[:, None]) * tint
        own = visible_teeth(pixels, inner)
        shown = smoothstep(*OWN_TEETH, weighted_mean(own, inner)[:, 0, 0, 0])[:, None]
        tooth = torch.lerp(tooth, weighted_mean(pixels, own)[..., 0, 0], shown)
        red = torch.minimum(lips, lips[:, :1].clamp_min(0.05) * lips.new_tensor([1.0, 0.62, 0.6]))  # flesh of any lips
        grey = pixels.mean(1, keepdim=True)
        sides = torch.stack(
            [_mean(half, 1 - ring) for half, ring in zip(grey.chunk(2, 3), outer.chunk(2, 3), strict=True)], 1
        )
        return InnerMouth(
            lip=local[:, UPPER_LIP_INNER], chin=local[:, CHIN, 1], width=mouth_width(local), tooth=tooth,
            gum=GUM_LIGHTNESS * red, tongue=TONGUE_LIGHTNESS * red, dark=DARK_LIGHTNESS * red,
            detail=detail,
            light=(sides / sides.mean(1, keepdim=True).clamp_min(1e-3)).clamp(*LIGHT_RANGE),
        )  # fmt: skip


def skin_texture(pixels: Tensor, lips: Tensor) -> Tensor:
    """(B,) median deviation of the skin's lightness from that around, in pictures (B, 3, n, n) 0..1 of mouths, beside
    the lips (B, 1, n, n) 0..1.
    """
    grey = pixels.mean(1, keepdim=True)
    skin = (F.max_pool2d(lips, 5, 1, 2) < 0.01).flatten(1)
    deviation = (grey - F.avg_pool2d(grey, 5, 1, 2, count_include_pad=False)).abs().flatten(1)
    return torch.where(skin, deviation, torch.nan).nanmedian(1).values.nan_to_num(0)


class _Row(NamedTuple):
    """A row of teeth on the columns of a window, (B, 1, 1, n) each, window units.

    edge: y of the teeth's edges. across: distance from the middle along the arch, canonical units of a usual arch.
    exists: 1 where the arch reaches, 0 beyond.
    """

    edge: Tensor
    across: Tensor
    exists: Tensor


def draw_inner_mouth(
    inner: InnerMouth, window: Window, head: HeadTransform, face: Tensor, ring: Tensor, side: int
) -> Tensor:
    """(B, 3, side, side) 0..1 the inside of mouths, to be seen through their openings.

    window: of the mouths, on the map. head: now. face (B, 478, 3): landmarks now, units of the map. ring (B, N, 2): the
    opening now, window units, from one corner over the top.
    """
    device, pixel = ring.device, 2 / side
    local = head.inverse(face)
    scale = (inner.width / USUAL_WIDTH).clamp(*SCALE_RANGE)
    unit = scale * head.scale / window.down.norm(dim=-1).clamp_min(1e-6)  # window units of a canonical unit of an arch
    smile = smoothstep(*SMILE_WIDTHS, mouth_width(local) / inner.width.clamp_min(1e-3))
    jaw = (local[:, CHIN, 1] - inner.chin).clamp_min(0)
    shown = scale * SHOWN_AT_REST
    upper = _row(inner, window, head, scale, shown + scale * SMILE_SHOWS * smile, side)
    lower = _row(inner, window, head, scale * LOWER_ARCH, shown + JAW_SHARE * jaw - scale * OVERBITE, side)
    unit, jaw, detail = (each[:, None, None, None] for each in (unit, jaw / scale, inner.detail))
    tooth, gum, tongue, dark = (each[..., None, None] for each in inner[3:7])
    y = unit_grid(side, device)[..., 1][:, None]
    line = unit_grid(side, device)[0, 0, :, 0]
    top = ring_edges(ring, line)[0][:, None]  # (B, 1, 1, n)

    def ramp(way: Tensor, reach: float, least: float) -> Tensor:
        """A shade that ends at a distance in canonical units, for ways in window units."""
        return least + (1 - least) * (way / (reach * unit)).clamp(0, 1)

    # Colour (B, 3, n, n) and shade (B, 1, n, n) of what stands behind: the dark, and a tongue that rises from it.
    wide = smoothstep(*TONGUE_OPENINGS, jaw)
    tongue_top = lower.edge - (TONGUE_BELOW + TONGUE_RISE * wide - TONGUE_CURVE * lower.across.square()) * unit
    over = ((y - tongue_top) / (TONGUE_EDGE * unit) + 0.5).clamp(0, 1) * wide * (lower.across < 1)
    colour, shade = torch.lerp(dark, tongue, over), ramp(y - tongue_top, TONGUE_DEPTH, TONGUE_SHADE)

    def stand_before(row: _Row, above_edge: Tensor, gaps: tuple[float, ...], crown: float, shadow: Tensor) -> None:
        """Lays a row of teeth over colour and shade. above_edge (B, 1, n, n): how far each pixel lies above the row's
        edge towards its gum.
        """
        nonlocal colour, shade
        gap, height = _gaps(row.across, gaps) * detail, above_edge / (crown * unit)
        cover = ((above_edge - GAP_NOTCH * unit * gap) / (TOOTH_EDGE_PIXELS * pixel) + 0.5).clamp(0, 1) * row.exists
        root = ((height - 1) / GUM_EDGE).clamp(0, 1)
        own = (1 - ROOT_SHADE * height.clamp(0, 1)) * (1 - GAP_DARKNESS * gap * (1 - root)) * _facing(row.across)
        colour = torch.lerp(colour, torch.lerp(tooth, gum, root), cover)
        shade = torch.lerp(shade, own * shadow, cover)

    shadow = LOWER_LIGHTNESS * ramp(y - upper.edge, EDGE_SHADOW, EDGE_SHADE)
    stand_before(lower, y - lower.edge, LOWER_GAPS, LOWER_CROWN, shadow)
    stand_before(upper, upper.edge - y, UPPER_GAPS, UPPER_CROWN, torch.ones_like(y))
    corners = torch.stack([ring[:, 0, 0], ring[:, ring.shape[1] // 2, 0]], -1)
    left, right = corners.amin(1)[:, None, None, None], corners.amax(1)[:, None, None, None]
    corner_distance = torch.minimum(line - left, right - line) / ((right - left) / 2).clamp_min(1e-3)
    shade = shade * (CORNER_SHADE + (1 - CORNER_SHADE) * smoothstep(0, CORNER_REACH, corner_distance))
    shade = shade * ramp(y - top, LIP_SHADOW, LIP_SHADE)
    shade = 1 - (1 - shade) * (FLAT_SHADE + (1 - FLAT_SHADE) * detail)
    colour = colour * shade * (1 + const_floats(SHADE_HUE, device)[:, None, None] * (1 - shade))
    first, last = inner.light[:, :, None, None, None].unbind(1)
    return (colour * torch.lerp(first, last, ((LIGHT_SLOPE * line + 1) / 2).clamp(0, 1))).clamp(0, 1)


def _row(inner: InnerMouth, window: Window, head: HeadTransform, scale: Tensor, below: Tensor, side: int) -> _Row:
    """The row of teeth on an arch. scale (B,): its size; below (B,): y of its edges below the lip at rest."""
    device = inner.lip.device
    x = const_floats(ARCH, device).expand(len(scale), -1)
    y, z = -EDGE_CURVE * x.square(), ARCH_CURVE * x.square()
    points = scale[:, None, None] * torch.stack([x, y, z], -1)
    place = inner.lip + torch.stack([torch.zeros_like(below), below, ARCH_BEHIND_LIP * scale], -1)
    in_window = window.to_window(head.apply(points + place[:, None])[..., :2])
    line = unit_grid(side, device)[0, 0, :, 0]
    across = polyline_y(torch.stack([in_window[..., 0], x], -1), line)
    edge = polyline_y(in_window, line)
    exists = (across.abs() < 1).to(edge.dtype)
    return _Row(*(each[:, None, None] for each in (edge, across * exists + 1 - exists, exists)))


def _gaps(across: Tensor, places: tuple[float, ...]) -> Tensor:
    """0..1, 1 in the middle of the line between two teeth, at distances from the middle along an arch."""
    distance = (across.abs()[..., None] - const_floats(places, across.device)).abs().amin(-1)
    return torch.exp(-(distance / GAP_WIDTH).square())


def _facing(across: Tensor) -> Tensor:
    """Lightness of teeth by how far they face the front, at distances from the middle along an arch."""
    return BACK_LIGHTNESS + (1 - BACK_LIGHTNESS) * torch.rsqrt(1 + (2 * ARCH_CURVE * across).square())


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """(B,) weighted mean of (B, 1, h, w)."""
    return weighted_mean(values, weight)[:, 0, 0, 0]
