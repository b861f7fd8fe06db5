"""Maps that tell what goes where: backward flow, alpha, confidence, canonical coordinates, holes; and motion tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from models.config import GUIDE_SIDE, MOTION_TOKEN_WIDTH
from models.geometry.body import carry_body, hold
from models.geometry.constants import gather_rows
from models.geometry.grid import box_grid, smoothstep, to_box
from models.geometry.inpaint import pull_push
from models.geometry.openings import EYES, SOFT_BORDER_GAIN, opening
from models.geometry.retarget import Pose
from models.geometry.rig import GROWTH, LATTICE, REACH, Rig, face_buckets, lattice_triangles
from models.geometry.shading import gains
from models.geometry.topology import (
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

RINGS = 3  # of the face's mesh from its border on that fade into the grid's motion where they turn towards us …
TOWARDS = (0.0, 0.15)  # … by so much of what a full view of them is
FINER = 2  # the face's edge is found on a grid so many times finer
CHEEKS = (50, 280, 205, 425, 187, 411, 152, 149, 378)


@dataclass(frozen=True)
class Guidance:
    """Where everything comes from, G = 128 cells; all flows in canvas units.

    On the canvas: flow (B, 2, G, G) backward displacement, alpha (B, 1, G, G) the person's alpha. On the focus box:
    the same as focus_flow and focus_alpha; the two parts of that flow, which meet at an edge: behind (B, 2, G, G) the
    face's mesh, front (B, 2, G, G) the mesh's own, continued beyond its edge, area (B, 1, G, G) 0..1 how much of a cell
    the mesh takes; confidence (B, 1, G, G) 0..1 of "the picture shows this"; canonical (B, 3, G, G) canonical
    coordinates of what is there now; holes (B, 2, G, G) 0..1 mouth interior, eye openings of the target; gain (B, 1, G,
    G): what the light multiplies colours by. tokens (B, `MOTION_TOKENS`, `MOTION_TOKEN_WIDTH`): face motion relative to
    the picture, units near 1.
    """

    flow: Tensor
    alpha: Tensor
    focus_flow: Tensor
    focus_alpha: Tensor
    behind: Tensor
    front: Tensor
    area: Tensor
    confidence: Tensor
    canonical: Tensor
    holes: Tensor
    gain: Tensor
    tokens: Tensor

    def pick(self, index: int) -> Guidance:
        """One of the batch, as a batch of one."""
        return Guidance(*(getattr(self, f.name)[index : index + 1] for f in fields(self)))


def guide(rig: Rig, pose: Pose) -> Guidance:
    """The guidance of B rigs in B poses. Pure, batched, the same on every device."""
    canvas = torch.zeros_like(rig.focus)
    canvas[:, 2] = 1
    drawn = draw(rig, pose, rig.focus, 1)
    wide = drawn if rig.whole else draw(rig, pose, canvas, 0)
    area = face_area(rig, pose, rig.focus)
    source = box_grid(rig.focus, GUIDE_SIDE) + drawn.flow.permute(0, 2, 3, 1)
    in_box = (source - rig.focus[:, None, None, :2]) / rig.focus[:, None, None, 2:]
    canonical = F.grid_sample(rig.canonical, in_box, "bilinear", "border", False)
    return Guidance(
        flow=wide.flow,
        alpha=wide.alpha,
        focus_flow=drawn.flow,
        focus_alpha=drawn.alpha,
        behind=drawn.behind,
        front=pull_push(drawn.flow, (area > 0.5).to(area.dtype)),
        area=area,
        confidence=drawn.confidence,
        canonical=canonical,
        holes=drawn.holes,
        gain=gains(pose.shade, canonical),
        tokens=tokens(rig, pose),
    )


class Drawn(NamedTuple):
    """What is drawn of a box; see Guidance."""

    flow: Tensor
    alpha: Tensor
    behind: Tensor
    confidence: Tensor
    holes: Tensor


def draw(rig: Rig, pose: Pose, box: Tensor, which: int) -> Drawn:
    """Everything on the boxes (B, 3), with the grid mesh number `which`."""
    # The grid mesh: head and body.
    source = torch.cat([rig.lattice[:, which], rig.depth[:, which].unsqueeze(-1)], -1)
    rim = topology(box.device).oval
    bones = torch.cat([rig.skin[:, which], rig.face_skin[:, rim]], 1)
    carried = carry(rig, pose, torch.cat([source, rig.face[:, rim]], 1), bones)
    moved, residual = carried[:, : -len(rim)], pose.face[:, rim] - carried[:, -len(rim) :]
    step = hold(rig.pins[:, which], (moved + rig.pull[:, which] @ residual - source)[..., :2])
    moved = torch.cat([source[..., :2] + step, moved[..., 2:]], -1)
    window = math.ceil(GUIDE_SIDE * REACH / (LATTICE - 1) * GROWTH) + 1
    sheet = rig.sheets[which]
    bucket = Bucket(lattice_triangles(box.device)[sheet], window, rig.shown[:, which, sheet])
    values = draw_mesh(to_box(moved, box), [bucket], F.pad(-step, (0, 1), value=1.0), GUIDE_SIDE)
    grid = box_grid(box, GUIDE_SIDE).permute(0, 3, 1, 2)
    hit = values[:, 2:]
    flow = behind = pull_push(values[:, :2], (hit > 0.5).to(hit.dtype))

    # The face mesh over it, and the eyeballs behind the lids over that.
    face_flow, inside = draw_face(rig, pose, box)
    flow = torch.lerp(flow, face_flow, inside)
    ring = to_box(gather_rows(pose.face, INNER_LIPS + EYES[0][0] + EYES[1][0]), box)[..., :2]
    mouth = opening(ring[:, : len(INNER_LIPS)], GUIDE_SIDE)
    eyes = opening(ring[:, len(INNER_LIPS) :].unflatten(1, (2, -1)).flatten(0, 1), GUIDE_SIDE)
    eyes = eyes.view(-1, 2, GUIDE_SIDE, GUIDE_SIDE)  # right, left
    balls, seen = eyeballs(rig, pose, grid)
    # The soft border of the picture's own opening counts as seen: at rest there is nothing to fall back from.
    share = eyes * (SOFT_BORDER_GAIN * seen / eyes.clamp_min(1e-3)).clamp(0, 1)
    flow = flow + (share.unsqueeze(2) * (balls - flow[:, None])).sum(1)  # the eyes do not overlap
    where = (grid + flow).permute(0, 2, 3, 1)
    alpha = F.grid_sample(rig.matte, where, "bilinear", "border", False) * closed(hit > 0.5)
    alpha = torch.maximum(alpha, inside)
    confidence = (
        hit.clamp(0, 1) * (1 - mouth * (1 - mouth_shown(rig, pose))) * smoothstep(0.15, 0.5, density(flow, box))
    )
    return Drawn(flow, alpha, behind, confidence, torch.cat([mouth, eyes.amax(1, keepdim=True)], 1))


def density(flow: Tensor, box: Tensor) -> Tensor:
    """(B, 1, G, G) area of the picture that one unit of area shows now: 1 unmoved, near 0 stretched, negative turned
    over.
    """
    cell = 2 * box[:, 2, None, None] / GUIDE_SIDE
    wide = F.pad(flow, (1, 1, 1, 1), "replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / (2 * cell[:, None])
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / (2 * cell[:, None])
    return ((1 + across[:, 0]) * (1 + down[:, 1]) - across[:, 1] * down[:, 0]).unsqueeze(1)


def closed(mask: Tensor) -> Tensor:
    """A (B, 1, G, G) mask with its small gaps closed, as floats."""
    return -spread(-spread(mask.float()))


def spread(mask: Tensor) -> Tensor:
    """Maximum over squares of five cells, beyond the border as at it; separable: far cheaper."""
    mask = F.pad(mask, (2, 2, 2, 2), "replicate")
    return F.max_pool2d(F.max_pool2d(mask, (5, 1), 1), (1, 5), 1)


def draw_face(rig: Rig, pose: Pose, box: Tensor) -> tuple[Tensor, Tensor]:
    """The face mesh on the boxes: flow (B, 2, G, G), and how far inside its border a cell lies (B, 1, G, G), 0..1."""
    values = torch.cat([(rig.face - pose.face)[:, :MESH, :2], inner(rig, pose)], -1)
    out = draw_mesh(to_box(pose.face[:, :MESH], box), face_buckets(rig.grain, rig.face.device), values, GUIDE_SIDE)
    return out[:, :2], out[:, 2:].clamp(0, 1)


def inner(rig: Rig, pose: Pose) -> Tensor:
    """How far inside the face's border its vertices lie (B, `MESH`, 1): 0 on it, from 1 on the mesh alone moves them.

    That is half a ring away, but `RINGS` where the head turns skin towards us. The picture shows that at a slant, in
    few pixels, an outline or a strand of hair among them; the mesh would stretch these into marks, which the grid
    carries along smoothly.
    """
    face = topology(rig.face.device)
    now, then = (-(face.normals @ head.rotation.mT)[..., 2:] for head in (pose.head, rig.head))  # 1: faces us
    half, wide = (2 * face.rings).clamp_max(2)[:, None], (face.rings / RINGS).clamp_max(1)[:, None]
    return half + (wide - half) * smoothstep(*TOWARDS, now - then)


def face_area(rig: Rig, pose: Pose, box: Tensor) -> Tensor:
    """How much of each cell of the boxes the face mesh takes (B, 1, G, G), 0..1."""
    buckets, everywhere = face_buckets(rig.grain * FINER, rig.face.device), torch.ones_like(pose.face[:, :MESH, :1])
    taken = draw_mesh(to_box(pose.face[:, :MESH], box), buckets, everywhere, GUIDE_SIDE * FINER)
    return F.avg_pool2d((taken > 0).to(taken.dtype), FINER)


def mouth_shown(rig: Rig, pose: Pose) -> Tensor:
    """(B, 1, 1, 1) 0..1 how much of the mouth's inside, as open as it is now, the picture shows. The mesh
    stretches it: teeth stay at their lips, while rows of their own slip out from behind with every error in the pose.
    """
    gaps = [(f[:, 14] - f[:, 13]).norm(dim=-1) for f in (rig.head.inverse(rig.face), pose.local)]
    return smoothstep(0.1, 0.6, gaps[0] / gaps[1].clamp_min(1e-4))[:, None, None, None]


def eyeballs(rig: Rig, pose: Pose, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Right and left eyeball, which turn with the gaze behind their lids: flow (B, 2, 2, G, G), and whether the
    picture's own opening shows that place of them (B, 2, G, G), 0..1. grid (B, 2, G, G): the cells' places.
    """
    irises = tuple(iris for _, iris in EYES)
    turn, unturn = rig.head.rotation[:, :2, :2], inverse_2x2(pose.head.rotation[:, :2, :2])
    unturn = turn @ unturn * (rig.head.scale / pose.head.scale)[:, None, None]
    grid, (centre, half) = grid[:, None], rig.focus[:, None, None, None].split([2, 1], -1)
    here, there = (gather_rows(face, irises)[..., :2, None, None] for face in (pose.face, rig.face))
    flow = torch.einsum("bij,bejhw->beihw", unturn, grid - here) + there - grid
    place = ((grid + flow).movedim(2, -1) - centre) / half
    holes = rig.holes[:, 1:].flatten(0, 1).unsqueeze(1)  # an eye is a batch of its own
    seen = F.grid_sample(holes, place.flatten(0, 1), "bilinear", "zeros", False)
    return flow, seen.view(-1, 2, GUIDE_SIDE, GUIDE_SIDE)


def inverse_2x2(matrix: Tensor) -> Tensor:
    """Of (B, 2, 2) matrices, written out: a CUDA graph need not know a solver."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrix.unbind(-2))
    return torch.stack([d, -b, -c, a], -1).view(-1, 2, 2) / (a * d - b * c)[:, None, None]


def carry(rig: Rig, pose: Pose, points: Tensor, skin: Tensor) -> Tensor:
    """Canvas points (B, N, 3) after skinning with (B, N, J) weights: the head rigid in space, the body in the
    picture's plane.
    """
    head = pose.head.apply(rig.head.inverse(points))
    moved = torch.cat([head[:, None], carry_body(rig.body, pose.body, points)], 1)  # (B, J, N, 3)
    return (skin.mT.unsqueeze(-1) * moved).sum(1)


def tokens(rig: Rig, pose: Pose) -> Tensor:
    """(B, `MOTION_TOKENS`, `MOTION_TOKEN_WIDTH`) motion relative to the picture's own face, units near 1."""
    rest = rig.head.inverse(rig.face)
    change = (pose.local - rest) * 5

    def gaze(eye: tuple[int, ...], iris: int) -> Tensor:
        now, then = (local[:, iris] - gather_rows(local, eye).mean(1) for local in (pose.local, rest))
        return (now - then)[:, :2] * 10

    def group(indices: tuple[int, ...], *extra: Tensor) -> Tensor:
        parts = torch.cat([gather_rows(change, indices)[..., :2].flatten(1), *extra], 1)[:, :MOTION_TOKEN_WIDTH]
        return F.pad(parts, (0, MOTION_TOKEN_WIDTH - parts.shape[1]))

    opening = (gather_rows(pose.local, (14, 145, 374)) - gather_rows(pose.local, (13, 159, 386)))[
        ..., 1
    ] * 5  # mouth, eyes
    move = (pose.head.shift - rig.head.shift) / rig.head.scale[:, None]
    zoom = (pose.head.scale / rig.head.scale).clamp_min(1e-3).log()[:, None]
    turn = pose.rotation[:, :, :2].flatten(1) - torch.eye(3, device=pose.rotation.device)[:, :2].flatten()
    return torch.stack(
        [
            group(OUTER_LIPS[::2] + INNER_LIPS[::2], opening[:, :1]),
            group(
                RIGHT_LID[::2] + LEFT_LID[::2], opening[:, 1:], gaze(RIGHT_LID, RIGHT_IRIS), gaze(LEFT_LID, LEFT_IRIS)
            ),
            group(RIGHT_BROW + LEFT_BROW + CHEEKS),
            group((), turn * 3, move, zoom, pose.head.rotation[:, :, :2].flatten(1)),
        ],
        1,
    )
