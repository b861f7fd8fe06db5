"""The head's texture: a flat chart of the whole head, completed when the picture is prepared.

A point of the head lies on the chart at its direction from the skull's centre, in Lambert's azimuthal equal-area
projection: the face is in the middle, the back of the head at the rim of the unit disc. What pictures show well is
taken from them; what they hide comes from the other side of the head in the light of this side, then, for hair, from
the mirror image across the outline, then smoothly from around it. What is hair and what is skin is decided first, so
that each is completed from its own kind.
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
from models.geometry.hair_detail import hair_detail
from models.geometry.inpaint import blur, dilate, pull_push
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
ABOVE_EARS, BEHIND_EARS = (-0.08, 0.04), (0.72, 0.8)  # y of the chart from which on hair begins at this radius instead
BELOW_EARS = (0.38, 0.46)  # y of the chart from which on it shows jaw and neck, and hair only if that hangs
JAW_BORDER = 8  # texels between the face's mesh and the hair that hangs beside it
NAPE = (0.5, 0.68)  # downward component of a ray: hair above, and below the nape of the neck
SLANT = (0.5, 0.65)  # how much a surface faces the camera: at a slant, and well seen
GIVES_WAY = (0.4, 0.7)  # how much a picture's surface faces the camera, over how much a view's does: replaced, and kept
FILLED_BELOW = 0.5  # hair of less visibility is blended with what is filled in, a face wherever it is below 1
WELL_KNOWN = (0.4, 0.8)  # visibility of what is not continued, and of what is
LEAST = 0.02  # share of what is continued that must be of its kind; where less is, all of it counts
# Hair is continued from hair that faces the camera so much, times its visibility: not at all, and fully; that lies so
# many texels of the coarse chart inside of hair; if there is so much of it, as a share of the chart.
PLAIN, INSIDE, LEAST_HAIR = (0.12, 0.25), 1, 0.005
SLANTED_HAIR = (0.07, 0.2)  # how much hair faces the camera, times its visibility: filled in, and kept
DETAIL_BLUR = 3  # texels of the coarse chart: what of hair is finer is repeated where no picture shows it
SOFT_HAIRLINE = 1  # texels of the coarse chart: blur of the border between hair and skin where no picture shows it
MOSTLY, HAIRLINE_BLUR = (0.44, 0.56), 1  # share of hair: skin, and hair; texels of the coarse chart


class ChartGrid(NamedTuple):
    """How the V vertices of B heads lie on the chart, C = `CHART_SIDE`; B is 1 where all lie as the mean head's.

    position: (B, V, 2) of the vertices, −1..1, those of the ears included.
    corners, weights: (B, C², 3) the vertices about each texel, and their barycentric weights.
    covered: (B, 1, C, C) 0 or 1.
    """

    position: Tensor
    corners: Tensor
    weights: Tensor
    covered: Tensor

    def spread(self, values: Tensor) -> Tensor:
        """Vertex values (B, V, K) as texels (B, K, C, C)."""
        batch = len(values)
        return interpolate(self.corners.expand(batch, -1, -1), self.weights.expand(batch, -1, -1), values)

    def on_shell(self) -> Tensor:
        """(B, 1, C, C) bool, texels about which there is a vertex of the shell, and those that no triangle covers."""
        return (self.corners >= MESH).any(-1).view_as(self.covered) | (self.covered < 1)


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensors must also be usable in training
def chart_grid(device: torch.device) -> ChartGrid:
    """The chart of the mean head: the face's mesh and the shell, over which ears have no place of their own."""
    cpu = torch.device("cpu")
    vertices = torch.cat([topology("cpu").canonical[:MESH], ear_mesh(cpu).mean])
    return ChartGrid(*(part.to(device) for part in lay_out(vertices[None])))


def head_grid(face: Tensor, flatness: Tensor) -> ChartGrid:
    """The chart of heads with landmarks (B, 468, 3), canonical units. flatness (B,), 0..1: as much as that their own
    face decides, and not the mean one. The border of a flat face is farther in front, and what of the shell lies beside
    it would have the texels of its cheeks.
    """
    usual = chart_grid(face.device)
    if not (flatness > 0).any():
        return usual
    mean = topology(face.device).canonical[:MESH]
    own = torch.lerp(mean.expand_as(face), face, flatness[:, None, None])
    return lay_out(torch.cat([own, ear_mesh(face.device).mean.expand(len(face), -1, -1)], 1))


def lay_out(vertices: Tensor) -> ChartGrid:
    """The chart of heads with vertices (B, `MESH` + E, 3) of face and ears, canonical units."""
    device = vertices.device
    face, rays = topology(device), shell(device)
    offset = F.normalize(vertices - vertices.new_tensor(SKULL_CENTRE), dim=-1)
    on_shell = rays.rays.expand(len(vertices), -1, -1)
    direction = torch.cat([offset[:, :MESH], on_shell, offset[:, MESH:]], 1)
    radius = ((1 + direction[..., 2:]) / 2).clamp_min(0).sqrt()  # the sine of half the angle from the front
    position = direction[..., :2] / direction[..., :2].norm(dim=-1, keepdim=True).clamp_min(1e-6) * radius
    depth = torch.cat([torch.zeros(MESH), torch.ones(len(rays.rays))]).to(device)  # the face's mesh lies over the shell
    points = torch.cat([position[:, : len(depth)], depth.expand(len(position), -1)[..., None]], -1)
    buckets = []
    for part in (face.triangles, rays.triangles + MESH):
        corner = position[:, part]
        extent = float((corner.amax(2) - corner.amin(2)).max()) * CHART_SIDE / 2
        buckets.append(Bucket(part, math.ceil(extent) + 1))
    corners, weights = rasterise(points, buckets, CHART_SIDE)
    covered = (weights.sum(-1) > 0.5).float().view(-1, 1, CHART_SIDE, CHART_SIDE)
    return ChartGrid(position, corners, weights, covered)


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def mirrored_vertices(device: torch.device) -> Tensor:
    """(V,) long, the vertex of the head on the other side of its plane of symmetry."""
    template = topology(device).canonical[:MESH]
    face = torch.cdist(template * template.new_tensor([-1.0, 1.0, 1.0]), template).argmin(1)
    return torch.cat([face, shell(device).mirrored + MESH])


def hair_region(grid: ChartGrid) -> Tensor:
    """(B, 1, C, C) 0..1: 1 where the head carries hair or nothing, 0 in the face's mesh and at the ears."""
    x, y = unit_grid(CHART_SIDE, grid.covered.device).unbind(-1)
    above = HIGHER_HAIR * smoothstep(0.08, 0.35, -y)
    above_nape = 1 - smoothstep(*NAPE, 2 * y * (1 - x.square() - y.square()).clamp_min(0).sqrt())
    radius = torch.hypot(x, y)
    beside_ears = smoothstep(*ABOVE_EARS, y)
    region = torch.lerp(smoothstep(*FACE_RADIUS, radius + above), smoothstep(*BEHIND_EARS, radius), beside_ears)
    return (region * above_nape).unsqueeze(1) * grid.on_shell()


def below_ears(grid: ChartGrid) -> Tensor:
    """(B, 1, C, C) 0..1: 1 below the ears, beside and behind the face's mesh."""
    below = smoothstep(*BELOW_EARS, unit_grid(CHART_SIDE, grid.covered.device)[..., 1]).unsqueeze(1)
    return below * (1 - dilate((~grid.on_shell()).to(below.dtype), JAW_BORDER))


class Source(NamedTuple):
    """What one picture shows of the head's V vertices.

    person: (B, 4, S, S) premultiplied RGB and alpha, 0..1. parts: (B, 2, S, S) 0..1, hair and skin. place: (B, V, 2)
    canvas units of this picture. facing: (B, V) 0..1, how much the vertices face the camera, 0 where something is in
    front.
    """

    person: Tensor
    parts: Tensor
    place: Tensor
    facing: Tensor


class Shown(NamedTuple):
    """The chart as one picture shows it.

    texture: (B, 5, C, C), RGB, hair and skin, 0..1. visibility: (B, 1, C, C), 0..1.
    facing: (B, 1, C, C), 0..1, how much the surface faces the camera.
    """

    texture: Tensor
    visibility: Tensor
    facing: Tensor


def sample_source(source: Source, grid: ChartGrid, order: Tensor | None = None) -> Shown:
    """The chart as one picture shows it.

    order: (V,) takes each vertex from another one, the mirrored.
    """
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
    layers = torch.cat([source.person, source.parts], 1)
    colour, alpha, parts = F.grid_sample(layers, where, "bilinear", "border", False).split([3, 1, 2], 1)
    texture = torch.cat([(colour / alpha.clamp_min(1e-3)).clamp(0, 1), parts], 1)
    return Shown(texture, seen * smoothstep(*OPAQUE, alpha), facing)


def match_light(view: Shown, target: Tensor, target_visibility: Tensor) -> Tensor:
    """The texture (B, 5, C, C) of a view in the light of `target`, another texture: colours times the smooth ratio of
    both, measured where both are visible. target_visibility: (B, 1, C, C), 0..1.
    """
    colour, parts = view.texture.split([3, 2], 1)
    both = view.visibility * target_visibility
    weight = blur(coarse(both), LIGHT_BLUR).clamp_min(1e-4)
    means = [(blur(coarse(part * both), LIGHT_BLUR) / weight + 0.02).log() for part in (target[:, :3], colour)]
    known = smoothstep(0.02, 0.2, weight)
    ratio = pull_push((means[0] - means[1]).clamp(-LIGHT_RANGE, LIGHT_RANGE), known)
    return torch.cat([(colour * fine(ratio.exp())).clamp(0, 1), parts], 1)


def make_chart(sources: Sequence[Source], grid: ChartGrid, hangs: Tensor) -> Tensor:
    """The completed chart (B, 4, C, C), RGB and alpha 0..1.

    sources: the picture, then further views of the same head. hangs: (B,) 0..1, whether hair hangs beside the neck.
    """
    mirror, hair = mirrored_vertices(hangs.device), hair_region(grid)
    views = [sample_source(source, grid) for source in sources]
    mirrored = [sample_source(source, grid, mirror) for source in sources]
    usual = [(torch.ones_like(hair), hair), (hangs.view(-1, 1, 1, 1), below_ears(grid))]
    is_hair = hair_share([*views, *mirrored], usual)
    views, mirrored = ([without_streaks(view, is_hair) for view in each] for each in (views, mirrored))
    texture, total, facing = views[0].texture, views[0].visibility, views[0].facing
    for view in views[1:]:
        # A picture that sees a texel much less frontally than this view gives way to it.
        ratio = smoothstep(*GIVES_WAY, facing / view.facing.clamp_min(1e-3))
        kept = torch.lerp(torch.ones_like(total), ratio, view.visibility)
        texture, total = add_where_missing(texture, total * kept, match_light(view, texture, total), view.visibility)
        facing = torch.maximum(facing, view.facing * view.visibility)
    own, own_visibility = texture, total
    for view in mirrored:
        texture, total = add_where_missing(texture, total, match_light(view, own, own_visibility), view.visibility)
    frontal = torch.stack([view.facing * view.visibility for view in [*views, *mirrored]]).amax(0)
    plain_hair = inside(texture[:, 3:4] * is_hair * smoothstep(*PLAIN, frontal))
    known_hair = total * hair * inside(texture[:, 3:4])
    back, behind = reflect_across_outline(torch.cat([texture * known_hair, known_hair], 1)).split([5, 1], 1)
    texture, total = add_where_missing(texture, total, back / behind.clamp_min(1e-4), behind * hair * is_hair)
    colour, hair_like, skin_like = texture.split([3, 1, 1], 1)
    well_known = smoothstep(*WELL_KNOWN, total)
    enough = plain_hair.mean((1, 2, 3), True) > LEAST_HAIR
    from_hair = torch.where(enough, plain_hair, mostly_of_kind(well_known * is_hair, hair_like))
    detail = hair_detail(colour, smoothed(colour, plain_hair), plain_hair)
    filled_hair = (continued(smoothed(colour, from_hair), from_hair) * detail.exp()).clamp(0, 1)
    filled_skin = continued(colour, mostly_of_kind(well_known * (1 - is_hair), skin_like))
    known = kept_share(total, is_hair, frontal)
    soft = (2 * fine(blur(coarse(is_hair), SOFT_HAIRLINE)) - 1).clamp_min(0)  # it fades in where hair begins
    completed = torch.lerp(torch.lerp(filled_skin, filled_hair, soft), colour, known)
    return torch.cat([completed, torch.ones_like(total)], 1)


def hair_share(shown: Sequence[Shown], usual: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """(B, 1, C, C) 0..1, how much of each texel is hair, and not skin.

    What pictures show frontally decides, the first one's before the others'; where none does, the usual place of hair,
    then what they show at a slant, then what is around. usual: pairs of such shares and their weights (B, 1, C, C).
    """
    labels = [(view.texture[:, 3:4], view.texture[:, 3:].sum(1, keepdim=True), view) for view in shown]
    well_seen = [(is_hair, either * smoothstep(*SLANT, view.facing)) for is_hair, either, view in labels]
    at_a_slant = [(is_hair, either * view.visibility) for is_hair, either, view in labels]
    share = total = torch.zeros_like(shown[0].visibility)
    for is_hair, weight in [*well_seen, *usual, *at_a_slant]:
        share, total = add_where_missing(share, total, is_hair, weight)
    return fine(smoothstep(*MOSTLY, blur(coarse(continued(share, total)), HAIRLINE_BLUR)))


def without_streaks(view: Shown, is_hair: Tensor) -> Shown:
    """A view without what it shows at a slant and is not hair where hair is (B, 1, C, C), 0..1, and skin elsewhere."""
    hair_like, skin_like = view.texture[:, 3:].split(1, 1)
    fits = torch.lerp(skin_like, hair_like, is_hair)
    fits = torch.lerp(fits, torch.ones_like(fits), smoothstep(*SLANT, view.facing))
    return view._replace(visibility=view.visibility * fits)


def add_where_missing(texture: Tensor, total: Tensor, view: Tensor, visibility: Tensor) -> tuple[Tensor, Tensor]:
    """A texture (B, K, C, C), known to the share `total` (B, 1, C, C), 0..1, and what a view adds to the rest of it."""
    share = visibility * (1 - total)
    together = total + share
    return (total * texture + share * view) / together.clamp_min(1e-4), together


def kept_share(total: Tensor, is_hair: Tensor, frontal: Tensor) -> Tensor:
    """(B, 1, C, C) 0..1, how much of what is known to the share `total` is kept, and not what is filled in. Arguments
    (B, 1, C, C) 0..1. frontal: how much it faces a camera, times its visibility.
    """
    of_hair = (total / FILLED_BELOW).clamp_max(1) * smoothstep(*SLANTED_HAIR, frontal)
    return torch.lerp(total, of_hair, is_hair)


def inside(weight: Tensor) -> Tensor:
    """Weights (B, 1, C, C), 0..1, but 0 within `INSIDE` texels of the coarse chart of where they are 0."""
    return weight * fine(-dilate(-coarse(weight), INSIDE))


def smoothed(colour: Tensor, weight: Tensor) -> Tensor:
    """Colours (B, 3, C, C) averaged with weights (B, 1, C, C), 0..1, over what is finer than `DETAIL_BLUR`."""
    around = blur(coarse(torch.cat([colour * weight, weight], 1)), DETAIL_BLUR)
    return fine(around[:, :3] / around[:, 3:].clamp_min(1e-4))


def mostly_of_kind(weight: Tensor, likeness: Tensor) -> Tensor:
    """Weights (B, 1, C, C) times the likeness (B, 1, C, C), 0..1, to a kind; as they were where that leaves little."""
    liked = weight * likeness
    enough = liked.mean((1, 2, 3), True) > LEAST * weight.mean((1, 2, 3), True)
    return torch.where(enough, liked, weight)


def continued(texture: Tensor, weight: Tensor) -> Tensor:
    """A texture (B, K, C, C), known to the weight (B, 1, C, C), 0..1, continued smoothly."""
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
