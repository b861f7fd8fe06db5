"""The head's texture: a flat chart of the whole head, completed when the picture is prepared.

A point of the head lies on the chart at its direction from the skull's centre, in Lambert's azimuthal equal-area
projection: the face is in the middle, the back of the head at the rim of the unit disc. What pictures show well is
taken from them; what they hide comes from the other side of the head in the light of this side, then, for hair, from
the mirror image across the outline, then smoothly from around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, interpolate, rasterise
from models.geometry.ears import ear_mesh
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.head_palette import Palette, hair_likeness, head_palette, skin_likeness
from models.geometry.inpaint import blur, pull_push
from models.geometry.shell import shell
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import MESH, topology

CHART_SIDE = 512  # texels along a side
# How much a surface faces the camera: the picture shows nothing of it, and all of it. At a slant a face's border shows
# hair and ears, drawn out into streaks, where smooth skin looks better; hair may be drawn out.
FACE_VISIBILITY, SHELL_VISIBILITY = (0.28, 0.55), (0.05, 0.35)
OPAQUE = (0.8, 1.0)  # alpha of a picture from which a texel is not taken, and taken
LIGHT_RANGE = 0.6  # log of the factor between the light of both sides: limit
SMOOTH_SCALE = 4  # light and filling are smooth, and computed on a chart so many times coarser
LIGHT_BLUR = 4  # texels of the coarse chart
FACE_RADIUS = (0.54, 0.64)  # of the chart: within it face and ears, beyond it hair
HIGHER_HAIR = 0.1  # by so much of the chart's radius hair begins nearer to the face above the eyes
NAPE = (0.5, 0.68)  # downward component of a ray: hair above, and below the nape of the neck
BEHIND_EARS = (0.72, 0.8)  # of the chart's radius: from there on only hair is taken from where a picture shows a slant
SLANT = (0.35, 0.6)  # how much a surface faces the camera: at a slant, and well seen
GIVES_WAY = (0.4, 0.7)  # how much a picture's surface faces the camera, over how much a view's does: replaced, and kept
FILLED_BELOW = 0.25  # hair of less visibility is blended with what is filled in, a face wherever it is below 1
ANY_COLOUR = 0.01  # weight of what does not look like skin, for faces of which nothing does
CLEAR = (0.6, 0.98)  # visibility of a face at a slant, where its colours must fit, and of what is taken as it is
LOCKS, LOCK_BLUR = (0.45, 0.65), 2  # share of hair in what is around, texels of the coarse chart: skin, and hair


class ChartGrid(NamedTuple):
    """How the head's V vertices lie on the chart, C = `CHART_SIDE`.

    position: (V, 2) of the vertices, −1..1, those of the ears included.
    corners, weights: (C², 3) the vertices about each texel, and their barycentric weights.
    covered: (1, 1, C, C) 0 or 1.
    """

    position: Tensor
    corners: Tensor
    weights: Tensor
    covered: Tensor

    def spread(self, values: Tensor) -> Tensor:
        """Vertex values (B, V, K) as texels (B, K, C, C)."""
        batch = len(values)
        return interpolate(self.corners.expand(batch, -1, -1), self.weights.expand(batch, -1, -1), values)


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensors must also be usable in training
def chart_grid(device: torch.device) -> ChartGrid:
    """The chart of the head's vertices: the face's mesh and the shell, over which ears have no place of their own. The
    same for every head.
    """
    face, rays = topology("cpu"), shell(torch.device("cpu"))
    offset = face.canonical[:MESH] - face.canonical.new_tensor(SKULL_CENTRE)
    ears = F.normalize(ear_mesh(torch.device("cpu")).mean - offset.new_tensor(SKULL_CENTRE), dim=-1)
    direction = torch.cat([F.normalize(offset, dim=-1), rays.rays, ears])
    radius = ((1 + direction[:, 2:]) / 2).clamp_min(0).sqrt()  # the sine of half the angle from the front
    position = direction[:, :2] / direction[:, :2].norm(dim=-1, keepdim=True).clamp_min(1e-6) * radius
    depth = torch.cat([torch.zeros(MESH), torch.ones(len(rays.rays))])  # the face's mesh lies over the shell
    points = torch.cat([position[: len(depth)], depth[:, None]], -1)
    triangles = [face.triangles, rays.triangles + MESH]
    buckets = []
    for part in triangles:
        corner = position[part]
        extent = float((corner.amax(1) - corner.amin(1)).max()) * CHART_SIDE / 2
        buckets.append(Bucket(part, math.ceil(extent) + 1))
    corners, weights = rasterise(points[None], buckets, CHART_SIDE)
    covered = (weights[0].sum(-1) > 0.5).float().view(1, 1, CHART_SIDE, CHART_SIDE)
    return ChartGrid(*(part.to(device) for part in (position, corners[0], weights[0], covered)))


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def mirrored_vertices(device: torch.device) -> Tensor:
    """(V,) long, the vertex of the head on the other side of its plane of symmetry."""
    template = topology(device).canonical[:MESH]
    face = torch.cdist(template * template.new_tensor([-1.0, 1.0, 1.0]), template).argmin(1)
    return torch.cat([face, shell(device).mirrored + MESH])


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def hair_region(device: torch.device) -> Tensor:
    """(1, 1, C, C) 0..1: 1 where the head carries hair or nothing, 0 in the face's mesh and at the ears."""
    x, y = unit_grid(CHART_SIDE, device).unbind(-1)
    above = HIGHER_HAIR * smoothstep(0.08, 0.35, -y)
    on_shell = (chart_grid(device).corners >= MESH).any(-1).view(1, 1, CHART_SIDE, CHART_SIDE).to(x.dtype)
    no_mesh = torch.maximum(on_shell, 1 - chart_grid(device).covered)
    above_nape = 1 - smoothstep(*NAPE, 2 * y * (1 - x.square() - y.square()).clamp_min(0).sqrt())
    return (smoothstep(*FACE_RADIUS, torch.hypot(x, y) + above) * above_nape).unsqueeze(1) * no_mesh


class Source(NamedTuple):
    """What one picture shows of the head's V vertices.

    person: (B, 4, S, S) premultiplied RGB and alpha, 0..1. place: (B, V, 2) canvas units of this picture. facing:
    (B, V) 0..1, how much the vertices face the camera, 0 where something is in front.
    """

    person: Tensor
    place: Tensor
    facing: Tensor


class Shown(NamedTuple):
    """The chart as one picture shows it: colour (B, 3, C, C), its visibility (B, 1, C, C), 0..1, and how much the
    surface faces the camera there (B, 1, C, C), 0..1.
    """

    colour: Tensor
    visibility: Tensor
    facing: Tensor


def sample_source(source: Source, order: Tensor | None = None) -> Shown:
    """The chart as one picture shows it.

    order: (V,) takes each vertex from another one, the mirrored.
    """
    grid = chart_grid(source.place.device)
    place, facing = source.place, source.facing
    if order is not None:
        place, facing = place[:, order], facing[:, order]
    visibility = torch.cat(
        [smoothstep(*FACE_VISIBILITY, facing[:, :MESH]), smoothstep(*SHELL_VISIBILITY, facing[:, MESH:])], 1
    )
    where, seen, facing = grid.spread(torch.cat([place, visibility[..., None], facing[..., None]], -1)).split(
        [2, 1, 1], 1
    )
    where = where.permute(0, 2, 3, 1)
    colour, alpha = F.grid_sample(source.person, where, "bilinear", "border", False).split([3, 1], 1)
    return Shown((colour / alpha.clamp_min(1e-3)).clamp(0, 1), seen * smoothstep(*OPAQUE, alpha), facing)


def match_light(colour: Tensor, visibility: Tensor, target: Tensor, target_visibility: Tensor) -> Tensor:
    """Colours (B, 3, C, C) in the light of `target`: times the smooth ratio of both, measured
    where both are visible. visibility, target_visibility: (B, 1, C, C), 0..1.
    """
    both = visibility * target_visibility
    weight = blur(coarse(both), LIGHT_BLUR).clamp_min(1e-4)
    means = [(blur(coarse(part * both), LIGHT_BLUR) / weight + 0.02).log() for part in (target, colour)]
    known = smoothstep(0.02, 0.2, weight)
    ratio = pull_push((means[0] - means[1]).clamp(-LIGHT_RANGE, LIGHT_RANGE), known)
    return (colour * fine(ratio.exp())).clamp(0, 1)


def make_chart(sources: Sequence[Source]) -> Tensor:
    """The completed chart (B, 4, C, C), RGB and alpha 0..1.

    sources: the picture, then further views of the same head.
    """
    device = sources[0].place.device
    mirror = mirrored_vertices(device)
    hair = hair_region(device)
    shown = [sample_source(source) for source in sources]
    texture, total, facing = shown[0]
    total = total * hair_behind_ears(shown[0], hair, head_palette(texture, total))
    for view in shown[1:]:
        colour = match_light(view.colour, view.visibility, texture, total)
        visibility = view.visibility * hair_behind_ears(view, hair, head_palette(texture, total))
        # A picture that sees a texel much less frontally than this view gives way to it.
        kept = torch.lerp(
            torch.ones_like(total), smoothstep(*GIVES_WAY, facing / view.facing.clamp_min(1e-3)), visibility
        )
        texture, total = add_where_missing(texture, total * kept, colour, visibility)
        facing = torch.maximum(facing, view.facing * visibility)
    own, own_visibility, palette = texture, total, head_palette(texture, total)
    for source in sources:
        view = sample_source(source, mirror)
        colour = match_light(view.colour, view.visibility, own, own_visibility)
        visibility = view.visibility * hair_behind_ears(view, hair, palette)
        texture, total = add_where_missing(texture, total, colour, visibility)
    palette = head_palette(texture, total)
    back, back_visibility = reflect_across_outline(torch.cat([texture, total * hair], 1)).split([3, 1], 1)
    texture, total = add_where_missing(texture, total, back, back_visibility * hair * hair_likeness(back, palette))
    # Hair is continued by hair alone, and skin by skin. Beside a face it is what lies next to it, such as a lock.
    hair_like, skin_like = hair_likeness(texture, palette), skin_likeness(texture, palette)
    hair_nearby = fine(smoothstep(*LOCKS, blur(coarse(continued(hair_like, total)), LOCK_BLUR)))
    is_hair = torch.maximum(hair, hair_nearby)
    skin_filled = continued(texture, total * (1 - is_hair) * skin_like.clamp_min(ANY_COLOUR))
    hair_filled = continued(texture, total * is_hair * hair_like)
    filled = torch.lerp(skin_filled, hair_filled, is_hair)
    # A face that is seen at a slant shows streaks of what lies beside it.
    fits = torch.lerp(torch.lerp(skin_like, hair_like, hair_nearby), torch.ones_like(total), smoothstep(*CLEAR, total))
    known = torch.lerp(total * fits, (total / FILLED_BELOW).clamp_max(1), hair)
    return torch.cat([torch.lerp(filled, texture, known), torch.ones_like(total)], 1)


def add_where_missing(texture: Tensor, total: Tensor, view: Tensor, visibility: Tensor) -> tuple[Tensor, Tensor]:
    """A texture (B, 3, C, C), known to the share `total` (B, 1, C, C), 0..1, and what a view adds to the rest of it."""
    share = visibility * (1 - total)
    together = total + share
    return (total * texture + share * view) / together.clamp_min(1e-4), together


def continued(texture: Tensor, weight: Tensor) -> Tensor:
    """A texture (B, 3, C, C), known to the weight (B, 1, C, C), 0..1, continued smoothly."""
    rough = coarse(weight)
    return fine(pull_push(coarse(texture * weight) / rough.clamp_min(1e-4), rough))


def coarse(chart: Tensor) -> Tensor:
    """A chart (B, K, C, C) averaged to a side of C / `SMOOTH_SCALE`."""
    return F.avg_pool2d(chart, SMOOTH_SCALE)


def fine(chart: Tensor) -> Tensor:
    """A coarse chart (B, K, C / `SMOOTH_SCALE`, ·) at the side C."""
    return F.interpolate(chart, scale_factor=SMOOTH_SCALE, mode="bilinear", align_corners=False)


def reflect_across_outline(chart: Tensor) -> Tensor:
    """A chart (B, K, C, C) that shows at each angle from the front what lies at 180 degrees minus that angle."""
    where = unit_grid(CHART_SIDE, chart.device)
    radius = where.norm(dim=-1, keepdim=True).clamp_min(1e-4)
    where = where * ((1 - radius.square()).clamp_min(0).sqrt() / radius)
    return F.grid_sample(chart, where.expand(len(chart), -1, -1, -1), "bilinear", "zeros", False)


def hair_behind_ears(shown: Shown, hair: Tensor, palette: Palette) -> Tensor:
    """(B, 1, C, C) factor of visibility: behind the ears a picture's outermost texels count if they look like hair.

    There, the outline shows an ear or a cheek for what goes on behind it. hair: from `hair_region`; palette: from
    `head_palette`.
    """
    behind = hair * smoothstep(*BEHIND_EARS, unit_grid(CHART_SIDE, hair.device).norm(dim=-1)).unsqueeze(1)
    return 1 - behind * (1 - smoothstep(*SLANT, shown.facing)) * (1 - hair_likeness(shown.colour, palette))
