"""The body below the head: joints, bones, skin weights.

Joints are numbered as in MediaPipe's pose model; right and left are the person's own. A bone is the line of the
shoulders, that of the hips, or one of `SEGMENTS`, from one joint to another.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import const_floats, gather_rows
from models.geometry.grid import smoothstep
from models.geometry.topology import HeadTransform

JOINTS = 33
NOSE, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR, LEFT_MOUTH, RIGHT_MOUTH = 0, 2, 5, 7, 8, 9, 10
HEAD_JOINTS = slice(0, 11)  # nose, eyes, ears, mouth
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST = range(11, 17)
SHOULDERS = slice(LEFT_SHOULDER, RIGHT_SHOULDER + 1)
LEFT_PINKY, RIGHT_PINKY, LEFT_INDEX, RIGHT_INDEX, LEFT_THUMB, RIGHT_THUMB = range(17, 23)
LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE, LEFT_ANKLE, RIGHT_ANKLE = range(23, 29)
HIPS = slice(LEFT_HIP, RIGHT_HIP + 1)
LEFT_HEEL, RIGHT_HEEL = 29, 30
LEFT_FOOT, RIGHT_FOOT = 31, 32  # the toes
HAND_POINTS = 21  # of one hand, as in MediaPipe's hand model
# The joints of hands and feet, by the wrist or ankle that they hang on and move along with.
HANGING: dict[int, tuple[int, ...]] = {
    LEFT_WRIST: (LEFT_PINKY, LEFT_INDEX, LEFT_THUMB),
    RIGHT_WRIST: (RIGHT_PINKY, RIGHT_INDEX, RIGHT_THUMB),
    LEFT_ANKLE: (LEFT_HEEL, LEFT_FOOT),
    RIGHT_ANKLE: (RIGHT_HEEL, RIGHT_FOOT),
}
END_JOINTS = tuple(end for ends in HANGING.values() for end in ends)  # all of these, hands first
END_HOLDERS = tuple(holder for holder, ends in HANGING.items() for _ in ends)  # what each of them hangs on
HAND_JOINTS, HAND_WRISTS = END_JOINTS[:6], END_HOLDERS[:6]
UPPER_BODY = slice(LEFT_SHOULDER, 23)  # shoulders, arms and hands

ARMS = ((LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST), (RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST))
SEGMENTS = tuple(bone for shoulder, elbow, wrist in ARMS for bone in ((shoulder, elbow), (elbow, wrist)))
RIGID_BONES = 2  # shoulders and hips, which carry the torso and grow evenly; the segments grow along themselves
BONE_STARTS = (LEFT_SHOULDER, LEFT_HIP, *(start for start, _ in SEGMENTS))
BONE_ENDS = (RIGHT_SHOULDER, RIGHT_HIP, *(end for _, end in SEGMENTS))
BONES = 1 + RIGID_BONES + len(SEGMENTS)  # columns of the skin weights: head, shoulders, hips, segments
SHOULDERS_BONE = slice(1, 2)  # the column of the shoulders
Joints = tuple[int, ...]

SHOULDER_PLACES = ((2.05, 2.75, 0.9), (-2.05, 2.75, 0.9))  # canonical units: shoulders of an upright person, left first
TORSO_LENGTH = 1.45  # shoulder widths from the shoulders to the hips
ARM_LENGTH = 2.6  # canonical units, of the upper arm and of the forearm
# Skin weights. The head's fades over these canonical units below the eyes, and to the side from the ears' height on.
HEAD_FADE_DOWN, HEAD_FADE_SIDE, HEAD_SIDE_FROM = (1.2, 2.4), (1.2, 2.4), (0.4, 1.4)
LIMB_FADE = (0.12, 0.3)  # shoulder widths from a limb's bone over which its weight fades
WAIST = (0.35, 0.95)  # of the way from the shoulders to the hips, over which a torso goes over to the hips' motion
MIN_HIPS = 0.2  # shoulder widths between hips that can carry a torso
HAND_LENGTH = 0.5  # forearms from the wrist to the fingertips
PIN_REACH = 0.3  # canvas units from the border within which points are pinned to it
PIN_BAND = 4.0  # a displacement d fades within PIN_BAND · d of the border, which stretches by at most 1.5 / PIN_BAND


def complete_body(head: HeadTransform, body: Tensor | None) -> Tensor:
    """Joints (B, 33, 4): x, y, z, visibility, with shoulders guessed below the head where they were not detected.

    body: None if no joint was detected. Where the shoulders are guessed, every joint has visibility 0.
    """
    batch, device = len(head.scale), head.scale.device
    body = torch.zeros(batch, JOINTS, 4, device=device) if body is None else body
    upright = HeadTransform(head.scale, torch.eye(3, device=device).expand(batch, -1, -1), head.shift)
    place = upright.apply(const_floats(SHOULDER_PLACES, device).expand(batch, -1, -1))
    guess = torch.cat([body.new_zeros(batch, LEFT_SHOULDER, 4), F.pad(place, (0, 1))], 1)
    guess = F.pad(guess, (0, 0, 0, JOINTS - RIGHT_SHOULDER - 1))
    # Shoulders that are seen from the side are narrow; then the torso tells that there is a body.
    trunk = (body[:, SHOULDERS, :2] - body[:, HIPS, :2]).mean(1).norm(dim=-1) * (body[:, HIPS, 3].amin(1) > 0.5)
    width = torch.maximum(shoulder_width(body), trunk / TORSO_LENGTH) / head.scale
    known = (body[:, SHOULDERS, 3].amin(1) > 0.5) & (width > 1.0) & torch.isfinite(body).all(-1).all(-1)
    return torch.where(known[:, None, None], body, guess)


def shoulder_width(body: Tensor) -> Tensor:
    """(B,) distance of the shoulders of joints (B, 33, ≥2) in the picture's plane."""
    return (body[:, LEFT_SHOULDER, :2] - body[:, RIGHT_SHOULDER, :2]).norm(dim=-1)


def skin_weights(head: HeadTransform, body: Tensor, points: Tensor, depth: Tensor) -> Tensor:
    """Skin weights (B, N, `BONES`), summing to 1, of canvas points (B, N, 2) whose z is depth (B, N)."""
    place = head.inverse(torch.cat([points, depth.unsqueeze(-1)], -1))
    side, down = place[..., 0].abs(), place[..., 1]
    outside_head = smoothstep(*HEAD_FADE_SIDE, side) * smoothstep(*HEAD_SIDE_FROM, down)
    head_share = (1 - smoothstep(*HEAD_FADE_DOWN, down)) * (1 - outside_head)
    width = shoulder_width(body)[:, None]
    limbs = []
    for first, last in SEGMENTS:
        start, end = body[:, first, :2], body[:, last, :2]
        if first in (LEFT_ELBOW, RIGHT_ELBOW):
            end = end + HAND_LENGTH * (end - start)
        along, _, distance = bone_coordinates(start, end, points)
        distance = torch.hypot(distance, (along - along.clamp(0, 1)) * (end - start).norm(dim=-1)[:, None])
        shown = smoothstep(0.5, 0.8, torch.minimum(body[:, first, 3], body[:, last, 3]))[:, None]
        limbs.append(shown * (1 - smoothstep(*LIMB_FADE, distance / width.clamp_min(1e-3))))
    arm = torch.stack(limbs, -1) * (1 - head_share).unsqueeze(-1)
    arm = arm / arm.sum(-1, keepdim=True).clamp_min(1)
    not_arm = 1 - arm.sum(-1)
    hips = hip_share(body, points)
    rigid = torch.stack([head_share, (1 - head_share) * (1 - hips), (1 - head_share) * hips], -1)
    return torch.cat([rigid * not_arm.unsqueeze(-1), arm], -1)


def hip_share(body: Tensor, points: Tensor) -> Tensor:
    """(B, N) 0..1 how much points (B, N, 2) of a torso move with the hips and not with the shoulders; 0 where joints
    (B, 33, 4) have no hips.
    """
    top, hips = body[:, SHOULDERS, :2].mean(1), body[:, HIPS, :2].mean(1)
    along, _, _ = bone_coordinates(top, hips, points)
    width = (body[:, LEFT_HIP, :2] - body[:, RIGHT_HIP, :2]).norm(dim=-1)
    return smoothstep(*WAIST, along) * (width > MIN_HIPS * shoulder_width(body)).to(along.dtype)[:, None]


def bone_coordinates(start: Tensor, end: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points (B, N, 2) relative to bones from start (B, 2) to end (B, 2), each (B, N).

    Returns the share along the bone (0 at its start, 1 at its end), the signed distance in lengths of the bone, and the
    distance in the points' units.
    """
    bone = (end - start)[:, None]
    length = bone.norm(dim=-1).clamp_min(1e-4)
    offset = points - start[:, None]
    along = (offset * bone).sum(-1) / length.square()
    across = (bone[..., 0] * offset[..., 1] - bone[..., 1] * offset[..., 0]) / length.square()
    return along, across, across.abs() * length


def body_canonical(body: Tensor, skin: Tensor, points: Tensor, head: Tensor) -> Tensor:
    """Canonical coordinates (B, N, 3) of canvas points (B, N, 2): torso and arms in a T-pose.

    skin (B, N, `BONES`): the points' skin weights. head (B, N, 3): their canonical coordinates as parts of the head.
    """
    left, right = body[:, LEFT_SHOULDER, :2], body[:, RIGHT_SHOULDER, :2]
    along, across, _ = bone_coordinates(right, left, points)
    width = SHOULDER_PLACES[0][0] * 2
    depth = torch.full_like(along, SHOULDER_PLACES[0][2])
    mixed = skin[..., :1] * head
    torso = torch.stack([(along - 0.5) * width, SHOULDER_PLACES[0][1] + across * width, depth], -1)
    mixed = mixed + skin[..., 1 : 1 + RIGID_BONES].sum(-1, keepdim=True) * torso
    for k, (first, last) in enumerate(SEGMENTS):
        along, across, _ = bone_coordinates(body[:, first, :2], body[:, last, :2], points)
        side = 1.0 if first in (LEFT_SHOULDER, LEFT_ELBOW) else -1.0
        begin = SHOULDER_PLACES[0][0] + (ARM_LENGTH if first in (LEFT_ELBOW, RIGHT_ELBOW) else 0.0)
        arm = torch.stack(
            [side * (begin + along * ARM_LENGTH), SHOULDER_PLACES[0][1] + side * across * ARM_LENGTH, depth], -1
        )
        mixed = mixed + skin[..., 1 + RIGID_BONES + k, None] * arm
    return mixed


def move_with_bones(source: Tensor, target: Tensor, points: Tensor) -> Tensor:
    """Points (B, N, 3) moved with shoulders, hips and each segment: (B, `BONES` − 1, N, 3).

    source, target (B, 33, ≥2): the joints before and after. The motion is in the picture's plane and puts a bone where
    the target's bone is; z stays. Segments are stretched along their bones only; shoulders and hips along their lines,
    which become shorter and longer when a body turns, and across them as the way from the ones to the others is.
    """
    starts, ends, new_starts, new_ends = (
        gather_rows(joints[..., :2], numbers) for joints in (source, target) for numbers in (BONE_STARTS, BONE_ENDS)
    )  # (B, J, 2)
    bone, new_bone = ends - starts, new_ends - new_starts
    length = bone.norm(dim=-1, keepdim=True).clamp_min(1e-4)
    new_length = new_bone.norm(dim=-1, keepdim=True)
    stretch = new_length / length
    direction = new_bone / new_length.clamp_min(1e-4)
    direction = torch.where((length <= 1e-4) | (stretch < 1e-3), bone / length, direction).unsqueeze(2)  # (B, J, 1, 2)
    bone, offset = (bone / length).unsqueeze(2), points[:, None, :, :2] - starts.unsqueeze(2)  # (B, J, N, 2)
    along = (offset * bone).sum(-1) * stretch
    across = bone[..., 0] * offset[..., 1] - bone[..., 1] * offset[..., 0]
    spine, new_spine = (
        (begin + end)[:, :RIGID_BONES].diff(dim=1).norm(dim=-1, keepdim=True)
        for begin, end in ((starts, ends), (new_starts, new_ends))
    )
    taller = torch.where(spine > 1e-2, new_spine / spine.clamp_min(1e-2), stretch[:, :RIGID_BONES])
    across = torch.cat([across[:, :RIGID_BONES] * taller, across[:, RIGID_BONES:]], 1)
    x = direction[..., 0] * along - direction[..., 1] * across + new_starts[..., :1]
    y = direction[..., 1] * along + direction[..., 0] * across + new_starts[..., 1:]
    return torch.stack([x, y, points[:, None, :, 2].expand_as(x)], -1)


def edge_pins(matte: Tensor, points: Tensor) -> Tensor:
    """How much the canvas's border holds points (B, N, 2): (B, N, 4) for its left, right, upper and lower edge, 0..1.

    A pin is 1 on an edge that cuts the person, 0 from `PIN_REACH` on or where the matte (B, 1, S, S) is 0 at the edge.
    `pin_to_border` then keeps the point from moving right, left, down or up: beyond the edge there is no picture.
    """
    grown = F.max_pool2d(matte, 9, 4, 4) if matte.shape[-1] >= 64 else matte
    x, y = points[..., 0], points[..., 1]
    pins = []
    for along, across, sign in ((y, x, -1.0), (y, x, 1.0), (x, y, -1.0), (x, y, 1.0)):
        edge = torch.full_like(along, sign)
        at_edge = torch.stack([edge, along] if across is x else [along, edge], -1)[:, None]
        cut = F.grid_sample(grown, at_edge, "bilinear", "border", False)[:, 0, 0]
        pins.append(cut * (1 - (1 - sign * across) / PIN_REACH).clamp(0, 1))
    return torch.stack(pins, -1)


def pin_to_border(pins: Tensor, displacement: Tensor) -> Tensor:
    """Displacements (B, N, 2) without what would open a gap at the canvas's border.

    pins (B, N, 4): from `edge_pins`. A short displacement is held back in a narrow band, so that shoulders near the
    border still move.
    """
    pin = torch.where(displacement > 0, pins[..., 0::2], pins[..., 1::2])
    band = (PIN_BAND / PIN_REACH * displacement.abs()).clamp(0.03, 1)
    return displacement * (1 - smoothstep(0, 1, 1 - (1 - pin) / band))
