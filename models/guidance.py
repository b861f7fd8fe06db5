"""Maps that tell what goes where: backward flow, alpha, confidence, canonical coordinates, holes; and motion tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from models.inpaint import pull_push
from models.raster import Bucket, interpolate, rasterise
from models.retarget import Pose
from models.rig import GUIDE, LATTICE, REACH, Rig, box_grid, smoothstep
from models.topology import (
    EXTENTS,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LID,
    MESH,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LID,
    topology,
)  # fmt: skip

TOKENS, TOKEN_WIDTH = 4, 64  # mouth, eyes, brows and cheeks, head
GROWTH = 1.6  # triangles may grow by this before they leave gaps
CHEEKS = (50, 280, 205, 425, 187, 411, 152, 149, 378)


@dataclass(frozen=True)
class Guidance:
    """Where everything comes from, G = 128 cells; all flows in canvas units.

    On the canvas: flow (B, 2, G, G) backward displacement, alpha (B, 1, G, G) the person's alpha. On the focus box: the same
    as focus_flow and focus_alpha; confidence (B, 1, G, G) 0..1 of "the picture shows this"; canonical (B, 3, G, G)
    canonical coordinates of what is there now; holes (B, 2, G, G) 0..1 mouth interior, eye openings of the target.
    tokens (B, `TOKENS`, `TOKEN_WIDTH`): face motion relative to the picture, units near 1.
    """

    flow: Tensor
    alpha: Tensor
    focus_flow: Tensor
    focus_alpha: Tensor
    confidence: Tensor
    canonical: Tensor
    holes: Tensor
    tokens: Tensor

    def pick(self, index: int) -> Guidance:
        """One of the batch, as a batch of one."""
        return Guidance(*(getattr(self, f.name)[index : index + 1] for f in fields(self)))


def guide(rig: Rig, pose: Pose) -> Guidance:
    """The guidance of B rigs in B poses. Pure, batched, the same on every device."""
    canvas = torch.zeros_like(rig.focus)
    canvas[:, 2] = 1
    flow, alpha, confidence, holes = draw(rig, pose, rig.focus, 1)
    wide_flow, wide_alpha = (flow, alpha) if rig.whole else draw(rig, pose, canvas, 0)[:2]
    source = box_grid(rig.focus, GUIDE) + flow.permute(0, 2, 3, 1)
    in_box = (source - rig.focus[:, None, None, :2]) / rig.focus[:, None, None, 2:]
    canonical = F.grid_sample(rig.canonical, in_box, "bilinear", "border", False)
    return Guidance(wide_flow, wide_alpha, flow, alpha, confidence, canonical, holes, tokens(rig, pose))


def draw(rig: Rig, pose: Pose, box: Tensor, which: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Flow, alpha, confidence and holes on the boxes (B, 3) with the grid mesh number `which`."""
    centre, half = box[:, None, :2], box[:, None, 2:]

    def to_box(points: Tensor) -> Tensor:
        return torch.cat([(points[..., :2] - centre) / half, points[..., 2:]], -1)

    # The grid mesh: head and body.
    source = torch.cat([rig.lattice[:, which], rig.depth[:, which].unsqueeze(-1)], -1)
    moved = carry(rig, pose, source, rig.skin[:, which])
    rim = topology(box.device).oval
    residual = (pose.face - carry(rig, pose, rig.face, rig.face_skin))[:, rim]
    moved = moved + rig.pull[:, which] @ residual
    window = math.ceil(GUIDE * REACH / (LATTICE - 1) * GROWTH) + 1
    index, weight = rasterise(to_box(moved), [Bucket(rig.sheets[which], window)], GUIDE)
    back = (source - moved)[..., :2]  # the flow at the vertices: exactly zero where nothing moves
    values = interpolate(index, weight, torch.cat([back, torch.ones_like(source[..., :1])], -1))
    grid = box_grid(box, GUIDE).permute(0, 3, 1, 2)
    hit = values[:, 2:]
    flow = pull_push(values[:, :2], (hit > 0.5).to(hit.dtype))

    # The face mesh over it.
    face_flow, inside, sure, holes = draw_face(rig, pose, box, to_box)
    flow = torch.lerp(flow, face_flow, inside)
    where = (grid + flow).permute(0, 2, 3, 1)
    alpha = F.grid_sample(rig.matte, where, "bilinear", "border", False) * (hit > 0.5)
    alpha = torch.maximum(alpha, inside)
    confidence = torch.lerp(hit.clamp(0, 1), sure, inside)
    return flow, alpha, confidence, holes


def draw_face(
    rig: Rig, pose: Pose, box: Tensor, to_box: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Face mesh: flow, how far inside its border 0..1, confidence, holes."""
    face = topology(box.device)
    target = to_box(pose.face[:, :MESH])
    first, second = face.small
    parts = (face.triangles[:first], face.triangles[first:second], face.triangles[second:])
    buckets = [
        Bucket(part, math.ceil(extent * rig.grain * GROWTH) + 1) for part, extent in zip(parts, EXTENTS, strict=True)
    ]
    index, weight = rasterise(target, buckets, GUIDE)
    inner = torch.ones(MESH, device=box.device)
    inner[face.oval] = 0
    extra = torch.zeros(MESH, 3, device=box.device)
    extra[:, 0] = inner
    values = torch.cat([(rig.face - pose.face)[:, :MESH, :2], extra.expand(len(box), -1, -1)], -1)
    out = interpolate(index, weight, values)
    hit = weight.sum(-1).view(-1, 1, GUIDE, GUIDE).clamp(0, 1)
    inside = ((out[:, 2:3]) * 2).clamp(0, 1) * (hit > 0.5)
    flow = out[:, :2]

    def opening(ring: tuple[int, ...]) -> Tensor:
        return hole(target[:, list(ring), :2])

    mouth = opening(INNER_LIPS)
    eyes = torch.maximum(opening(RIGHT_LID), opening(LEFT_LID))
    rest = rig.frame.undo(rig.face)
    gap = (rest[:, 14] - rest[:, 13]).norm(dim=-1)  # the picture's own opening
    shown = smoothstep(0.02, 0.06, gap) * (
        gap / (pose.local[:, 14] - pose.local[:, 13]).norm(dim=-1).clamp_min(1e-3)
    ).clamp(0, 1)
    return flow, inside, (1 - mouth * (1 - shown[:, None, None, None])) * hit, torch.cat([mouth, eyes], 1)


def hole(ring: Tensor) -> Tensor:
    """(B, N, 2) ring in box units → (B, 1, G, G) soft 0..1 coverage of its inside, by crossings of each column."""
    line = (torch.arange(GUIDE, device=ring.device, dtype=ring.dtype) * 2 + 1) / GUIDE - 1
    half = ring.shape[1] // 2
    top = ring[:, : half + 1]
    bottom = torch.cat([ring[:, half:], ring[:, :1]], 1).flip(1)
    upper, lower = height(top, line), height(bottom, line)  # (B, G)
    softness = 1.0 / GUIDE
    y = line[None, :, None]
    inside = ((y - upper[:, None]) / softness).clamp(-1, 1) + ((lower[:, None] - y) / softness).clamp(-1, 1)
    return (inside / 2).clamp(0, 1).unsqueeze(1)


def height(chain: Tensor, line: Tensor) -> Tensor:
    """y of a polyline (B, N, 2), of increasing or decreasing x, above each x of line (G,); outside: an empty span."""
    x, y = chain[..., 0], chain[..., 1]
    step = x[:, 1:] - x[:, :-1]
    t = (line[None, None] - x[:, :-1, None]) / torch.where(step.abs() < 1e-6, torch.full_like(step, 1e-6), step)[
        ..., None
    ]
    on = (t >= 0) & (t < 1)
    value = torch.lerp(y[:, :-1, None], y[:, 1:, None], t.clamp(0, 1))
    count = on.sum(1)
    mean = (value * on).sum(1) / count.clamp_min(1)
    return torch.where(count > 0, mean, torch.full_like(mean, 10.0))


def carry(rig: Rig, pose: Pose, points: Tensor, skin: Tensor) -> Tensor:
    """Canvas points (B, N, 3) after skinning with (B, N, J) weights: the head rigid in space, the torso in the picture's plane."""
    head = pose.frame.apply(rig.frame.undo(points))
    torso = planar(rig.body[:, 11:13, :2], pose.body[:, 11:13, :2], points)
    return torch.stack([head, torso], -1).mul(skin.unsqueeze(2)).sum(-1)


def planar(source: Tensor, target: Tensor, points: Tensor) -> Tensor:
    """Move points (B, N, 3) by the plane similarity that takes two source points (B, 2, 2) to two target points."""
    a, b = source[:, 1] - source[:, 0], target[:, 1] - target[:, 0]
    norm = a.square().sum(-1).clamp_min(1e-8)
    cosine = ((a * b).sum(-1) / norm)[:, None]
    sine = ((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / norm)[:, None]
    away = points[..., :2] - source.mean(1, keepdim=True)
    x, y = away.unbind(-1)
    turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y], -1)
    return torch.cat([turned + target.mean(1, keepdim=True), points[..., 2:]], -1)


def tokens(rig: Rig, pose: Pose) -> Tensor:
    """(B, `TOKENS`, `TOKEN_WIDTH`) motion relative to the picture's own face, units near 1."""
    rest = rig.frame.undo(rig.face)
    change = (pose.local - rest) * 5

    def gaze(eye: tuple[int, ...], iris: int) -> Tensor:
        lids = list(eye)
        return ((pose.local[:, iris] - pose.local[:, lids].mean(1)) - (rest[:, iris] - rest[:, lids].mean(1)))[
            :, :2
        ] * 10

    def group(indices: tuple[int, ...], *extra: Tensor) -> Tensor:
        parts = torch.cat([change[:, list(indices), :2].flatten(1), *extra], 1)[:, :TOKEN_WIDTH]
        return F.pad(parts, (0, TOKEN_WIDTH - parts.shape[1]))

    opening = (
        torch.stack([pose.local[:, b, 1] - pose.local[:, a, 1] for a, b in ((13, 14), (159, 145), (386, 374))], 1) * 5
    )
    move = (pose.frame.shift - rig.frame.shift) / rig.frame.scale[:, None]
    zoom = (pose.frame.scale / rig.frame.scale).clamp_min(1e-3).log()[:, None]
    turn = pose.rotation[:, :, :2].flatten(1) - torch.eye(3, device=pose.rotation.device)[:, :2].flatten()
    return torch.stack(
        [
            group(OUTER_LIPS[::2] + INNER_LIPS[::2], opening[:, :1]),
            group(
                RIGHT_LID[::2] + LEFT_LID[::2], opening[:, 1:], gaze(RIGHT_LID, RIGHT_IRIS), gaze(LEFT_LID, LEFT_IRIS)
            ),
            group(RIGHT_BROW + LEFT_BROW + CHEEKS),
            group((), turn * 3, move, zoom, pose.frame.rotation[:, :, :2].flatten(1)),
        ],
        1,
    )
