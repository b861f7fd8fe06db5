"""Characters on a device: what is left of them once they are built, and how many of them are posed at once.

P pictures show C characters padded to V vertices, of which the first M are the face model's; `character` (P,) long
tells which one a picture shows. Poses and landmarks are those of `Character.pose` and `LandmarkMap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training.render.arrays import Array, Ints
from training.render.character.appearance import Appearance
from training.render.character.body import HAND_POINTS, INFLUENCES
from training.render.character.character import PIVOT, ROOT, Act, Character, Studio
from training.render.character.gestures import REST_ARMS, REST_FINGERS
from training.render.character.skeleton import BONES, Skeleton
from training.render.labels.landmarks import (
    FACE_JOINTS,
    HAND_THICK,
    JOINTS,
    LEFT_EYE,
    MESH_POINTS,
    RIGHT_EYE,
    LandmarkMap,
    ears_at_rest,
    joints_at_rest,
)
from training.render.raster.device_raster import Hits, stacked
from training.render.raster.device_shading import Surfaces
from training.render.raster.shading import Surface
from training.render.scene.scene import Camera

Device = torch.device | str
MARKS = JOINTS + 2 * HAND_POINTS


@dataclass(frozen=True)
class Figure:
    """A character without the studio it was built in, so that it travels cheaply between processes."""

    rest: Array  # (V, 3); eyeballs as unit spheres
    weight: Array  # (V, 1) of the head
    dark: Array  # (V,)
    follow: NDArray[np.int64]  # (V,) vertex of the face model whose expression each vertex shows, M = none
    eye: NDArray[np.int64]  # (V,) 1 right, 2 left, 0 no eyeball
    eye_centre: Array  # (3, 3) by `eye`, the first unused
    eye_radius: Array  # (3, 1)
    local_scale: Array  # (M, 1) of expressions
    lean: Array  # (V, 1) how far each vertex goes along when the body leans
    bones: NDArray[np.int64]  # (V, K) that move each vertex of a whole body
    bone_weights: Array  # (V, K); all 0 where no bone does
    bust: Array  # (1,) 1 = shoulders are lifted without bones, 0 = a whole body
    joints: Array  # (33, 3) of the body at rest, then 21 points of each hand: (75, 3)
    joint_bone: NDArray[np.int64]  # (75,)
    joint_lean: Array  # (75, 1)
    skeleton: Skeleton | None
    surface: Surface
    label: Ints  # (F,)
    casters: Ints  # (K, 3) triangles that cast shadows
    closed: int  # so many triangles, the first ones, show their outside only
    look: Appearance

    @classmethod
    def of(cls, character: Character) -> Figure:
        count = len(character.studio.used)
        follow = np.full(len(character.rest), count, np.int64)
        follow[:count] = np.arange(count)
        follow[character.followers] = character.parents
        eye = np.zeros(len(character.rest), np.int64)
        for n, piece in enumerate(character.eye_slices, 1):
            eye[piece] = n
        total = len(character.rest)
        lean, bones = np.ones((total, 1), np.float32), np.zeros((total, INFLUENCES), np.int64)
        bone_weights = np.zeros((total, INFLUENCES), np.float32)
        joints, joint_bone = np.zeros((MARKS, 3), np.float32), np.zeros(MARKS, np.int64)
        joint_lean = np.ones((MARKS, 1), np.float32)
        body = character.body
        if body is None:
            joints[:JOINTS] = joints_at_rest(character)
        else:
            span = slice(count, count + len(body.points))
            bones[span], bone_weights[span] = body.model.bones, body.model.weights
            joints = np.concatenate([body.joints, body.hands.reshape(-1, 3)])
            joints[7:9] = ears_at_rest(character)
            joint_bone = np.concatenate([body.joint_bone, body.hand_bone.reshape(-1, 1)])[:, 0].astype(np.int64)
            still = body.moves(REST_ARMS, REST_FINGERS, np.zeros(2, np.float32))
            joint_lean[:JOINTS] = body.marks(still)[2]
            lean = lean if character.lean is None else character.lean
        return cls(
            character.rest, character.weight, character.dark.astype(np.float32), follow, eye,
            np.stack([np.zeros(3, np.float32), *(centre for centre, _ in character.eyes)]),
            np.array([[1.0], *([radius] for _, radius in character.eyes)], np.float32),
            character.local_scale.astype(np.float32), lean, bones, bone_weights,
            np.array([body is None], np.float32), joints, joint_bone, joint_lean,
            None if body is None else body.skeleton, character.surface, character.label,
            character.casters, character.closed, character.look,
        )  # fmt: skip

    def moves(self, acts: Sequence[Act]) -> Array:
        """What the bones do (N, B, 3, 4), as `Skeleton.moves`; a bust's stay."""
        if self.skeleton is None:
            return np.tile(np.eye(3, 4, dtype=np.float32), (len(acts), len(BONES), 1, 1))
        return np.stack([self.skeleton.moves(act.arms, act.fingers, act.shrug) for act in acts])


@dataclass(frozen=True)
class Stage:
    """What all characters of a studio share, on the device."""

    expression: Tensor  # (E, M·3)
    corners: Tensor  # (468, 3) long vertices around each landmark
    weights: Tensor  # (468, 3, 1)

    @classmethod
    def build(cls, studio: Studio, landmarks: LandmarkMap, device: Device) -> Stage:
        return cls(
            torch.from_numpy(studio.expression).to(device),
            torch.from_numpy(studio.compact[landmarks.vertices].astype(np.int64)).to(device),
            torch.from_numpy(landmarks.weights[..., None]).to(device),
        )


@dataclass(frozen=True)
class Cast:
    """C figures, stacked; fields as in Figure with a leading axis."""

    rest: Tensor
    weight: Tensor
    dark: Tensor
    follow: Tensor
    eye: Tensor
    eye_centre: Tensor
    eye_radius: Tensor
    local_scale: Tensor
    lean: Tensor
    bones: Tensor
    bone_weights: Tensor
    bust: Tensor
    joints: Tensor
    joint_bone: Tensor
    joint_lean: Tensor
    casters: Tensor
    closed: Tensor
    iris: Tensor  # (C,) radians
    shading: Tensor  # (C,) 0..1: how much light acts on the skin
    surfaces: Surfaces
    looks: list[Appearance]

    @classmethod
    def gather(cls, figures: Sequence[Figure], device: Device) -> Cast:
        def many(name: str, empty: float = 0) -> Tensor:
            return stacked([getattr(figure, name) for figure in figures], device, empty)

        return cls(
            many("rest"), many("weight"), many("dark"), many("follow", len(figures[0].local_scale)), many("eye"),
            many("eye_centre"), many("eye_radius"), many("local_scale"), many("lean"), many("bones"),
            many("bone_weights"), many("bust"), many("joints"), many("joint_bone"), many("joint_lean"), many("casters"),
            torch.tensor([figure.closed for figure in figures], device=device),
            torch.tensor([figure.look.iris for figure in figures], dtype=torch.float32, device=device),
            torch.tensor([float(figure.look.table[0, 0]) for figure in figures], device=device),
            Surfaces.pack([figure.surface for figure in figures], [figure.label for figure in figures], device),
            [figure.look for figure in figures],
        )  # fmt: skip


@dataclass(frozen=True)
class Acts:
    """What the characters do in P pictures; fields as in Act with a leading axis."""

    expression: Tensor
    gaze: Tensor
    head: Tensor
    move: Tensor
    lean: Tensor
    shrug: Tensor
    moves: Tensor  # (P, B, 3, 4) of the bones

    @classmethod
    def pack(cls, acts: Sequence[Act], moves: Array, device: Device) -> Acts:
        """moves (P, B, 3, 4): `Figure.moves` of whoever acts."""
        names = [field.name for field in fields(cls) if field.name != "moves"]
        # One copy to the device for all of them.
        rows = np.stack([np.concatenate([getattr(act, name) for name in names]) for act in acts]).astype(np.float32)
        widths = [len(getattr(acts[0], name)) for name in names]
        parts = [part.contiguous() for part in torch.from_numpy(rows).to(device).split(widths, 1)]
        return cls(**dict(zip(names, parts, strict=True)), moves=torch.from_numpy(moves).to(device))

    def pick(self, pictures: Sequence[int] | Tensor) -> Acts:
        return Acts(*(getattr(self, field.name)[pictures] for field in fields(self)))


@dataclass(frozen=True)
class Cameras:
    """P pinholes; see `scene.Camera`. values (P, 5): focal, distance, height, offset x, y."""

    values: Tensor

    @classmethod
    def pack(cls, cameras: Sequence[Camera], device: Device) -> Cameras:
        rows = [(c.focal, c.distance, c.height, *c.offset) for c in cameras]
        return cls(torch.tensor(rows, dtype=torch.float32, device=device))

    def pick(self, index: Tensor) -> Cameras:
        return Cameras(self.values[index])

    @property
    def eye(self) -> Tensor:
        """(P, 3) world."""
        _, distance, height, _, _ = self.values.unbind(1)
        return torch.stack([torch.zeros_like(height), height, distance], 1)

    def _project(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """World (P, N, 3) → canvas x, y and the distance from the camera's plane, each (P, N)."""
        focal, distance, height, x, y = self.values[:, :, None].unbind(1)
        z = distance - points[..., 2]
        return focal * points[..., 0] / z + x, -focal * (points[..., 1] - height) / z + y, z

    def canvas(self, points: Tensor) -> Tensor:
        """As `Camera.canvas`, (P, N, 3)."""
        x, y, _ = self._project(points)
        return torch.stack([x, y, -points[..., 2] * (self.values[:, 0] / self.values[:, 1])[:, None]], 2)

    def screen(self, points: Tensor, side: int) -> Tensor:
        """As `Camera.screen`, (P, N, 3)."""
        x, y, z = self._project(points)
        inverse = torch.where(z > 1, 1 / z.clamp_min(1), 0)
        return torch.stack([(x + 1) * (side / 2), (y + 1) * (side / 2), inverse], 2)


def rotation(turn: Tensor) -> Tensor:
    """Rotation matrices (P, 3, 3) of pitch, yaw, roll (P, 3), as `character.rotation`."""
    (ca, cb, cc), (sa, sb, sc) = turn.cos().unbind(1), turn.sin().unbind(1)
    zero, one = torch.zeros_like(ca), torch.ones_like(ca)
    x = torch.stack([one, zero, zero, zero, ca, -sa, zero, sa, ca], 1).view(-1, 3, 3)
    y = torch.stack([cb, zero, sb, zero, one, zero, -sb, zero, cb], 1).view(-1, 3, 3)
    z = torch.stack([cc, -sc, zero, sc, cc, zero, zero, zero, one], 1).view(-1, 3, 3)
    return y @ x @ z


def carry(points: Tensor, weight: Tensor, acts: Acts, bust: Tensor, lean: Tensor | None = None) -> Tensor:
    """Points (P, N, 3) as expression and bones left them → world, as `Character.carry`.

    weight (P, N, 1) of the head; bust (P, 1); lean (P, N, 1): how far each goes along when the body leans.
    """
    pivot, root = (points.new_tensor(place) for place in (PIVOT, ROOT))
    turned = (points - pivot) @ rotation(acts.head).mT + pivot
    x, y = points[..., 0], points[..., 1]
    lift = bust * ((x.abs() - 5) / 11).clamp(0, 1) * ((y + 48) / 30).clamp(0, 1)
    raised = y + lift * torch.where(x < 0, acts.shrug[:, :1], acts.shrug[:, 1:])
    body = torch.stack([x, raised, points[..., 2]], 2)
    out = torch.lerp(body, turned, weight)
    leaned = (out - root) @ rotation(acts.lean).mT + root
    if lean is not None:
        leaned = torch.lerp(out, leaned, lean)
    return leaned + acts.move[:, None]


def skin(points: Tensor, bones: Tensor, weights: Tensor, moves: Tensor) -> Tensor:
    """Points (P, N, 3) moved by bones (P, N, K) with weights (P, N, K), whose moves are (P, B, 3, 4)."""
    flat = moves.flatten(2)  # (P, B, 12)
    mixed = torch.zeros(*points.shape[:2], 12, device=points.device)
    for k in range(bones.shape[2]):
        mixed += weights[..., k, None] * flat.gather(1, bones[..., k, None].expand(-1, -1, 12))
    mixed = mixed.view(*points.shape[:2], 3, 4)
    return (mixed[..., :3] * points[..., None, :]).sum(3) + mixed[..., 3]


@dataclass(frozen=True)
class Poses:
    """P characters as they stand."""

    vertices: Tensor  # (P, V, 3) world, cm
    dark: Tensor  # (P, V) 0..1
    model: Tensor  # (P, M, 3) the face model's vertices with the expression, before any turn
    gaze: Tensor  # (P, 3, 3) rotation of the eyeballs in the head's frame


def pose(stage: Stage, cast: Cast, character: Tensor, acts: Acts) -> Poses:
    """As `Character.pose`, for P pictures at once."""
    scale = cast.local_scale[character]
    count = scale.shape[1]
    change = (acts.expression @ stage.expression).view(-1, count, 3) * scale
    rest = cast.rest[character]
    model = rest[:, :count] + change
    follow = cast.follow[character][..., None].expand(-1, -1, 3)
    rest = rest + F.pad(change, (0, 0, 0, 1)).gather(1, follow)  # the added vertex never moves
    still = torch.zeros_like(acts.gaze[:, :1])
    gaze = rotation(torch.cat([-acts.gaze[:, 1:], acts.gaze[:, :1], still], 1))
    eye = cast.eye[character]
    ball = rest @ gaze.mT
    centre = cast.eye_centre[character].gather(1, eye[..., None].expand(-1, -1, 3))
    radius = cast.eye_radius[character].gather(1, eye[..., None])
    rest = torch.where(eye[..., None] > 0, centre + ball * radius, rest)
    # The upper lid and the lashes shade the upper part of the eyeball.
    lid = 1 - 0.45 * (ball[..., 1] * 2.2 - 0.1).clamp(0, 1)
    dark = torch.where(eye > 0, lid, cast.dark[character])
    weights = cast.bone_weights[character]
    moved = skin(rest, cast.bones[character], weights, acts.moves)
    rest = torch.where(weights.sum(2, keepdim=True) > 0, moved, rest)
    world = carry(rest, cast.weight[character], acts, cast.bust[character], cast.lean[character])
    return Poses(world, dark, model, gaze)


def face_landmarks(stage: Stage, cast: Cast, character: Tensor, acts: Acts, poses: Poses, cameras: Cameras) -> Tensor:
    """True landmarks (P, 478, 3), as `LandmarkMap.face`."""
    points = (poses.model[:, stage.corners] * stage.weights).sum(2)
    angle = cast.iris[character]
    around = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], dtype=angle.dtype, device=angle.device)
    depth = torch.cat([torch.ones_like(angle)[:, None], angle.cos()[:, None].expand(-1, 4)], 1)
    ring = torch.cat([around * angle.sin()[:, None, None], depth[..., None]], 2) @ poses.gaze.mT  # (P, 5, 3)
    irises = [cast.eye_centre[character, n][:, None] + ring * cast.eye_radius[character, n][:, None] for n in (1, 2)]
    points = torch.cat([points, *irises], 1)
    face = cameras.canvas(carry(points, torch.ones_like(points[..., :1]), acts, cast.bust[character]))
    # MediaPipe gives an iris the depth of the corners of its eye.
    depths = [face[:, list(eye), 2].mean(1, keepdim=True).expand(-1, 5) for eye in (RIGHT_EYE, LEFT_EYE)]
    z = torch.cat([face[:, :MESH_POINTS, 2], *depths], 1)
    return torch.cat([face[..., :2], (z - z[:, :MESH_POINTS].mean(1, keepdim=True))[..., None]], 2)


def body_landmarks(
    cast: Cast, character: Tensor, acts: Acts, cameras: Cameras, face: Tensor, hits: Hits
) -> tuple[Tensor, Tensor]:
    """True body joints (P, 33, 4) and hands (P, 2, 21, 4), as `LandmarkMap.body` and `hands`; face (P, 478, 3)."""
    bust = cast.bust[character]
    joints = cast.joints[character]
    bone = cast.joint_bone[character][..., None]
    moved = skin(joints, bone, torch.ones_like(bone, dtype=joints.dtype), acts.moves)
    number = torch.arange(MARKS, device=joints.device)
    # The ears are the head's, which no bone moves.
    joints = torch.where(((number == 7) | (number == 8))[None, :, None], joints, moved)
    weight = (number < 11).to(joints.dtype)[None, :, None]
    world = carry(joints, weight, acts, bust, cast.joint_lean[character])
    place = cameras.canvas(world)
    z = place[..., 2] - place[:, [23, 24], 2].mean(1, keepdim=True)
    out = torch.cat([place[:, :JOINTS, :2], z[:, :JOINTS, None]], 2)
    focal, distance = cameras.values[:, 0], cameras.values[:, 1]
    nearer = z[:, [7, 8]].mean(1) - focal / distance * 8
    own, point = list(FACE_JOINTS), list(FACE_JOINTS.values())
    out[:, own, :2] = face[:, point, :2]
    out[:, own, 2] = nearer[:, None] + face[:, point, 2]
    inside = (out[..., :2].abs() < 1).all(2)
    visible = torch.where(inside, 0.98, 0.1)
    visible[:, 15:] *= 1 - bust  # a bust has no more
    hand = place[:, JOINTS:].view(-1, 2, HAND_POINTS, 3)
    side = hits.inverse_depth.shape[1]
    at = ((hand[..., :2] + 1) * (side / 2)).long().clamp(0, side - 1)
    picture = torch.arange(len(hand), device=hand.device)[:, None, None]
    before = 1 / hits.inverse_depth[picture, at[..., 1], at[..., 0]].clamp_min(1e-4)
    away = distance[:, None] - world[:, JOINTS:, 2]
    seen = (hand[..., :2].abs() < 1).all(3) & (before > away.view(-1, 2, HAND_POINTS) - HAND_THICK)
    sure = (seen.float().mean(2, keepdim=True) > 0.6).to(hand.dtype).expand(-1, -1, HAND_POINTS)
    hands = torch.cat([hand[..., :2], (hand[..., 2] - hand[..., :1, 2])[..., None], sure[..., None]], 3)
    return torch.cat([out, visible[..., None]], 2), hands * (1 - bust)[:, :, None, None]
