"""Maps that tell what goes where: backward flow, alpha, confidence, canonical coordinates, holes; and motion tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from models.body import carry_body, hold
from models.grid import box_grid, smoothstep
from models.inpaint import pull_push
from models.openings import EYES, opening
from models.retarget import Pose
from models.rig import GROWTH, GUIDE, LATTICE, REACH, Rig, face_buckets, lattice_triangles
from models.topology import (
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
CHEEKS = (50, 280, 205, 425, 187, 411, 152, 149, 378)


@dataclass(frozen=True)
class Guidance:
    """Where everything comes from, G = 128 cells; all flows in canvas units.

    On the canvas: flow (B, 2, G, G) backward displacement, alpha (B, 1, G, G) the person's alpha. On the focus box:
    the same as focus_flow and focus_alpha; confidence (B, 1, G, G) 0..1 of "the picture shows this"; canonical (B, 3,
    G, G) canonical coordinates of what is there now; holes (B, 2, G, G) 0..1 mouth interior, eye openings of the
    target. tokens (B, `TOKENS`, `TOKEN_WIDTH`): face motion relative to the picture, units near 1.
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
    step = hold(rig.pins[:, which], (moved + rig.pull[:, which] @ residual - source)[..., :2])
    moved = torch.cat([source[..., :2] + step, moved[..., 2:]], -1)
    window = math.ceil(GUIDE * REACH / (LATTICE - 1) * GROWTH) + 1
    sheet = rig.sheets[which]
    bucket = Bucket(lattice_triangles(box.device)[sheet], window, rig.shown[:, which, sheet])
    values = draw_mesh(to_box(moved), [bucket], F.pad(-step, (0, 1), value=1.0), GUIDE)
    grid = box_grid(box, GUIDE).permute(0, 3, 1, 2)
    hit = values[:, 2:]
    flow = pull_push(values[:, :2], (hit > 0.5).to(hit.dtype))

    # The face mesh over it, and the eyeballs behind the lids over that.
    face_flow, inside = draw_face(rig, pose, to_box)
    flow = torch.lerp(flow, face_flow, inside)
    mouth, *eyes = [
        opening(to_box(pose.face)[:, list(ring), :2], GUIDE) for ring in (INNER_LIPS, EYES[0][0], EYES[1][0])
    ]
    for side, eye in enumerate(eyes):
        ball, seen = eyeball(rig, pose, grid, side)
        # The soft border of the picture's own opening counts as seen: at rest there is nothing to fall back from.
        flow = torch.lerp(flow, ball, eye * (4 * seen / eye.clamp_min(1e-3)).clamp(0, 1))
    where = (grid + flow).permute(0, 2, 3, 1)
    alpha = F.grid_sample(rig.matte, where, "bilinear", "border", False) * closed(hit > 0.5)
    alpha = torch.maximum(alpha, inside)
    confidence = (
        hit.clamp(0, 1) * (1 - mouth * (1 - mouth_shown(rig, pose))) * smoothstep(0.15, 0.5, density(flow, box))
    )
    return flow, alpha, confidence, torch.cat([mouth, torch.maximum(eyes[0], eyes[1])], 1)


def density(flow: Tensor, box: Tensor) -> Tensor:
    """(B, 1, G, G) area of the picture that one unit of area shows now: 1 unmoved, near 0 stretched, negative turned
    over.
    """
    cell = 2 * box[:, 2, None, None] / GUIDE
    wide = F.pad(flow, (1, 1, 1, 1), "replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / (2 * cell[:, None])
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / (2 * cell[:, None])
    return ((1 + across[:, 0]) * (1 + down[:, 1]) - across[:, 1] * down[:, 0]).unsqueeze(1)


def closed(mask: Tensor) -> Tensor:
    """A (B, 1, G, G) mask with its small gaps closed, as floats."""
    grown = F.max_pool2d(F.pad(mask.float(), (2, 2, 2, 2), "replicate"), 5, 1)
    return -F.max_pool2d(F.pad(-grown, (2, 2, 2, 2), "replicate"), 5, 1)


def draw_face(rig: Rig, pose: Pose, to_box: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The face mesh: flow (B, 2, G, G), and how far inside its border a cell lies (B, 1, G, G), 0..1."""
    inner = torch.ones(MESH, 1, device=rig.face.device)
    inner[topology(rig.face.device).oval] = 0
    back = (rig.face - pose.face)[:, :MESH, :2]
    buckets = face_buckets(rig.grain, rig.face.device)
    out = draw_mesh(to_box(pose.face[:, :MESH]), buckets, torch.cat([back, inner.expand(len(back), -1, -1)], -1), GUIDE)
    return out[:, :2], (out[:, 2:] * 2).clamp(0, 1)


def mouth_shown(rig: Rig, pose: Pose) -> Tensor:
    """(B, 1, 1, 1) 0..1 how much of the mouth's inside, as open as it is now, the picture shows. The mesh
    stretches it: teeth stay at their lips, while rows of their own slip out from behind with every error in the pose.
    """
    gaps = [(f[:, 14] - f[:, 13]).norm(dim=-1) for f in (rig.frame.undo(rig.face), pose.local)]
    return smoothstep(0.1, 0.6, gaps[0] / gaps[1].clamp_min(1e-4))[:, None, None, None]


def eyeball(rig: Rig, pose: Pose, grid: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Right (0) or left (1) eyeball, which turns with the gaze behind its lids: flow (B, 2, G, G), and whether the
    picture's own opening shows that place of it (B, 1, G, G), 0..1.
    """
    iris = EYES[side][1]
    turn = pose.frame.rotation[:, :2, :2] @ torch.linalg.inv_ex(rig.frame.rotation[:, :2, :2])[0]
    undo = torch.linalg.inv_ex(turn)[0] * (rig.frame.scale / pose.frame.scale)[:, None, None]
    away = grid - pose.face[:, iris, :2, None, None]
    flow = torch.einsum("bij,bjhw->bihw", undo, away) + rig.face[:, iris, :2, None, None] - grid
    place = ((grid + flow).permute(0, 2, 3, 1) - rig.focus[:, None, None, :2]) / rig.focus[:, None, None, 2:]
    return flow, F.grid_sample(rig.holes[:, side + 1 : side + 2], place, "bilinear", "zeros", False)


def carry(rig: Rig, pose: Pose, points: Tensor, skin: Tensor) -> Tensor:
    """Canvas points (B, N, 3) after skinning with (B, N, J) weights: the head rigid in space, the body in the
    picture's plane.
    """
    moved = [pose.frame.apply(rig.frame.undo(points)), *carry_body(rig.body, pose.body, points)]
    return sum((skin[..., k, None] * m for k, m in enumerate(moved)), torch.zeros_like(points))


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
