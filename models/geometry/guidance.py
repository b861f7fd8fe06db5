"""Guidance: where every cell of the next frame comes from in the picture, as maps, and the face's motion as tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.eyeballs import Eyeballs, draw_eyeballs
from kernels.mesh import Bucket, draw_mesh
from kernels.outline import continue_outwards
from models.config import GUIDE_SIDE
from models.geometry.body import SHOULDERS_BONE, move_with_bones, pin_to_border
from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import area_ratio, box_planes, canvas_box, crop, sample_planes, smoothstep, to_box, unit_grid
from models.geometry.grid_mesh import LATTICE_REACH, LATTICE_SIDE, TRIANGLE_GROWTH, lattice_triangles
from models.geometry.head_surface import (
    FINER,
    depth_tested,
    even_coverage,
    head_buckets,
    hidden_share,
    move_surface,
    places_shown,
)
from models.geometry.inpaint import pull_push
from models.geometry.limb_curve import PIECES
from models.geometry.limb_motion import MovedLimbs, move_limbs
from models.geometry.limbs import first_pieces
from models.geometry.motion_tokens import motion_tokens
from models.geometry.neck import neck_spread
from models.geometry.offsets import neck_of
from models.geometry.openings import EYES, opening
from models.geometry.retarget import Pose
from models.geometry.rig import FOCUS_CENTRE, Rig
from models.geometry.shading import shading_gain
from models.geometry.skull import SKULL_CENTRE
from models.geometry.topology import (
    INNER_LIPS,
    LOWER_LIP_INNER,
    MESH,
    UPPER_LIP_INNER,
    HeadTransform,
    inverse_2x2,
    topology,
)
from models.geometry.torso_turn import TorsoTurn, neck_motion, turn_torso, turned_places
from models.geometry.turn_limit import sheet_head

MOST_FOLLOWED = 0.12  # canonical units by which a turn moves what surrounds the face beyond the middle of the head
# Cells beyond the head's outline to which its maps, and its finer flow, are continued: as far as pixels read that its
# coverage, which is as coarse as the maps, covers in part.
MAPS_REACH, FLOW_REACH = 2, 3
FREE_MOTION = 0.2  # half sides by which a head moves before its focus box follows
SHOWN_EYE_COSINE = 0.1  # of the angle between the head's axis and the camera's: from there on no eyeball is drawn
SHOWN_AREA = (0.15, 0.5)  # area in the picture over area in the frame: confidence 0, confidence 1
SHOWN_LIP_GAP = (0.1, 0.6)  # lip gap in the picture over that now: it shows none of the mouth's interior, or all


class Silhouette(NamedTuple):
    """Where the person is on B focus boxes, (B, ·, G, G).

    reached (1 channel, 0..1): where the grid mesh is, with its gaps closed. flow (2 channels, canvas units): of the
    head's surface. charted (1 channel, 0..1): its share that is drawn from the chart. covered (1 channel, 0 or 1):
    where it is.
    """

    reached: Tensor
    flow: Tensor
    charted: Tensor
    covered: Tensor


@dataclass(frozen=True)
class Guidance:
    """Guidance for B frames, G = `GUIDE_SIDE` cells a side. Flows are backward displacements in canvas units.

    flow: (B, 2, G, G) on the canvas, where each cell comes from. All that follows but the limbs is on `box`.
    box: (B, 3), the focus box, which follows a head that leaves its place in the picture: centre and half side.
    focus_flow: (B, 2, G, G), as flow.
    silhouette: what `person_alpha` takes.
    outer_flow: (B, 2, G, G), the part of focus_flow that moves what lies behind and around the head's surface.
    head_flow: (B, 2, F, F), the part that moves the head's surface, continued beyond its outline; F = `FINER` · G.
    head_shift: (B, 2, G, G), what eyeballs, and the fade into what lies behind, add to head_flow; continued likewise.
    head_coverage: (B, 1, G, G), 0..1, how much of each cell the head's surface covers.
    chart_position: (B, 2, G, G), where on the head's chart each cell of its surface lies, −1..1, continued likewise.
    chart_share: (B, 1, G, G), 0..1, how much of the surface is drawn from the chart instead of the picture.
    confidence: (B, 1, G, G), 0..1, how well the picture shows what is there now.
    canonical: (B, 3, G, G), canonical coordinates of what is there now.
    openings: (B, 2, G, G), 0..1, coverage by the mouth's interior and by the eyes' openings.
    shading_gain: (B, 1, G, G), factor of the colours by the light.
    blush: (B,), 0..1, the pose's.
    tokens: (B, `MOTION_TOKENS`, `MOTION_TOKEN_WIDTH`), the face's motion relative to the picture, values near 1.
    limbs: where they are on the canvas, of whatever size; `draw_limbs` draws them. None: there are no limbs.
    """

    flow: Tensor
    box: Tensor
    focus_flow: Tensor
    silhouette: Silhouette
    outer_flow: Tensor
    head_flow: Tensor
    head_shift: Tensor
    head_coverage: Tensor
    chart_position: Tensor
    chart_share: Tensor
    confidence: Tensor
    canonical: Tensor
    openings: Tensor
    shading_gain: Tensor
    blush: Tensor
    tokens: Tensor
    limbs: MovedLimbs | None = None

    def pick(self, index: int) -> Guidance:
        """One of the batch, as a batch of one."""
        rows = slice(index, index + 1)
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in parts.items():
            if value is not None:
                is_tensor = isinstance(value, Tensor)
                parts[name] = value[rows] if is_tensor else type(value)(*(part[rows] for part in value))
        return Guidance(**parts)


def make_guidance(rig: Rig, pose: Pose) -> Guidance:
    """The guidance of B rigs in B poses. Pure, batched, the same on every device."""
    vertices = move_surface(rig.surface, rig.head.inverse(rig.face), pose.face, pose.head, rig.head)
    hidden = hidden_share(rig.surface, rig.head, pose.head) * rig.kind.skull[:, None]  # a sheet has one side
    box = follow_head(rig, pose)
    turn = turn_torso(rig.body, pose.body, rig.head.scale, pose.head.scale / rig.head.scale) if rig.pieces > 0 else None
    on_canvas = None if rig.full_canvas else draw_behind(rig, pose, turn, canvas_box(box), 0)
    on_focus = draw_focus(rig, pose, turn, draw_head(rig, pose, vertices, hidden, box), box, on_canvas)
    head, (head_flow, coverage) = on_focus.head, draw_front(rig, pose, vertices, box)
    head_maps = torch.cat([on_focus.flow - head.flow, head.chart_position, head.chart_share], 1)
    head_shift, chart_position, chart_share = continue_outwards(head_maps, head.covered, MAPS_REACH).split([2, 2, 1], 1)
    source = box_planes(box, GUIDE_SIDE) + on_focus.flow
    in_box = (source - rig.focus[:, :2, None, None]) / rig.focus[:, 2:, None, None]
    canonical = sample_planes(rig.canonical, in_box)
    canonical = torch.lerp(canonical, head.canonical, head.chart_share)
    return Guidance(
        flow=on_focus.flow if on_canvas is None else canvas_flow(rig, pose, vertices, on_canvas),
        box=box,
        focus_flow=on_focus.flow,
        silhouette=Silhouette(on_focus.reached, head.flow, head.chart_share, head.covered),
        outer_flow=on_focus.outer_flow,
        head_flow=head_flow,
        head_shift=head_shift,
        head_coverage=coverage,
        chart_position=chart_position,
        chart_share=chart_share,
        confidence=on_focus.confidence,
        canonical=canonical,
        openings=on_focus.openings,
        shading_gain=shading_gain(pose.shade, canonical),
        blush=pose.blush,
        tokens=motion_tokens(rig, pose),
        limbs=None if turn is None else limbs_in(rig, pose, turn),
    )


def follow_head(rig: Rig, pose: Pose) -> Tensor:
    """The focus boxes (B, 3) for heads in a pose: that of the picture while the head stays near its place, and beyond
    it goes along, inside the canvas. It grows with the head, since what touches its edge is continued beyond it.
    """
    half = (rig.focus[:, 2:] * (pose.head.scale / rig.head.scale).clamp_min(1)[:, None]).clamp_max(1)
    middle = const_floats((FOCUS_CENTRE,), half.device).expand(len(half), -1, -1)
    moved = (pose.head.apply(middle) - rig.head.apply(middle))[:, 0, :2]
    free, room = FREE_MOTION * half, 1 - half
    moved = moved - torch.minimum(torch.maximum(moved, -free), free)
    return torch.cat([torch.minimum(torch.maximum(rig.focus[:, :2] + moved, -room), room), half], -1)


def person_alpha(rig: Rig, guidance: Guidance) -> Tensor:
    """The person's coverage of the focus box, (B, 1, G, G), 0..1, an input of the network alone."""
    where, planes = guidance.silhouette, box_planes(guidance.box, GUIDE_SIDE)
    behind = sample_planes(rig.body_matte, planes + guidance.outer_flow) * where.reached
    on_picture = sample_planes(rig.matte, planes + where.flow)
    on_head = torch.lerp(on_picture, torch.ones_like(on_picture), where.charted)
    return torch.lerp(behind, on_head, where.covered)


def inside_edges(box: Tensor) -> tuple[Tensor, Tensor]:
    """0 in the outermost columns (B, 1, 1, G), and rows (B, 1, G, 1), of boxes (B, 3) along the edges that lie inside
    the canvas, else 1: what is drawn there would be continued as a bar to the picture's border.
    """
    line = unit_grid(GUIDE_SIDE, box.device)[0, 0, :, 0]
    at_edge, half = line.abs() > 1 - 1.5 / GUIDE_SIDE, box[:, 2:]
    columns, rows = (
        1 - (at_edge & ((box[:, axis : axis + 1] + half * line).abs() < 1 - 3 * half / GUIDE_SIDE)).to(box.dtype)
        for axis in (0, 1)
    )
    return columns[:, None, None], rows[:, None, :, None]


def limbs_in(rig: Rig, pose: Pose, turn: TorsoTurn) -> MovedLimbs:
    """The limbs of B rigs in B poses, with these turns of their torsos."""
    limbs, growth = first_pieces(rig.limbs, rig.pieces), pose.head.scale / rig.head.scale
    hands = (rig.hands, pose.hands) if rig.pieces == PIECES else None
    return move_limbs(limbs, rig.body, pose.body, growth, hands, turn.joints)


class HeadMaps(NamedTuple):
    """The head's surface on a box (B, ·, G, G), 0 where it is not.

    flow: 2, canvas units. chart_position: 2, −1..1. chart_share: 1, 0..1. canonical: 3, canonical coordinates. blend:
    1, 0..1, its weight against what lies behind. covered: 1, 0 or 1.
    """

    flow: Tensor
    chart_position: Tensor
    chart_share: Tensor
    canonical: Tensor
    blend: Tensor
    covered: Tensor


class Behind(NamedTuple):
    """What lies behind and around the head on boxes (B, ·, G, G).

    flow: 2, canvas units. covered: 1, 0..1, where the grid mesh is. reached: 1, 0..1, the same with its gaps closed.
    """

    flow: Tensor
    reached: Tensor
    covered: Tensor


class FocusMaps(NamedTuple):
    """The maps of the focus box; see `Guidance`. reached: see `Silhouette`."""

    flow: Tensor
    outer_flow: Tensor
    head: HeadMaps
    confidence: Tensor
    openings: Tensor
    reached: Tensor


def draw_behind(
    rig: Rig, pose: Pose, turn: TorsoTurn | None, box: Tensor, mesh: int, canvas: Behind | None = None
) -> Behind:
    """Body, and what of the head lies beyond its surface, on boxes (B, 3), drawn with the grid mesh number `mesh`: 0
    the canvas's, 1 the focus box's. turn: of the torsos; None: they are sheets. canvas: that of the canvas, from which
    what the mesh does not reach is taken.
    """
    source = torch.cat([rig.lattice[:, mesh], lattice_depth(rig, pose, mesh).unsqueeze(-1)], -1)
    border = topology(box.device).oval
    skin = torch.cat([rig.skin[:, mesh], rig.face_skin[:, border]], 1)
    around = sheet_head(rig.head, pose.head)
    joints = pose.body if turn is None else turn.joints
    skinned = skin_points(rig, around, joints, torch.cat([source, rig.face[:, border]], 1), skin)
    moved, residual = skinned[:, : -len(border)], around.apply(pose.local[:, border]) - skinned[:, -len(border) :]
    displacement = (moved + rig.border_weights[:, mesh] @ residual - source)[..., :2]
    displacement = displacement + neck_spread(rig.neck[:, mesh], rig.head, around)
    if turn is not None:
        further = neck_motion(
            source, rig.body, turn, neck_of(rig.head), rig.head.scale, pose.head.scale / rig.head.scale
        )
        displacement = displacement + rig.skin[:, mesh, :, SHOULDERS_BONE] * further
    displacement = pin_to_border(rig.edge_pins[:, mesh], displacement)
    moved = torch.cat([source[..., :2] + displacement, moved[..., 2:]], -1)
    window = math.ceil(GUIDE_SIDE * LATTICE_REACH / (LATTICE_SIDE - 1) * TRIANGLE_GROWTH) + 1
    visible = rig.visible_triangles[mesh]
    bucket = Bucket(lattice_triangles(box.device)[visible], window, rig.triangle_visible[:, mesh, visible])
    drawn = draw_mesh(to_box(moved, box), [bucket], F.pad(-displacement, (0, 1), value=1.0), GUIDE_SIDE)
    covered = drawn[:, 2:]
    flow, reached = pull_push(drawn[:, :2], (covered > 0.5).to(covered.dtype)), close_gaps(covered > 0.5)
    if turn is not None:
        grid = box_planes(box, GUIDE_SIDE)
        flow = turned_places(grid + flow, rig.torso, rig.body, turn) - grid
    if canvas is not None:
        beyond = crop(torch.cat([canvas.flow, canvas.reached], 1), box, GUIDE_SIDE)
        share = (1 - reached) * beyond[:, 2:]
        flow, reached, covered = torch.lerp(flow, beyond[:, :2], share), reached + share, torch.maximum(covered, share)
    return Behind(flow, reached, covered)


def canvas_flow(rig: Rig, pose: Pose, vertices: Tensor, behind: Behind) -> Tensor:
    """The flow of the canvas (B, 2, G, G) with the head's surface, vertices (B, V, 3). Only its part outside the
    focus box is drawn, where no eye is.
    """
    blend, flow, _ = draw_surface(rig, pose, vertices, canvas_box(rig.focus), 1).split([1, 2, 1], 1)
    return torch.lerp(behind.flow, flow, blend.clamp(0, 1))


def draw_focus(
    rig: Rig, pose: Pose, turn: TorsoTurn | None, head: HeadMaps, box: Tensor, canvas: Behind | None
) -> FocusMaps:
    """The maps of the focus boxes (B, 3): the head's surface over what lies behind it, and the eyeballs behind the lids
    over that. canvas: `draw_behind` of the canvas, None where the box is all of it.
    """
    behind = draw_behind(rig, pose, turn, box, 1, canvas)
    known = behind.covered.clamp(0, 1) * smoothstep(*SHOWN_AREA, area_ratio(behind.flow, box))
    flow = torch.lerp(behind.flow, head.flow, head.blend)
    ring = to_box(gather_rows(pose.face, INNER_LIPS + EYES[0][0] + EYES[1][0]), box)[..., :2]
    mouth = opening(ring[:, : len(INNER_LIPS)], GUIDE_SIDE)
    eyes = opening(ring[:, len(INNER_LIPS) :].unflatten(1, (2, -1)).flatten(0, 1), GUIDE_SIDE)
    eyes = eyes.view(-1, 2, GUIDE_SIDE, GUIDE_SIDE)  # right, left
    flow = draw_eyeballs(flow, eyes, head.chart_share, eyeballs(rig, pose), box)
    mouth_known = 1 - mouth * (1 - mouth_shown(rig, pose))
    confidence = torch.maximum(known, head.covered) * mouth_known  # the head's surface is complete
    openings = torch.cat([mouth, eyes.amax(1, keepdim=True)], 1)
    return FocusMaps(flow, behind.flow, head, confidence, openings, behind.reached)


def lattice_depth(rig: Rig, pose: Pose, mesh: int) -> Tensor:
    """z (B, V), canvas units, of the vertices of the grid mesh number `mesh`, for the head's motion.

    A small turn moves what surrounds the face as its border, to which it grows. A large one moves it ever more like the
    plane through the middle of the skull: neck and hair cannot go along as far as the jaw does. What is no head moves
    as one sheet with its face, so that no edge tears where the face ends.
    """
    centre = const_floats((SKULL_CENTRE,), rig.focus.device).expand(len(rig.focus), -1, -1)
    middle = rig.head.apply(centre)[..., 2]
    before = rig.depth[:, mesh] - middle
    cosine = (rig.head.rotation[:, 2] * pose.head.rotation[:, 2]).sum(-1, keepdim=True).clamp(-1, 1)
    moved = before / rig.head.scale[:, None] * (1 - cosine.square()).sqrt()  # canonical units, by the turn
    followed = before / (1 + (moved / MOST_FOLLOWED) ** 4) ** 0.25
    return middle + torch.lerp(before, followed, rig.kind.skull[:, None])


def close_gaps(mask: Tensor) -> Tensor:
    """A mask (B, 1, G, G) with gaps of up to four cells closed, as floats 0 or 1."""
    return -dilate_5x5(-dilate_5x5(mask.float()))


def dilate_5x5(mask: Tensor) -> Tensor:
    """Maximum of (B, 1, G, G) over squares of 5 × 5 cells with the border repeated; separable, which is far cheaper."""
    mask = F.pad(mask, (2, 2, 2, 2), "replicate")
    return F.max_pool2d(F.max_pool2d(mask, (5, 1), 1), (1, 5), 1)


def draw_head(rig: Rig, pose: Pose, vertices: Tensor, hidden: Tensor, box: Tensor) -> HeadMaps:
    """The head's surface, vertices (B, V, 3) hidden to the share (B, V), on boxes (B, 3)."""
    batch, device = len(box), box.device
    face = topology(device).canonical[:MESH].expand(batch, -1, -1)
    template = torch.cat([face, rig.surface.shell, rig.surface.ears], 1)
    drawn = draw_surface(rig, pose, vertices, box, 1, hidden[..., None], template, rig.surface.on_chart)
    blend, flow, share, canonical, position, covered = drawn.split([1, 2, 1, 3, 2, 1], 1)
    return HeadMaps(flow, position, share.clamp(0, 1), canonical, blend.clamp(0, 1), (covered > 0.5).to(drawn.dtype))


def draw_front(rig: Rig, pose: Pose, vertices: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
    """head_flow and head_coverage of `Guidance`. The flow is finer than the other maps, since it jumps where a face
    stands before the hair beside it.
    """
    drawn = draw_surface(rig, pose, vertices, box, FINER)
    columns, rows = inside_edges(box)
    coverage = even_coverage(drawn[:, :1]) * columns * rows
    return continue_outwards(drawn[:, 1:3], drawn[:, 3:], FLOW_REACH), coverage


def draw_surface(rig: Rig, pose: Pose, vertices: Tensor, box: Tensor, finer: int, *values: Tensor) -> Tensor:
    """The head's surface, vertices (B, V, 3), on boxes (B, 3) with `finer` · G cells a side: how much it is drawn
    alone, its flow (2), further `values` (B, V, ·), and 1; all 0 where it is not.
    """
    flow = (places_shown(rig.surface, rig.head, rig.face) - vertices)[..., :2]
    drawn = F.pad(torch.cat([rig.surface.fade[..., None], flow, *values], -1), (0, 1), value=1.0)
    points, buckets = depth_tested(vertices, pose.head), head_buckets(finer * rig.cells_per_unit, box.device)
    return draw_mesh(to_box(points, box), buckets, drawn, finer * GUIDE_SIDE)


def mouth_shown(rig: Rig, pose: Pose) -> Tensor:
    """How much of the mouth's interior, as open as it is now, the picture shows: (B, 1, 1, 1), 0..1.

    What is shown is stretched by the face's mesh, and not moved by itself: teeth then stay at their lips, while teeth
    with a motion of their own would slip out from behind them with every error in the pose.
    """
    gaps = [
        (local[:, LOWER_LIP_INNER] - local[:, UPPER_LIP_INNER]).norm(dim=-1)
        for local in (rig.head.inverse(rig.face), pose.local)
    ]
    return smoothstep(*SHOWN_LIP_GAP, gaps[0] / gaps[1].clamp_min(1e-4))[:, None, None, None]


def eyeballs(rig: Rig, pose: Pose) -> Eyeballs:
    """Right and left eyeball, which turn with the gaze behind their lids."""
    facing = pose.head.rotation[:, 2, 2] > SHOWN_EYE_COSINE
    rotation = torch.where(facing[:, None, None], pose.head.rotation, torch.eye(3, device=facing.device))
    to_rest = rig.head.rotation[:, :2, :2] @ inverse_2x2(rotation[:, :2, :2])
    to_rest = to_rest * (rig.head.scale / pose.head.scale)[:, None, None]
    now, rest = (gather_rows(face, tuple(iris for _, iris in EYES))[..., :2] for face in (pose.face, rig.face))
    return Eyeballs(now, rest, to_rest, rig.openings[:, 1:], rig.focus, facing * rig.kind.lids)


def skin_points(rig: Rig, head: HeadTransform, body: Tensor, points: Tensor, skin: Tensor) -> Tensor:
    """Canvas points (B, N, 3) after linear blend skinning with weights (B, N, J), for heads and joints (B, 33, ≥2).

    The head moves rigidly in space, the other bones in the picture's plane.
    """
    on_head = head.apply(rig.head.inverse(points))
    moved = torch.cat([on_head[:, None], move_with_bones(rig.body, body, points)], 1)  # (B, J, N, 3)
    return (skin.mT.unsqueeze(-1) * moved).sum(1)
