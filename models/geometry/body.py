"""The body below the head: joints, bones, skin weights, and how a driver's body moves them.

Joints are numbered as MediaPipe's pose does: shoulders 11 (the person's left), 12; elbows 13, 14; wrists 15, 16.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import const_floats, gather_rows, scatter_rows
from models.geometry.grid import smoothstep
from models.geometry.topology import HeadTransform

NOSE, LEFT_EAR, RIGHT_EAR = 0, 7, 8  # MediaPipe's joints; right and left are the person's own
HEAD_JOINTS = slice(0, 11)  # nose, eyes, ears, mouth
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST = range(11, 17)
HEAD, TORSO = range(2)  # bones of the skin weights; then the segments
SEGMENTS = ((11, 13), (13, 15), (12, 14), (14, 16))
ARMS = (((11, 12), (13, 14)), ((13, 14), (15, 16)))  # both sides' upper arms, then their forearms
FINGERS, HANDS = (17, 19, 21, 18, 20, 22), (15, 15, 15, 16, 16, 16)  # joints, and the wrists that they go along with
BEGIN, END = (11, *(a for a, _ in SEGMENTS)), (12, *(b for _, b in SEGMENTS))  # of the torso and the segments
Joints = tuple[int, ...]
BONES = 2 + len(SEGMENTS)
NECK = (0.0, 1.35, 0.8)  # canonical place where the head sits on the neck
SHOULDERS = ((2.05, 2.75, 0.9), (-2.05, 2.75, 0.9))  # canonical places of joints 11 and 12 of an upright person
ARM = 2.6  # canonical length of the upper arm and of the forearm
PIN = 0.3  # reach of the border's hold, canvas units
HOLD = 4.0  # times the way that is held back, if less than PIN: nothing is stretched by more than 1.5 / HOLD there
JOINTS = (0.12, 0.15, 0.15)  # noise of tracked shoulders: of their distance, radians, log of size
CLOTHES = 0.002  # the same of the torso's motion that the clothes show (tests/streamer/test_torso.py)
FOLLOW = 0.6  # share of the neck's way that shoulders go along with when nobody sees them


def complete_body(head: HeadTransform, body: Tensor | None) -> Tensor:
    """(B, 33, 4) joints: shoulders that are not seen are guessed below the head; what else is not seen has visibility
    0.
    """
    batch, device = len(head.scale), head.scale.device
    body = torch.zeros(batch, 33, 4, device=device) if body is None else body
    upright = HeadTransform(head.scale, torch.eye(3, device=device).expand(batch, -1, -1), head.shift)
    place = upright.apply(const_floats(SHOULDERS, device).expand(batch, -1, -1))
    guess = torch.cat([body.new_zeros(batch, 11, 4), F.pad(place, (0, 1))], 1)
    guess = F.pad(guess, (0, 0, 0, 20))
    width = (body[:, 11, :2] - body[:, 12, :2]).norm(dim=-1) / head.scale
    known = (body[:, 11:13, 3].amin(1) > 0.5) & (width > 1.0) & torch.isfinite(body).all(-1).all(-1)
    return torch.where(known[:, None, None], body, guess)


def skin_weights(head: HeadTransform, body: Tensor, points: Tensor, depth: Tensor) -> Tensor:
    """(B, N, J) weights of the bones at canvas points (B, N, 2) with z (B, N): J = `BONES`, summing to 1."""
    place = head.inverse(torch.cat([points, depth.unsqueeze(-1)], -1))
    side, down = place[..., 0].abs(), place[..., 1]
    head_share = (1 - smoothstep(1.2, 2.4, down)) * (1 - smoothstep(1.2, 2.4, side) * smoothstep(0.4, 1.4, down))
    span = (body[:, 11, :2] - body[:, 12, :2]).norm(dim=-1)[:, None]
    limbs = []
    for a, b in SEGMENTS:
        start, end = body[:, a, :2], body[:, b, :2]
        if a in (13, 14):
            end = end + 0.5 * (end - start)  # the hand
        along, _, away = bone_coordinates(start, end, points)
        reach = torch.hypot(away, (along - along.clamp(0, 1)) * (end - start).norm(dim=-1)[:, None])
        seen = smoothstep(0.5, 0.8, torch.minimum(body[:, a, 3], body[:, b, 3]))[:, None]
        limbs.append(seen * (1 - smoothstep(0.12, 0.3, reach / span.clamp_min(1e-3))))
    arm = torch.stack(limbs, -1) * (1 - head_share).unsqueeze(-1)
    arm = arm / arm.sum(-1, keepdim=True).clamp_min(1)
    rest = 1 - arm.sum(-1)
    return torch.cat([torch.stack([head_share * rest, (1 - head_share) * rest], -1), arm], -1)


def bone_coordinates(start: Tensor, end: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of points (B, N, 2) beside the bone (B, 2) → (B, 2): share along it, signed distance over its length,
    distance.
    """
    bone = (end - start)[:, None]
    length = bone.norm(dim=-1).clamp_min(1e-4)
    away = points - start[:, None]
    along = (away * bone).sum(-1) / length.square()
    across = (bone[..., 0] * away[..., 1] - bone[..., 1] * away[..., 0]) / length.square()
    return along, across, across.abs() * length


def body_canonical(body: Tensor, skin: Tensor, points: Tensor, head: Tensor) -> Tensor:
    """(B, N, 3) canonical coordinates of canvas points: the head's own (B, N, 3), the torso's and the arms' in a
    T-pose.
    """
    left, right = body[:, 11, :2], body[:, 12, :2]
    along, across, _ = bone_coordinates(right, left, points)
    width = SHOULDERS[0][0] * 2
    depth = torch.full_like(along, SHOULDERS[0][2])
    mixed = skin[..., :1] * head
    torso = torch.stack([(along - 0.5) * width, SHOULDERS[0][1] + across * width, depth], -1)
    mixed = mixed + skin[..., 1:2] * torso
    for k, (a, b) in enumerate(SEGMENTS):
        along, across, _ = bone_coordinates(body[:, a, :2], body[:, b, :2], points)
        side = 1.0 if a in (11, 13) else -1.0
        begin = SHOULDERS[0][0] + (ARM if a in (13, 14) else 0.0)
        arm = torch.stack([side * (begin + along * ARM), SHOULDERS[0][1] + side * across * ARM, depth], -1)
        mixed = mixed + skin[..., 2 + k, None] * arm
    return mixed


def carry_body(source: Tensor, target: Tensor, points: Tensor) -> Tensor:
    """Points (B, N, 3) moved by torso and segments, (B, 1 + segments, N, 3), as the joints go from source to target
    (B, 33, ≥2): in the plane, so that a bone comes to where it is now. Limbs stretch along their bones only.
    """
    a, b, a2, b2 = (
        gather_rows(joints[..., :2], ends) for joints in (source, target) for ends in (BEGIN, END)
    )  # (B, J, 2)
    bone, goal = b - a, b2 - a2
    length = bone.norm(dim=-1, keepdim=True).clamp_min(1e-4)
    reach = goal.norm(dim=-1, keepdim=True)
    share = reach / length
    way = goal / reach.clamp_min(1e-4)
    way = torch.where((length <= 1e-4) | (share < 1e-3), bone / length, way).unsqueeze(2)  # (B, J, 1, 2)
    bone, away = (bone / length).unsqueeze(2), points[:, None, :, :2] - a.unsqueeze(2)  # (B, J, N, 2)
    along = (away * bone).sum(-1) * share
    across = bone[..., 0] * away[..., 1] - bone[..., 1] * away[..., 0]
    across = torch.cat([across[:, :1] * share[:, :1], across[:, 1:]], 1)
    x = way[..., 0] * along - way[..., 1] * across + a2[..., :1]
    y = way[..., 1] * along + way[..., 0] * across + a2[..., 1:]
    return torch.stack([x, y, points[:, None, :, 2].expand_as(x)], -1)


def border_pins(matte: Tensor, points: Tensor) -> Tensor:
    """(B, N, 4) how near points (B, N, 2) are to the canvas's left, right, upper and lower border, 1 there to 0 at
    `PIN`: `hold` keeps them from moving right, left, down, up, because the person is cut there and the picture ends.
    """
    wide = F.max_pool2d(matte, 9, 4, 4) if matte.shape[-1] >= 64 else matte
    x, y = points[..., 0], points[..., 1]
    pins = []
    for along, across, sign in ((y, x, -1.0), (y, x, 1.0), (x, y, -1.0), (x, y, 1.0)):
        edge = torch.full_like(along, sign)
        at = torch.stack([edge, along] if across is x else [along, edge], -1)[:, None]
        cut = F.grid_sample(wide, at, "bilinear", "border", False)[:, 0, 0]
        pins.append(cut * (1 - (1 - sign * across) / PIN).clamp(0, 1))
    return torch.stack(pins, -1)


def hold(pins: Tensor, step: Tensor) -> Tensor:
    """Displacements (B, N, 2) with what would open a gap at the canvas's border taken out. A short way is held back in
    a narrow band: shoulders near the border still go along.
    """
    near = torch.where(step > 0, pins[..., 0::2], pins[..., 1::2])
    band = (HOLD / PIN * step.abs()).clamp(0.03, 1)
    return step * (1 - smoothstep(0, 1, 1 - (1 - near) / band))


def drive_body(
    rest: Tensor,
    heads: tuple[HeadTransform, HeadTransform],
    now: Tensor,
    then: Tensor,
    unit: Tensor,
    amount: Tensor,
    torsos: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """(B, 33, 3) target joints of the character.

    rest (B, 33, 4): the picture's joints. heads: its head's frame in the picture, and now. now, then (B, 33, 4): the
    driver's joints and those of his neutral, camera units; unit (B,): canvas units of one camera unit. amount (B,):
    strength. torsos (B, 2, 4): the driver's `Driver.torso`, now and in his neutral. Tracked shoulders are off by a few
    per cent of their width, and more so while the head turns: small differences from what the neck tells are taken for
    noise, unless the clothes tell them. What is not seen, in the driver or in the picture, goes along with what holds
    it: arms with the torso, the torso with the neck.
    """
    amount = amount[:, None]
    neck = const_floats((NECK,), rest.device).expand(len(rest), -1, -1)
    drift = (heads[1].apply(neck) - heads[0].apply(neck))[:, 0, :2] * FOLLOW
    zoom = (heads[1].scale / heads[0].scale)[:, None].log() * FOLLOW
    gate = visible(now, (11,), (12,)) * visible(then, (11,), (12,))
    span = (rest[:, 11, :2] - rest[:, 12, :2]).norm(dim=-1)[:, None]
    shift = (now[:, 11:13, :2] - then[:, 11:13, :2]).mean(1) * unit[:, None]
    turn, grow = (change[:, 0] for change in bone_change(then, now, (11,), (12,)))
    shift = drift + gate * sure(shift - drift, JOINTS[0] * span)
    turn = gate * sure(turn, JOINTS[1])
    grow = zoom + gate * sure(grow - zoom, JOINTS[2])
    if torsos is not None:
        trust = same_torso(*torsos)
        way = (torsos[0] - torsos[1])[..., :2].mean(1) * unit[:, None]
        spin, reach = (change[:, 0] for change in bone_change(torsos[1], torsos[0], (0,), (1,)))
        shift = torch.lerp(shift, drift + sure(way - drift, CLOTHES * span), trust)
        turn = torch.lerp(turn, sure(spin, CLOTHES), trust)
        grow = torch.lerp(grow, zoom + sure(reach - zoom, CLOTHES), trust)
    shift, turn, grow = shift * amount, turn.clamp(-0.6, 0.6) * amount, grow.clamp(-0.5, 0.5) * amount
    middle = rest[:, None, 11:13, :2].mean(2)
    away = rest[..., :2] - middle
    out = turned(away, turn, grow) + middle + shift[:, None]
    for a, b in ARMS:
        seen = (visible(now, a, b) * visible(then, a, b) * visible(rest, a, b)).unsqueeze(-1)  # (B, 2, 1)
        spin, reach = bone_change(then, now, a, b)
        spin = torch.lerp(turn[:, None], spin.clamp(-2.2, 2.2) * amount[:, None], seen)[..., 0]
        reach = torch.lerp(grow[:, None], reach.clamp(-0.9, 0.5) * amount[:, None], seen)[..., 0]
        out = scatter_rows(
            out, b, gather_rows(out, a) + turned((gather_rows(rest, b) - gather_rows(rest, a))[..., :2], spin, reach)
        )
    out = scatter_rows(
        out, FINGERS, gather_rows(out, HANDS) + (gather_rows(rest, FINGERS) - gather_rows(rest, HANDS))[..., :2]
    )
    return torch.cat([out, rest[..., 2:3]], -1)


def sure(value: Tensor, noise: Tensor | float) -> Tensor:
    """Shrinks a measured (B, n) vector that is no larger than its noise; a large one stays (Wiener's rule)."""
    power = value.square().sum(-1, keepdim=True)
    return value * power / (power + noise**2)


def same_torso(now: Tensor, then: Tensor) -> Tensor:
    """(B, 1) 0..1 how far two measurements of the clothes (B, 2, 4) can be compared: both good, of one keyframe."""
    same = (now[:, :1, 2] == then[:, :1, 2]).to(now.dtype)
    return same * torch.minimum(now[:, :1, 3], then[:, :1, 3]).clamp(0, 1)


def visible(body: Tensor, a: Joints, b: Joints) -> Tensor:
    """(B, K) 0..1 whether both joints of K pairs are seen, and stand inside the frame."""
    pair = torch.stack([gather_rows(body, a), gather_rows(body, b)], -2)
    inside = 1 - smoothstep(1.0, 1.2, pair[..., :2].abs().amax(-1))
    return (smoothstep(0.4, 0.8, pair[..., 3]) * inside).amin(-1)


def bone_change(then: Tensor, now: Tensor, a: Joints, b: Joints) -> tuple[Tensor, Tensor]:
    """Angles and logs of the length ratios (B, K, 1) by which K bones a→b changed in the picture plane."""
    before, after = ((gather_rows(body, b) - gather_rows(body, a))[..., :2] for body in (then, now))
    cross = before[..., :1] * after[..., 1:] - before[..., 1:] * after[..., :1]
    ratio = after.norm(dim=-1, keepdim=True).clamp_min(1e-3) / before.norm(dim=-1, keepdim=True).clamp_min(1e-3)
    return torch.atan2(cross, (before * after).sum(-1, keepdim=True) + 1e-9), ratio.log()


def turned(vectors: Tensor, angle: Tensor, log_scale: Tensor) -> Tensor:
    """(B, N, 2) vectors turned by angle (B, 1 or N) and scaled."""
    cosine, sine = angle.cos() * log_scale.exp(), angle.sin() * log_scale.exp()
    x, y = vectors.unbind(-1)
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y], -1)
