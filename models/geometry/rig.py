"""A picture prepared for being moved: layers, depth, meshes, skin weights. Made once per picture, or in batches for
training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from models.config import GUIDE_SIDE
from models.geometry.body import body_canonical, border_pins, complete_body, skin_weights
from models.geometry.grid import box_grid, smoothstep, to_box
from models.geometry.inpaint import dilate, pull_push
from models.geometry.openings import opening
from models.geometry.shading import lit
from models.geometry.topology import EXTENTS, INNER_LIPS, LEFT_LID, MESH, RIGHT_LID, HeadTransform, head_pose, topology

GROWTH = 1.6  # triangles may grow by this before they leave gaps
LATTICE = 37  # vertices along one side of the grid mesh
REACH = 1.2  # the grid mesh spans this much of the box, so that what moves in from outside is there
# The skull in canonical units: measured on the mean head of ICT-FaceKit.
SKULL_CENTRE, SKULL_RADII = (0.0, 0.0, 0.75), (0.98, 1.35, 1.05)


@dataclass(frozen=True)
class Rig:
    """B pictures on square canvases of side S, ready to be moved. Coordinates and units: docs/architecture.md.

    image (B, 3, S, S) RGB 0..1; matte (B, 1, S, S) 0..1; plate (B, 3, S, S) the background with the person taken out;
    face (B, 478, 3); body (B, 33, 4), joints that nobody saw are guessed and have visibility 0;
    focus (B, 3): centre x, y and half side of the square box that the network draws.
    canonical (B, 3, G, G): canonical coordinates of the picture on the focus box, G = `GUIDE_SIDE`.
    layer (B, 4, 2S−1, 2S−1): the person's colour, premultiplied (image − (1 − matte)·plate), and the matte, with a
    sharp interpolated sample between each two pixels, so that bilinear sampling of it neither blurs nor moves the
    picture. holes (B, 3, G, G): the picture's own openings on the focus box: mouth, right eye, left eye.
    frame: the head's similarity. lattice, depth, skin, pull: the grid mesh, its z, its bones' weights (last axis) and
    how much each vertex follows each landmark of the face's border; first axis after B: canvas, focus box.
    face_skin (B, 478, J): bones' weights at the landmarks. shown (B, 2, T) bool: grid triangles that show some of the
    person. mouth (B, 3): colour of the mouth's dark. pins: how the canvas's border holds the grid mesh
    (`models.geometry.body.border_pins`). sheets: of the two grid meshes, the numbers of the triangles that any picture
    shows.
    grain: guidance cells per canonical unit, the largest of the B. lit (B,) 0..1: whether light shows on the skin.
    whole: every focus box is the whole canvas, so that the two meshes are the same.
    """

    image: Tensor
    matte: Tensor
    plate: Tensor
    face: Tensor
    body: Tensor
    focus: Tensor
    canonical: Tensor
    holes: Tensor
    layer: Tensor
    head: HeadTransform
    lattice: Tensor
    depth: Tensor
    skin: Tensor
    pull: Tensor
    face_skin: Tensor
    shown: Tensor
    mouth: Tensor
    pins: Tensor
    lit: Tensor
    sheets: tuple[Tensor, Tensor]
    grain: float
    whole: bool

    @property
    def size(self) -> int:
        """Side of the canvas in pixels."""
        return self.image.shape[-1]

    def __len__(self) -> int:
        return len(self.image)

    @staticmethod
    def build(
        image: Tensor, matte: Tensor, face: Tensor, body: Tensor | None = None, plate: Tensor | None = None
    ) -> Rig:
        """Prepare B pictures: image (B, 3, S, S), matte (B, 1, S, S), face (B, 478, 3), body (B, 33, 4), plate (B, 3,
        S, S).
        """
        head = head_pose(face)
        body = complete_body(head, body)
        plate = clean_plate(image, matte) if plate is None else plate
        focus = focus_box(head)
        whole = bool((focus[:, 2] > 0.999).all())
        canvas = torch.zeros_like(focus)
        canvas[:, 2] = 1
        boxes = torch.stack([canvas, focus], 1)  # (B, 2, 3)
        unit = lattice_points(image.device).to(image.dtype) * REACH  # (V, 2)
        lattice = boxes[:, :, None, :2] + boxes[:, :, None, 2:] * unit  # (B, 2, V, 2)
        flat = lattice.flatten(1, 2)
        pull, depth = border_pull(head, face, flat)
        skin = skin_weights(head, body, flat, depth)
        near = dilate(F.adaptive_max_pool2d(matte, min(GUIDE_SIDE, image.shape[-1])), 3)
        seen = F.grid_sample(near, flat[:, None], "nearest", "border", False)[:, 0, 0] > 0.02
        triangles = lattice_triangles(image.device)
        layer = between(torch.cat([image - (1 - matte) * plate, matte], 1))
        shown = seen.view(len(image), 2, -1)[:, :, triangles].any(-1)
        split = (len(image), 2, unit.shape[0], -1)
        return Rig(
            image=image,
            matte=matte,
            plate=plate,
            face=face,
            body=body,
            focus=focus,
            canonical=canonical_map(head, face, body, focus),
            holes=own_openings(face, focus),
            layer=layer.contiguous(memory_format=torch.channels_last),  # four neighbours in one cache line
            head=head,
            lattice=lattice,
            depth=depth.view(len(image), 2, -1),
            skin=skin.view(split),
            pull=pull.view(split),
            face_skin=skin_weights(head, body, face[..., :2], face[..., 2]),
            shown=shown,
            mouth=mouth_colour(image, face),
            pins=border_pins(matte, flat).view(split),
            lit=lit(image, face),
            sheets=sheets(shown),
            grain=grain(head, focus),
            whole=whole,
        )

    @staticmethod
    def stack(rigs: list[Rig]) -> Rig:
        """One batch of several rigs of the same canvas size."""
        merged: dict[str, Any] = {name: _cat([getattr(r, name) for r in rigs]) for name in BATCHED}
        return Rig(
            **merged,
            sheets=sheets(merged["shown"]),
            grain=max(r.grain for r in rigs),
            whole=all(r.whole for r in rigs),
        )

    def pick(self, index: int) -> Rig:
        """One of the batch, as a batch of one (views, no copies)."""
        return self._taken(slice(index, index + 1))

    def repeat(self, times: int) -> Rig:
        """Each of the batch so many times in a row."""
        return self._taken(torch.arange(len(self), device=self.image.device).repeat_interleave(times))

    def _taken(self, at: slice | Tensor) -> Rig:
        taken: dict[str, Any] = {name: _take(getattr(self, name), at) for name in BATCHED}
        return replace(self, **taken)

    def to(self, device: torch.device | str) -> Rig:
        """The same rig on another device."""
        moved: dict[str, Any] = {name: _move(getattr(self, name), device) for name in BATCHED}
        return replace(self, **moved, sheets=(self.sheets[0].to(device), self.sheets[1].to(device)))


BATCHED = [f.name for f in fields(Rig) if f.name not in ("sheets", "grain", "whole")]


def _cat(parts: list) -> Tensor | HeadTransform:
    if isinstance(parts[0], HeadTransform):
        return HeadTransform(*(torch.cat(p) for p in zip(*parts, strict=True)))
    return torch.cat(parts)


def _take(value: Tensor | HeadTransform, at: slice | Tensor) -> Tensor | HeadTransform:
    return HeadTransform(*(v[at] for v in value)) if isinstance(value, HeadTransform) else value[at]


def _move(value: Tensor | HeadTransform, device: torch.device | str) -> Tensor | HeadTransform:
    return HeadTransform(*(v.to(device) for v in value)) if isinstance(value, HeadTransform) else value.to(device)


@cache
def lattice_points(device: torch.device) -> Tensor:
    """(V, 2) vertices of the grid mesh, corners at ±1."""
    line = torch.linspace(-1, 1, LATTICE, device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)


@cache
def lattice_triangles(device: torch.device) -> Tensor:
    """(T, 3) triangles of the grid mesh, clockwise on screen."""
    at = torch.arange(LATTICE * LATTICE, device=device).view(LATTICE, LATTICE)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]
    return torch.cat([torch.stack([a, b, c], -1).view(-1, 3), torch.stack([a, c, d], -1).view(-1, 3)])


def sheets(shown: Tensor) -> tuple[Tensor, Tensor]:
    """Of the canvas's and the focus box's grid mesh, the numbers of the triangles shown (B, 2, T) in any picture."""
    canvas, focus = (shown[:, k].any(0).nonzero()[:, 0] for k in (0, 1))
    return canvas, focus


def focus_box(head: HeadTransform) -> Tensor:
    """(B, 3) centre and half side of the box around head, hair and neck with room for motion; inside the canvas."""
    half = 2.75 * head.scale
    half = torch.where(half > 0.72, torch.ones_like(half), half)  # a tight portrait: the whole canvas
    middle = torch.tensor([0.0, 0.2, 0.3], device=half.device).expand(len(half), 1, 3)
    centre = head.apply(middle)[:, 0, :2]
    room = (1 - half)[:, None]
    return torch.cat([torch.minimum(torch.maximum(centre, -room), room), half[:, None]], -1)


def skull_depth(head: HeadTransform, points: Tensor) -> Tensor:
    """Canvas z of the skull's front above (B, N, 2) canvas points; beyond its outline, of its widest part. (B, N)"""
    radii = points.new_tensor(SKULL_RADII)
    centre = points.new_tensor(SKULL_CENTRE)
    ray = head.rotation[:, 2, :] / head.scale[:, None] / radii  # head-frame step of one canvas unit of z
    lifted = torch.cat([points, torch.zeros_like(points[..., :1])], -1)
    start = (head.inverse(lifted) - centre) / radii
    a = ray.square().sum(-1, keepdim=True)
    b = (start * ray[:, None]).sum(-1)
    c = start.square().sum(-1) - 1
    inside = (b.square() - a * c).clamp_min(0) / a
    return (-b - (inside * a).sqrt()) / a


def border_pull(head: HeadTransform, face: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """How points (B, N, 2) around the face follow its border: weights (B, N, 36) of the oval's landmarks, and z (B, N).

    At a landmark its own weight is 1; with distance the weights fade, so that hair and neck follow the jaw a little.
    """
    oval = topology(face.device).oval
    rim = face[:, oval]
    unit = head.scale[:, None, None]
    away = torch.cdist(points, rim[..., :2].contiguous()) / unit  # (B, N, 36)
    share = 1 / (away.square() + 1e-4) ** 1.5
    share = share / share.sum(-1, keepdim=True)
    near = away.amin(-1, keepdim=True)
    skull = skull_depth(head, points)
    rim_skull = skull_depth(head, rim[..., :2])
    bump = (share * (rim[..., 2] - rim_skull)[:, None]).sum(-1)
    depth = skull + bump * torch.exp(-(near[..., 0] / 0.8).square())
    low = head.inverse(torch.cat([points, depth.unsqueeze(-1)], -1))[..., 1:2]
    fade = torch.lerp(near.new_tensor(2.5), near.new_tensor(0.5), smoothstep(0.2, 1.0, low))
    return share * torch.exp(-(near / fade).square()), depth


def canonical_map(head: HeadTransform, face: Tensor, body: Tensor, focus: Tensor) -> Tensor:
    """(B, 3, G, G) canonical coordinates of what the focus boxes show.

    In the face those of the canonical mesh, whosever face it is; towards hair and neck they pass over into places on
    the skull, and from the neck into those of a body in a T-pose.
    """
    points = box_grid(focus, GUIDE_SIDE).flatten(1, 2)
    pull, depth = border_pull(head, face, points)
    template = topology(face.device).canonical[:MESH]
    own = head.inverse(face)[:, :MESH]
    place = head.inverse(torch.cat([points, depth.unsqueeze(-1)], -1))
    place = place + pull @ (template - own)[:, topology(face.device).oval]
    place = body_canonical(body, skin_weights(head, body, points, depth), points, place)
    place = place.mT.reshape(len(face), 3, GUIDE_SIDE, GUIDE_SIDE)
    buckets = face_buckets(grain(head, focus), face.device)
    drawn = draw_mesh(to_box(face[:, :MESH], focus), buckets, F.pad(template, (0, 1), value=1.0)[None], GUIDE_SIDE)
    return torch.lerp(place, drawn[:, :3], drawn[:, 3:].clamp(0, 1))


def grain(head: HeadTransform, focus: Tensor) -> float:
    """Guidance cells per canonical unit, the largest of a batch."""
    return float((head.scale / focus[:, 2]).max()) * GUIDE_SIDE / 2


def face_buckets(cells: float, device: torch.device) -> list[Bucket]:
    """The face mesh for `draw_mesh`, on a grid with so many cells per canonical unit."""
    face = topology(device)
    first, second = face.small
    parts = (face.triangles[:first], face.triangles[first:second], face.triangles[second:])
    return [Bucket(p, math.ceil(extent * cells * GROWTH) + 1) for p, extent in zip(parts, EXTENTS, strict=True)]


def own_openings(face: Tensor, focus: Tensor) -> Tensor:
    """(B, 3, G, G) mouth, right and left eye of landmarks (B, 478, 3) on the focus boxes."""
    at = to_box(face[..., :2], focus)
    return torch.cat([opening(at[:, list(ring)], GUIDE_SIDE) for ring in (INNER_LIPS, RIGHT_LID, LEFT_LID)], 1)


def clean_plate(image: Tensor, matte: Tensor) -> Tensor:
    """The background (B, 3, S, S) of a picture with the person taken out and filled from around."""
    radius = max(1, image.shape[-1] // 100)
    person = dilate((matte > 0.03).to(image.dtype), radius)
    return pull_push(image, 1 - person)


def between(maps: Tensor) -> Tensor:
    """(B, C, S, S) → (B, C, 2S−1, 2S−1): the pixels themselves at even places, 6-tap Lanczos half-way samples at odd
    ones.
    """
    taps = maps.new_tensor([0.02446, -0.13587, 0.61141, 0.61141, -0.13587, 0.02446])
    taps = taps / taps.sum()
    for axis in (2, 3):
        length = maps.shape[axis]
        padded = F.pad(maps, (2, 2, 0, 0) if axis == 3 else (0, 0, 2, 2), "replicate")
        half = sum(t * padded.narrow(axis, k, length - 1) for k, t in enumerate(taps))
        out = maps.new_empty([*maps.shape[:axis], 2 * length - 1, *maps.shape[axis + 1 :]])
        even, odd = [slice(None)] * 4, [slice(None)] * 4
        even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
        out[tuple(even)], out[tuple(odd)] = maps, half
        maps = out
    return maps


def mouth_colour(image: Tensor, face: Tensor) -> Tensor:
    """(B, 3) a plausible dark interior: the lip line's colour, darkened."""
    lips = F.grid_sample(image, face[:, None, [13, 14, 82, 312, 87, 317], :2], "bilinear", "border", False)
    return lips[:, :, 0].mean(-1) * 0.35
