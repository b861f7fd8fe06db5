"""The shell of a head: skull and hair behind and around the face's mesh, as a surface around the skull's centre.

The shell's vertices lie on fixed rays from the skull's centre. Their distances are fitted to a head's pictures: at the
face's border to the landmarks of the first, to the sides and above to the outlines of all their mattes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import normals
from models.geometry.ears import roots_of
from models.geometry.grid import smoothstep
from models.geometry.skull import SKULL_CENTRE, SKULL_RADII
from models.geometry.topology import MESH, HeadTransform, topology

RINGS, SPOKES = 15, 40  # vertices lie on rings around the axis that looks out of the face
FIRST_RING, LAST_RING = 26.0, 174.0  # degrees from that axis; within the first ring there is only the face's mesh
# Downward components of a ray between which the shell fades out, and by how much lower at the back, between these
# backward components: hair that hangs goes on beside the neck; short hair ends above the neck, which is the body's.
HANGING_FADE, HANGING_DROP = (0.45, 0.78), 0.2
SHORT_FADE, SHORT_DROP = (0.28, 0.5), 0.05
NAPE_FADE = (-0.35, 0.2)
UNDERSIDE = (0.8, 0.93)  # downward component: what would cover the neck from below is not drawn
# The mean head of ICT-FaceKit with a centimetre of hair, over the skull's ellipsoid: longer at its back by so much of
# the radius, from the first to the second backward component of a ray on; below the skull, where the nape goes in to
# the neck, shorter by so much, from the first to the second downward component on.
BACK_LENGTH, BACK_FADE = 0.26, (0.1, 0.9)
NAPE_DEPTH, NAPE_RANGE = 0.18, (0.25, 0.65)
# Samples of the distance, as shares of the mean head's, are averaged over directions with weights
# exp(sharpness · (cosine − 1)).
BORDER_SHARPNESS, OUTLINE_SHARPNESS = 90.0, 16.0
INNER_FACTORS = (1.0, 0.95, 0.86)  # of the face's own distance, by rings from its border on: the shell stays behind it
BEHIND_EARS, EAR_SIZE = 0.93, 0.2  # of an ear's distance; canonical units from an ear's root, from which on this holds
MIRRORED_WEIGHT, PRIOR_WEIGHT = 0.35, 0.003  # of the outline's mirror image, and of the mean head
PRIOR_DISTANCE = 1.03  # hair included
OUTLINE_DIRECTIONS = 40
OUTLINE_RANGE = (0.75, 1.6)  # distances of the mean head's outline within which the outline is searched
OUTLINE_STEPS = 54
OUTLINE_INSET = 0.05  # of that distance, by which the shell stays inside of the outline, where the matte is soft
BESIDE_NECK = (0.55, 0.65)  # downward components of rays in the head's frontal plane that pass beside a neck
HANGS = (0.4, 0.8)  # mean alpha there: short hair, and hair that hangs
CONTACT_TILT, CONTACT_STEPS = math.radians(60), 25  # of the rays from the picture's plane among which the outline lies


class Shell(NamedTuple):
    """The shell's constants on one device, Vs vertices.

    rays: (Vs, 3) unit vectors from the skull's centre, canonical axes.
    normals: (Vs, 3) outward normals of the mean head there.
    triangles: (F, 3) long, clockwise as seen from outside.
    mirrored: (Vs,) long, the vertex at −x.
    hanging_fade, short_fade: (Vs,) 1, and 0 at the neck: of hair that hangs beside it, and of short hair.
    """

    rays: Tensor
    normals: Tensor
    triangles: Tensor
    mirrored: Tensor
    hanging_fade: Tensor
    short_fade: Tensor


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensors must also be usable in training
def shell(device: torch.device) -> Shell:
    """The shell's constants on a device."""
    angle = torch.linspace(FIRST_RING, LAST_RING, RINGS) * (math.pi / 180)
    spoke = torch.arange(SPOKES) * (2 * math.pi / SPOKES)
    sine, cosine = angle.sin()[:, None], angle.cos()[:, None]
    rays = torch.stack([sine * spoke.cos(), sine * spoke.sin(), -cosine.expand(-1, SPOKES)], -1).view(-1, 3)
    number = torch.arange(RINGS * SPOKES).view(RINGS, SPOKES)
    inner, outer = number[:-1], number[1:]
    next_inner, next_outer = inner.roll(-1, 1), outer.roll(-1, 1)
    triangles = torch.cat([
        torch.stack([inner, outer, next_outer], -1).view(-1, 3),
        torch.stack([inner, next_outer, next_inner], -1).view(-1, 3),
    ])  # fmt: skip
    nape, underside = smoothstep(*NAPE_FADE, rays[:, 2]), smoothstep(*UNDERSIDE, rays[:, 1])
    hanging = torch.minimum(1 - smoothstep(*HANGING_FADE, rays[:, 1] - HANGING_DROP * nape), 1 - underside)
    short = 1 - smoothstep(*SHORT_FADE, rays[:, 1] - SHORT_DROP * nape)
    mirror = rays.new_tensor([-1.0, 1.0, 1.0])
    mirrored = torch.cdist(rays * mirror, rays).argmin(1)
    outward = -normals((rays * mean_distance(rays)[:, None])[None], triangles[None])[0]
    outward = F.normalize(outward + outward[mirrored] * mirror, dim=-1)  # its quads are split along one diagonal
    triangles = triangles[(hanging[triangles] > 0).any(1)]
    return Shell(*(part.to(device) for part in (rays, outward, triangles, mirrored, hanging, short)))


def mean_distance(rays: Tensor, relief: Tensor | float = 1.0) -> Tensor:
    """Distance (...) of the mean head's surface from the skull's centre along unit rays (..., 3), canonical units.

    relief: (...), `head_relief`: a back is as much flatter as a face.
    """
    behind = smoothstep(*BACK_FADE, rays[..., 2])
    back = 1 + behind * (BACK_LENGTH - NAPE_DEPTH * smoothstep(*NAPE_RANGE, rays[..., 1]))
    x, y, z = (rays / rays.new_tensor(SKULL_RADII)).unbind(-1)
    return back / torch.stack(torch.broadcast_tensors(x, y, z.clamp_max(0) + z.clamp_min(0) / relief), -1).norm(dim=-1)


def fit_shell(
    face: Tensor,
    heads: Sequence[HeadTransform],
    mattes: Sequence[Tensor],
    ears: Tensor | None = None,
    relief: Tensor | None = None,
) -> Tensor:
    """The shell's vertices (B, Vs, 3), canonical units, of heads with landmarks (B, 478, 3) in their first pictures.

    heads: in each of their pictures, the first one first. mattes: (B, 1, S, S) of these. ears: (B, E, 3), canonical
    units, behind which the shell stays. relief: (B,) `head_relief`; None: all are as deep as a person's.
    """
    rays = shell(face.device).rays
    centre = rays.new_tensor(SKULL_CENTRE)
    offset = heads[0].inverse(face)[:, :MESH] - centre
    length = offset.norm(dim=-1)
    direction = offset / length.clamp_min(1e-4)[..., None]
    relief = rays.new_ones(len(face), 1) if relief is None else relief[:, None]
    factors = rays.new_tensor(INNER_FACTORS)
    inner = factors[topology(face.device).rings.clamp_max(len(INNER_FACTORS) - 1).long()]
    distance = length / mean_distance(direction, relief) * inner
    samples = [(direction, distance, torch.ones_like(length), BORDER_SHARPNESS)]
    if ears is not None:
        length = (ears - centre).norm(dim=-1)
        direction = (ears - centre) / length.clamp_min(1e-4)[..., None]
        # Where there is no ear, or at its root, is the face's border, which has samples of its own.
        weight = ((ears - roots_of(ears)).norm(dim=-1) / EAR_SIZE).clamp_max(1)
        samples.append((direction, length / mean_distance(direction, relief) * BEHIND_EARS, weight, BORDER_SHARPNESS))
    mirror = rays.new_tensor([-1.0, 1.0, 1.0])
    known, usual = rays.new_ones(len(face)), rays.new_full((len(face),), PRIOR_DISTANCE)
    for head, matte in zip(heads, mattes, strict=True):
        direction, distance, weight = outline(head, matte, relief)
        samples.append((direction, distance, weight, OUTLINE_SHARPNESS))
        samples.append((direction * mirror, distance, MIRRORED_WEIGHT * weight, OUTLINE_SHARPNESS))
        known, usual = known + weight.sum(-1), usual + (weight * distance).sum(-1)
    total = rays.new_full((len(face), len(rays)), PRIOR_WEIGHT)
    mean = total * (usual / known)[:, None]  # what no picture shows is as large as what they show
    for direction, distance, weight, sharpness in samples:
        share = torch.exp(sharpness * (rays @ direction.mT - 1)) * weight[:, None]  # (B, Vs, K)
        total, mean = total + share.sum(-1), mean + (share * distance[:, None]).sum(-1)
    return centre + rays * (mean_distance(rays, relief) * (mean / total))[..., None]


def hanging_hair(head: HeadTransform, matte: Tensor) -> Tensor:
    """(B,) 0..1, whether hair hangs beside the necks of heads in mattes (B, 1, S, S), canvas units: a person with short
    hair has nothing there.
    """
    rays = matte.new_tensor([[side * math.sqrt(1 - y * y), y, 0.0] for y in BESIDE_NECK for side in (-1, 1)])
    place = matte.new_tensor(SKULL_CENTRE) + rays * mean_distance(rays)[:, None]
    points = head.apply(place.expand(len(matte), -1, -1))[:, None, :, :2]
    return smoothstep(*HANGS, F.grid_sample(matte, points, "bilinear", "zeros", False).mean((1, 2, 3)))


def outline(head: HeadTransform, matte: Tensor, relief: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where mattes (B, 1, S, S) end around heads: K canonical directions (B, K, 3), distances (B, K) as shares of the
    mean head's, and weights (B, K), 0 towards the neck, where the matte goes on.

    The first half of the directions is where the mean head has its outline, the second half lies in the picture's
    plane, further in front: hair has one thickness from there on. relief: (B, 1), see `mean_distance`.
    """
    turn = torch.arange(OUTLINE_DIRECTIONS, device=matte.device) * (2 * math.pi / OUTLINE_DIRECTIONS)
    ways = torch.stack([turn.cos(), turn.sin()], -1)  # (K, 2) in the picture's plane
    tilt = torch.linspace(-CONTACT_TILT, CONTACT_TILT, CONTACT_STEPS, device=matte.device)
    across = (ways @ head.rotation[:, :2])[:, :, None]  # (B, K, 1, 3)
    rays = tilt.cos()[:, None] * across + tilt.sin()[:, None] * head.rotation[:, 2, None, None]  # (B, K, tilts, 3)
    reach, farthest = (mean_distance(rays, relief[..., None]) * tilt.cos()).max(-1)
    direction = rays.gather(2, farthest[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
    steps = torch.linspace(*OUTLINE_RANGE, OUTLINE_STEPS, device=matte.device)
    centre = head.apply(matte.new_tensor([[SKULL_CENTRE]]).expand(len(matte), -1, -1))[:, :, None, :2]
    radius = reach * head.scale[:, None]
    points = centre + ways[:, None] * (radius[..., None] * steps)[..., None]  # (B, K, steps, 2)
    inside = (F.grid_sample(matte, points, "bilinear", "zeros", False)[:, 0] > 0.5).to(matte.dtype).cumprod(-1)
    distance = steps[(inside.sum(-1).long() - 1).clamp_min(0)] - OUTLINE_INSET
    around = F.pad(distance[:, None], (1, 1), "circular")
    distance = (around.unfold(-1, 3, 1)).amin(-1)[:, 0]
    direction, distance = torch.cat([direction, across[:, :, 0]], 1), distance.repeat(1, 2)
    return direction, distance, 1 - smoothstep(0.25, 0.5, direction[..., 1])
