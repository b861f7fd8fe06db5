"""A driver's change since the driver's own neutral, transferred to the picture's character."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.constants import gather_rows
from models.geometry.drive_body import drive_body
from models.geometry.drive_hands import drive_hands
from models.geometry.face_regions import landmark_strength
from models.geometry.grid_mesh import TRIANGLE_GROWTH
from models.geometry.keep_in_frame import FrameBounds, ease, keep_in_frame
from models.geometry.limb_curve import FINGERS, LIMB_PIECES, PIECES
from models.geometry.offsets import Offsets, gaze_shift, turn_head
from models.geometry.openings import (
    EYES,
    begin_to_close,
    close_lids,
    eye_share,
    eye_width,
    lid_aspect,
    lid_opening,
    lid_transfer,
    lips_gap,
    max_opening,
    mouth_share,
    mouth_width,
    narrow_mouth,
    soft_limit,
    squints,
    uncross_lips,
    usual_openness,
)
from models.geometry.proportions import travel_factor
from models.geometry.rig import Rig
from models.geometry.shading import shading
from models.geometry.topology import HeadTransform, head_pose, rotation_about
from models.geometry.turn_limit import ease_tilt, ease_turn
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE, Driver

# The driver's head over its size in the neutral: limits, which it eases into. Meshes that grow further leave gaps.
ZOOM_RANGE = (0.4, TRIANGLE_GROWTH)
FREE_ZOOM = 0.5  # share of the log of either limit within which the size is not changed
MOUTH_RATIO_RANGE = (0.6, 1.7)  # width of the picture's mouth over the driver's: limits
LID_RATIO_RANGE = (0.5, 2.0)  # opening of the picture's lids at rest over the driver's: limits
MAX_SHIFT = 4.0  # canvas units that a head moves along each axis: twice the frame's side
MAX_CHANGE = 0.8  # canonical units that a landmark moves on the head: more than the chin of a mouth that gapes
KEPT_SHARE = 0.05  # landmarks that belong to mouth or eyes by as much are kept as these are
MOUTH_AT_REST = 0.2  # strength of the mouth below which what the driver's mouth shows fades: the picture's stays shut
MIN_LIPS_GAP = 0.02  # canonical units; less counts as shut lips
MAX_STARE, GLANCE_SHARE = 1.2, 0.5  # of eyes without lids: the largest opening, and the way of a glance over a pupil's


@dataclass(frozen=True)
class Strength:
    """How much of the driver's motion is transferred: floats or (B,) tensors, 0..2, 1 = as the driver does, 0 = none.

    eyes, brows, mouth: of these parts of the face (`face_regions.py`), factors of `face`. hands: of palms and fingers,
    a factor of `body`.
    teeth, 0..1: how much of what the driver's open mouth shows is drawn, instead of what the network makes up.
    bones, (B, 4) or one float for all: factors of the picture's shoulder width, torso, arms and legs; 1 = as they are.
    """

    head: float | Tensor = 1.0
    face: float | Tensor = 1.0
    body: float | Tensor = 1.0
    light: float | Tensor = 1.0
    teeth: float | Tensor = 1.0
    bones: float | Tensor = 1.0
    eyes: float | Tensor = 1.0
    brows: float | Tensor = 1.0
    mouth: float | Tensor = 1.0
    hands: float | Tensor = 1.0


@dataclass(frozen=True)
class Pose:
    """The pose of B characters in one frame.

    face: (B, 478, 3), target landmarks, canvas units.
    local: (B, 478, 3), the same in canonical units, without the head's motion.
    rotation: (B, 3, 3), the head's rotation relative to the picture.
    body: (B, 33, 3), target joints, canvas units; z is relative to the torso's, smaller is nearer.
    head: the head's transform from canonical to canvas units.
    shade: (B, 1, n, n), change of log brightness by the light (models/geometry/shading.py), n = `SHADE_SIDE`.
    mouth: (B, 4, h, w), what the driver's mouth shows (`Driver.mouth`), channels first.
    hands: (B, 2, 21, 3), target points of the hands, canvas units; as in the picture where it has no fingers to move.
    whole_eyes: (B, 2, 4), of the right and the left eye: its opening over that at rest if it has no lids of skin, x and
        y of its way by a glance, canonical units, and how far it is such an eye, 0..1.
    tongue: (B,) 0..1, how far it is out. blush: (B,) 0..1.
    """

    face: Tensor
    local: Tensor
    rotation: Tensor
    body: Tensor
    head: HeadTransform
    shade: Tensor
    mouth: Tensor
    hands: Tensor
    whole_eyes: Tensor
    tongue: Tensor
    blush: Tensor


def rest_pose(rig: Rig) -> Pose:
    """The picture's own pose."""
    local = rig.head.inverse(rig.face)
    identity = torch.eye(3, device=rig.face.device).expand(len(rig), -1, -1)
    shade = rig.face.new_zeros(len(rig), 1, SHADE_SIDE, SHADE_SIDE)
    mouth = rig.face.new_zeros(len(rig), 4, MOUTH_ROWS, MOUTH_COLUMNS)
    none = rig.face.new_zeros(len(rig))
    return Pose(
        rig.face, local, identity, rig.body[..., :3], rig.head, shade, mouth, rig.hands[..., :3], open_eyes(rig),
        none, none,
    )  # fmt: skip


def open_eyes(rig: Rig) -> Tensor:
    """(B, 2, 4) `Pose.whole_eyes` at rest."""
    whole = (1 - rig.kind.lids)[:, None, None].expand(-1, 2, 1)
    return torch.cat([torch.ones_like(whole), torch.zeros_like(whole).expand(-1, -1, 2), whole], -1)


def retarget(
    rig: Rig,
    driver: Driver,
    neutral: Driver,
    strength: Strength | None = None,
    bounds: FrameBounds | None = None,
    offsets: Offsets | None = None,
) -> Pose:
    """The pose of B characters for B drivers: the picture's shape plus each driver's change since the neutral.

    Rotation is relative to the camera's axes; translation and expression are measured in sizes of the driver's face and
    applied in sizes of the picture's; translation in sizes of bodies where these are seen to the hips. Size, turn,
    place and expression are bounded, so that no driver tears the head. Strength 0 everywhere gives the picture's own
    pose. bounds: of the frames that the heads stay in, and the shoulders with them; None: motion has no such bounds.
    offsets: turns of heads and gazes that are added to the drivers' and have no strength; None: none.
    """
    strength = strength or Strength()
    driver, neutral = finite_driver(rig, driver, neutral)
    driver_head, neutral_head = head_pose(torch.cat([driver.face, neutral.face])).halves()
    head_strength, face_strength = per_session(strength.head, rig), FaceStrength.of(strength, rig)
    rotation = scale_rotation(driver_head.rotation @ neutral_head.rotation.mT, head_strength)
    zoom = (head_strength * (driver_head.scale / neutral_head.scale).log()).nan_to_num(0)
    for sign, limit in zip((-1, 1), ZOOM_RANGE, strict=True):
        most = torch.full_like(zoom, abs(math.log(limit)))
        zoom = sign * ease(sign * zoom, most, (1 - FREE_ZOOM) * most)
    zoom = zoom.exp()
    shift = (driver_head.shift - neutral_head.shift) / neutral_head.scale[:, None]
    unit = rig.head.scale / neutral_head.scale
    travel = travel_factor(rig.body, neutral.body, unit)
    shift = (shift * (rig.head.scale * travel * head_strength)[:, None]).clamp(-MAX_SHIFT, MAX_SHIFT)
    head = HeadTransform(rig.head.scale * zoom, rotation @ rig.head.rotation, rig.head.shift + shift)
    if offsets is not None:
        head = turn_head(head, offsets.turn)
    head = ease_turn(ease_tilt(rig.head, head), rig.turn_limit)
    rotation = head.rotation @ rig.head.rotation.mT
    kept = None
    if bounds is not None:
        wanted, (head, share) = head, keep_in_frame(rig.head, head, bounds)
        kept = share, head.scale / wanted.scale
    driver_local, neutral_local = driver_head.inverse(driver.face), neutral_head.inverse(neutral.face)
    rest = rig.head.inverse(rig.face)
    neutral_local = neutral_local + wanted_correction(neutral.correction, neutral_local, rest)
    lids, gaze = (driver.lids, neutral.lids), None if offsets is None else gaze_shift(offsets.gaze)
    local, eyes = transfer_expression(rest, driver_local, neutral_local, face_strength, lids, gaze, rig.kind.lids)
    local = bounded_shape(local, rest)
    face = head.apply(local)
    body_strength, torsos = per_session(strength.body, rig), (driver.torso, neutral.torso)
    hand_strength = per_session(strength.hands, rig)
    bones = torch.as_tensor(strength.bones, dtype=rig.face.dtype, device=rig.face.device).expand(len(rig), 4)
    body = drive_body(
        rig.body, (rig.head, head), driver.body, neutral.body, unit * travel, body_strength, torsos, bones, kept,
        hand_strength,
    )  # fmt: skip
    hands = rig.hands[..., :3]
    if rig.pieces == PIECES:
        shown, growth = gather_rows(rig.limbs.shown, (LIMB_PIECES, LIMB_PIECES + FINGERS)), head.scale / rig.head.scale
        body, hands = drive_hands(
            rig.body, rig.hands, shown, driver.hands, body, growth, body_strength * hand_strength,
            (hand_strength - 1).clamp_min(0),
        )  # fmt: skip
    shade = shading(driver.shade, neutral.shade, per_session(strength.light, rig) * rig.has_shading)
    teeth = per_session(strength.teeth, rig) * rig.kind.teeth * (face_strength.mouth / MOUTH_AT_REST).clamp_max(1)
    mouth = driver.mouth.permute(0, 3, 1, 2) * teeth[:, None, None, None]
    whole_eyes = torch.cat([eyes, open_eyes(rig)[..., 3:]], -1)
    tongue, blush = driver.extras.unbind(-1)
    tongue = (tongue * face_strength.mouth).clamp(0, 1)
    blush = (blush * per_session(strength.face, rig)).clamp(0, 1)
    return Pose(face, local, rotation, body, head, shade, mouth, hands, whole_eyes, tongue, blush)


def finite_driver(rig: Rig, driver: Driver, neutral: Driver) -> tuple[Driver, Driver]:
    """Driver and neutral without NaN and infinity: a face with one is that of the neutral, a neutral's that of the
    picture; elsewhere they are 0, which means not measured.
    """

    def known(value: Driver, fallback: Tensor) -> Driver:
        others = {f.name: getattr(value, f.name).nan_to_num(0, 0, 0) for f in fields(value) if f.name != "face"}
        finite = value.face.isfinite().flatten(1).all(1)[:, None, None]
        return Driver(torch.where(finite, value.face, fallback), **others)

    neutral = known(neutral, rig.face)
    return known(driver, neutral.face), neutral


def bounded_shape(local: Tensor, rest: Tensor) -> Tensor:
    """Shapes (B, 478, 3) whose landmarks are within `MAX_CHANGE` of those at rest; one that is not finite is there."""
    change = torch.where(local.isfinite().all(-1, keepdim=True), local - rest, torch.zeros_like(rest))
    size = change.norm(dim=-1, keepdim=True)
    return torch.where(size > MAX_CHANGE, rest + change * (MAX_CHANGE / size.clamp_min(1e-6)), rest + change)


def wanted_correction(correction: Tensor, neutral: Tensor, rest: Tensor) -> Tensor:
    """What to add to neutral shapes (B, 478, 3), of `Driver.correction` (B, 478, 3), for pictures with shapes rest.

    A picture whose mouth is as open as that of a talking neutral shows the same as the neutral: its mouth is to close
    when the driver's does, and the neutral's mouth stays. So do the eyes of a neutral that squints as the picture does.
    """
    shown = (lips_gap(rest) / lips_gap(neutral).clamp_min(MIN_LIPS_GAP)).clamp_max(1)
    kept = (mouth_share(rest.device) / KEPT_SHARE).clamp_max(1) * shown[:, None]
    for ring, _ in EYES:
        near = (eye_share(ring, rest.device) / KEPT_SHARE).clamp_max(1)
        kept = torch.maximum(kept, near * squints(lid_aspect(rest, ring))[:, None])
    return correction * (1 - kept)[..., None]


def transfer_expression(
    rest: Tensor,
    driver: Tensor,
    neutral: Tensor,
    strength: FaceStrength,
    lids: tuple[Tensor, Tensor],
    gaze_offset: Tensor | None = None,
    has_lids: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The picture's shape with the driver's expression, (B, 478, 3) in canonical units, and what eyes without lids do
    instead of it, (B, 2, 3), as in `Pose.whole_eyes`.

    rest, driver, neutral (B, 478, 3): shapes of the picture, of the driver now and in the neutral. lids (B, 2, 2) each:
    `Driver.lids` now and in the neutral; where they are not measured, and for a picture that squints, the opening's
    change counts. gaze_offset (B, 3): see `gaze_shift`. has_lids (B,): `Kind.lids`; None: all eyes have some.
    Features move in proportion to their own size: the mouth by mouths' widths, lids by their share of the neutral
    opening, gaze by eyes' widths.
    """
    mouth_ratio = (mouth_width(rest) / mouth_width(neutral)).clamp(*MOUTH_RATIO_RANGE)
    gain = 1 + mouth_share(rest.device) * (mouth_ratio[:, None] - 1)
    ratios, widths, limit = [], [], max_opening(rest)
    for eye, (ring, _) in enumerate(EYES):
        rest_opening, neutral_opening = lid_opening(rest, ring), lid_opening(neutral, ring)
        opening_ratio = (rest_opening / neutral_opening).clamp(*LID_RATIO_RANGE)
        gain = gain * (1 + eye_share(ring, rest.device) * (opening_ratio[:, None] - 1))
        rest_width, neutral_width = eye_width(rest, ring), eye_width(neutral, ring)
        shape_ratio = (neutral_opening / neutral_width) / (rest_opening / rest_width)
        changed = lid_transfer(lid_opening(driver, ring) / neutral_opening, shape_ratio)
        (openness, weight), (neutral_openness, neutral_weight) = (each[:, eye].unbind(-1) for each in lids)
        share = begin_to_close(openness / usual_openness(neutral_openness), shape_ratio)
        measured = weight * neutral_weight * (1 - squints(rest_opening / rest_width))
        ratio = 1 + strength.eyes * (torch.lerp(changed, share, measured) - 1)
        ratios.append(soft_limit(ratio, limit))
        widths.append((rest_width, neutral_width))
    local = rest + (strength.landmarks * gain)[..., None] * (driver - neutral)
    has_lids = rest.new_ones(len(rest)) if has_lids is None else has_lids
    for ring, _ in EYES:  # what surrounds an eye without lids keeps its shape
        kept = (eye_share(ring, rest.device) / KEPT_SHARE).clamp_max(1) * (1 - has_lids)[:, None]
        local = torch.lerp(local, rest, kept[..., None])
    eyes = []
    for (ring, iris), ratio, (rest_width, neutral_width) in zip(EYES, ratios, widths, strict=True):
        local = close_lids(local, rest, torch.lerp(torch.ones_like(ratio), ratio, has_lids), ring)
        corners, ball = (ring[0], ring[8]), slice(iris, iris + 5)
        driver_gaze = (driver[:, iris] - gather_rows(driver, corners).mean(1)) / eye_width(driver, ring)[:, None]
        neutral_gaze = (neutral[:, iris] - gather_rows(neutral, corners).mean(1)) / neutral_width[:, None]
        gaze = strength.eyes[:, None] * (driver_gaze - neutral_gaze) * rest_width[:, None]
        if gaze_offset is not None:
            gaze = gaze + gaze_offset * rest_width[:, None]
        socket = (gather_rows(local, corners) - gather_rows(rest, corners)).mean(1)
        local[:, ball] = rest[:, ball] + (gaze * has_lids[:, None] + socket)[:, None]
        eyes.append(torch.cat([ratio.clamp(0.0, MAX_STARE)[:, None], GLANCE_SHARE * gaze[:, :2]], -1))
    return uncross_lips(narrow_mouth(local, rest), rest), torch.stack(eyes, 1)


class FaceStrength(NamedTuple):
    """The strengths of B faces, with those of their parts: eyes, mouth (B,); landmarks (B, 478)."""

    eyes: Tensor
    mouth: Tensor
    landmarks: Tensor

    @staticmethod
    def of(strength: Strength, rig: Rig) -> FaceStrength:
        parts = strength.face, strength.eyes, strength.brows, strength.mouth
        face, eyes, brows, mouth = (per_session(part, rig) for part in parts)
        return FaceStrength(face * eyes, face * mouth, landmark_strength(face, eyes, brows, mouth))


def per_session(value: float | Tensor, rig: Rig) -> Tensor:
    """A strength as a tensor (B,)."""
    return torch.as_tensor(value, dtype=rig.face.dtype, device=rig.face.device).expand(len(rig))


def scale_rotation(rotation: Tensor, factor: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about the same axes by `factor` (B,) times their angles."""
    axis = torch.stack(
        [
            rotation[:, 2, 1] - rotation[:, 1, 2],
            rotation[:, 0, 2] - rotation[:, 2, 0],
            rotation[:, 1, 0] - rotation[:, 0, 1],
        ],
        -1,
    )
    sine = axis.norm(dim=-1) / 2
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = torch.atan2(sine, (trace - 1) / 2)
    return rotation_about(axis / (2 * sine).clamp_min(1e-9)[:, None], angle * factor)
