"""Characters on a device: their arrays as batches, and the poses and landmarks of many pictures at once.

P pictures show C characters padded to V vertices, of which the first M are the face model's; `character` (P,) long is
the index of the one that a picture shows. Poses and landmarks are those of `Character.pose` and `LandmarkMap`.
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
from training.render.character.character import BODY_PIVOT, HEAD_PIVOT, Act, Character, Studio
from training.render.character.gestures import REST_ARMS, REST_FINGERS
from training.render.character.skeleton import BONES, Skeleton
from training.render.labels.landmarks import (
    FACE_JOINTS,
    HAND_THICKNESS_CM,
    JOINT_COUNT,
    LEFT_EYE,
    MESH_LANDMARK_COUNT,
    RIGHT_EYE,
    LandmarkMap,
    ears_at_rest,
    joints_at_rest,
)
from training.render.raster.device_raster import Hits, pad_stack
from training.render.raster.device_shading import SurfaceBatch
from training.render.raster.shading import Surface
from training.render.scene.scene import Camera

Device = torch.device | str
BODY_POINT_COUNT = JOINT_COUNT + 2 * HAND_POINTS


@dataclass(frozen=True)
class Figure:
    """A character without its studio, small enough to be sent between processes. M: vertices of the face model.

    rest: (V, 3) vertices in the rest pose, cm; eyeballs as unit spheres.
    head_weight: (V, 1) skin weight of the head.
    brightness: (V,) ambient occlusion, 0..1.
    expression_vertex: (V,) vertex of the face model whose expression offset each vertex follows, M = none.
    eye: (V,) 1 = right eyeball, 2 = left eyeball, 0 = neither.
    eye_centre: (3, 3) by `eye`, the first unused.
    eye_radius: (3, 1) by `eye`.
    local_scale: (M, 1) scale of the expression offsets.
    lean_weight: (V, 1) how far each vertex follows when the body leans.
    bones: (V, K) bones that move each vertex of a whole body.
    bone_weights: (V, K) their weights, all 0 where no bone moves a vertex.
    is_bust: (1,) 1 = a bust, whose shoulders are raised without bones, 0 = a whole body.
    joints: (75, 3) rest positions of the 33 joints and of the 21 points of each hand.
    joint_bone: (75,) bone that moves each of them.
    joint_lean: (75, 1) how far each of them follows when the body leans.
    skeleton: None for a bust.
    surface: texture and materials.
    label: (F,) of each triangle.
    shadow_casters: (K, 3) triangles that cast shadows.
    one_sided: number of leading triangles whose back faces are never visible.
    appearance: style, outlines, iris.
    """

    rest: Array
    head_weight: Array
    brightness: Array
    expression_vertex: NDArray[np.int64]
    eye: NDArray[np.int64]
    eye_centre: Array
    eye_radius: Array
    local_scale: Array
    lean_weight: Array
    bones: NDArray[np.int64]
    bone_weights: Array
    is_bust: Array
    joints: Array
    joint_bone: NDArray[np.int64]
    joint_lean: Array
    skeleton: Skeleton | None
    surface: Surface
    label: Ints
    shadow_casters: Ints
    one_sided: int
    appearance: Appearance

    @classmethod
    def from_character(cls, character: Character) -> Figure:
        count = len(character.studio.used)
        expression_vertex = np.full(len(character.rest), count, np.int64)
        expression_vertex[:count] = np.arange(count)
        expression_vertex[character.follower_vertices] = character.parent_vertices
        eye = np.zeros(len(character.rest), np.int64)
        for n, piece in enumerate(character.eye_slices, 1):
            eye[piece] = n
        total = len(character.rest)
        lean, bones = np.ones((total, 1), np.float32), np.zeros((total, INFLUENCES), np.int64)
        bone_weights = np.zeros((total, INFLUENCES), np.float32)
        joints, joint_bone = np.zeros((BODY_POINT_COUNT, 3), np.float32), np.zeros(BODY_POINT_COUNT, np.int64)
        joint_lean = np.ones((BODY_POINT_COUNT, 1), np.float32)
        body = character.body
        if body is None:
            joints[:JOINT_COUNT] = joints_at_rest(character)
        else:
            span = slice(count, count + len(body.points))
            bones[span], bone_weights[span] = body.model.bones, body.model.weights
            joints = np.concatenate([body.joints, body.hands.reshape(-1, 3)])
            joints[7:9] = ears_at_rest(character)
            joint_bone = np.concatenate([body.joint_bone, body.hand_bone.reshape(-1, 1)])[:, 0].astype(np.int64)
            still = body.bone_transforms(REST_ARMS, REST_FINGERS, np.zeros(2, np.float32))
            joint_lean[:JOINT_COUNT] = body.joint_positions(still)[2]
            lean = lean if character.lean_weight is None else character.lean_weight
        return cls(
            character.rest, character.head_weight, character.brightness.astype(np.float32), expression_vertex, eye,
            np.stack([np.zeros(3, np.float32), *(centre for centre, _ in character.eyes)]),
            np.array([[1.0], *([radius] for _, radius in character.eyes)], np.float32),
            character.local_scale.astype(np.float32), lean, bones, bone_weights,
            np.array([body is None], np.float32), joints, joint_bone, joint_lean,
            None if body is None else body.skeleton, character.surface, character.label,
            character.shadow_casters, character.one_sided, character.appearance,
        )  # fmt: skip

    def bone_transforms(self, acts: Sequence[Act]) -> Array:
        """Transforms (N, B, 3, 4) of the bones in N acts, as `Skeleton.bone_transforms`; the identity for a bust."""
        if self.skeleton is None:
            return np.tile(np.eye(3, 4, dtype=np.float32), (len(acts), len(BONES), 1, 1))
        return np.stack([self.skeleton.bone_transforms(act.arms, act.fingers, act.shrug) for act in acts])


@dataclass(frozen=True)
class StudioTensors:
    """Tensors of the face model that all characters of a studio share."""

    expression: Tensor  # (E, M·3) offsets of the blendshapes, cm
    corners: Tensor  # (468, 3) long vertices around each landmark
    weights: Tensor  # (468, 3, 1) barycentric

    @classmethod
    def build(cls, studio: Studio, landmarks: LandmarkMap, device: Device) -> StudioTensors:
        return cls(
            torch.from_numpy(studio.expression).to(device),
            torch.from_numpy(studio.compact[landmarks.vertices].astype(np.int64)).to(device),
            torch.from_numpy(landmarks.weights[..., None]).to(device),
        )


@dataclass(frozen=True)
class FigureBatch:
    """C figures, padded and stacked; fields as in Figure with a leading axis, and:

    iris_angle: (C,) radians.
    shading: (C,) 0..1 share of the shading on the skin.
    surfaces: textures and materials.
    appearances: of each figure.
    """

    rest: Tensor
    head_weight: Tensor
    brightness: Tensor
    expression_vertex: Tensor
    eye: Tensor
    eye_centre: Tensor
    eye_radius: Tensor
    local_scale: Tensor
    lean_weight: Tensor
    bones: Tensor
    bone_weights: Tensor
    is_bust: Tensor
    joints: Tensor
    joint_bone: Tensor
    joint_lean: Tensor
    shadow_casters: Tensor
    one_sided: Tensor
    iris_angle: Tensor
    shading: Tensor
    surfaces: SurfaceBatch
    appearances: list[Appearance]

    @classmethod
    def gather(cls, figures: Sequence[Figure], device: Device) -> FigureBatch:
        def many(name: str, empty: float = 0) -> Tensor:
            return pad_stack([getattr(figure, name) for figure in figures], device, empty)

        return cls(
            many("rest"), many("head_weight"), many("brightness"),
            many("expression_vertex", len(figures[0].local_scale)), many("eye"), many("eye_centre"),
            many("eye_radius"), many("local_scale"), many("lean_weight"), many("bones"), many("bone_weights"),
            many("is_bust"), many("joints"), many("joint_bone"), many("joint_lean"), many("shadow_casters"),
            torch.tensor([figure.one_sided for figure in figures], device=device),
            torch.tensor([figure.appearance.iris_angle for figure in figures], dtype=torch.float32, device=device),
            torch.tensor([float(figure.appearance.materials[0, 0]) for figure in figures], device=device),
            SurfaceBatch.pack([figure.surface for figure in figures], [figure.label for figure in figures], device),
            [figure.appearance for figure in figures],
        )  # fmt: skip


@dataclass(frozen=True)
class ActBatch:
    """Animation parameters of P pictures; fields as in Act with a leading axis, and bone_transforms (P, B, 3, 4)."""

    expression: Tensor
    gaze: Tensor
    head: Tensor
    translation: Tensor
    lean: Tensor
    shrug: Tensor
    bone_transforms: Tensor

    @classmethod
    def pack(cls, acts: Sequence[Act], bone_transforms: Array, device: Device) -> ActBatch:
        """Stack acts; bone_transforms (P, B, 3, 4): from `Figure.bone_transforms`."""
        names = [field.name for field in fields(cls) if field.name != "bone_transforms"]
        # One copy to the device for all fields.
        rows = np.stack([np.concatenate([getattr(act, name) for name in names]) for act in acts]).astype(np.float32)
        widths = [len(getattr(acts[0], name)) for name in names]
        parts = [part.contiguous() for part in torch.from_numpy(rows).to(device).split(widths, 1)]
        return cls(**dict(zip(names, parts, strict=True)), bone_transforms=torch.from_numpy(bone_transforms).to(device))

    def pick(self, pictures: Sequence[int] | Tensor) -> ActBatch:
        return ActBatch(*(getattr(self, field.name)[pictures] for field in fields(self)))


@dataclass(frozen=True)
class CameraBatch:
    """P pinhole cameras, as `scene.Camera`. values (P, 5): focal, distance, height, offset x, y."""

    values: Tensor

    @classmethod
    def pack(cls, cameras: Sequence[Camera], device: Device) -> CameraBatch:
        rows = [(c.focal, c.distance, c.height, *c.offset) for c in cameras]
        return cls(torch.tensor(rows, dtype=torch.float32, device=device))

    def pick(self, index: Tensor) -> CameraBatch:
        return CameraBatch(self.values[index])

    @property
    def eye(self) -> Tensor:
        """World positions (P, 3), cm."""
        _, distance, height, _, _ = self.values.unbind(1)
        return torch.stack([torch.zeros_like(height), height, distance], 1)

    def _project(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Canvas x, y of world points (P, N, 3), and their depth, cm, each (P, N)."""
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


def to_world(points: Tensor, weight: Tensor, acts: ActBatch, is_bust: Tensor, lean: Tensor | None = None) -> Tensor:
    """World positions of points (P, N, 3) that have expression and bones applied, as `Character.to_world`.

    weight (P, N, 1): skin weight of the head. is_bust (P, 1). lean (P, N, 1): how far each follows when the body leans.
    """
    head_pivot, body_pivot = (points.new_tensor(place) for place in (HEAD_PIVOT, BODY_PIVOT))
    rotated = (points - head_pivot) @ rotation(acts.head).mT + head_pivot
    x, y = points[..., 0], points[..., 1]
    lift = is_bust * ((x.abs() - 5) / 11).clamp(0, 1) * ((y + 48) / 30).clamp(0, 1)
    raised = y + lift * torch.where(x < 0, acts.shrug[:, :1], acts.shrug[:, 1:])
    body = torch.stack([x, raised, points[..., 2]], 2)
    moved = torch.lerp(body, rotated, weight)
    leaned = (moved - body_pivot) @ rotation(acts.lean).mT + body_pivot
    if lean is not None:
        leaned = torch.lerp(moved, leaned, lean)
    return leaned + acts.translation[:, None]


def skin_points(points: Tensor, bones: Tensor, weights: Tensor, bone_transforms: Tensor) -> Tensor:
    """Linear-blend skinning of points (P, N, 3) by bones (P, N, K) with weights (P, N, K); transforms (P, B, 3, 4)."""
    flat = bone_transforms.flatten(2)  # (P, B, 12)
    mixed = torch.zeros(*points.shape[:2], 12, device=points.device)
    for k in range(bones.shape[2]):
        mixed += weights[..., k, None] * flat.gather(1, bones[..., k, None].expand(-1, -1, 12))
    mixed = mixed.view(*points.shape[:2], 3, 4)
    return (mixed[..., :3] * points[..., None, :]).sum(3) + mixed[..., 3]


@dataclass(frozen=True)
class PoseBatch:
    """P posed characters."""

    vertices: Tensor  # (P, V, 3) world, cm
    brightness: Tensor  # (P, V) 0..1
    model: Tensor  # (P, M, 3) the face model's vertices with the expression, before any rotation
    gaze: Tensor  # (P, 3, 3) rotation of the eyeballs in the frame of the head


def pose(studio: StudioTensors, figures: FigureBatch, character: Tensor, acts: ActBatch) -> PoseBatch:
    """As `Character.pose`, for P pictures at once."""
    scale = figures.local_scale[character]
    count = scale.shape[1]
    change = (acts.expression @ studio.expression).view(-1, count, 3) * scale
    rest = figures.rest[character]
    model = rest[:, :count] + change
    expression_vertex = figures.expression_vertex[character][..., None].expand(-1, -1, 3)
    rest = rest + F.pad(change, (0, 0, 0, 1)).gather(1, expression_vertex)  # the padded vertex has no offset
    no_roll = torch.zeros_like(acts.gaze[:, :1])
    gaze = rotation(torch.cat([-acts.gaze[:, 1:], acts.gaze[:, :1], no_roll], 1))
    eye = figures.eye[character]
    ball = rest @ gaze.mT
    centre = figures.eye_centre[character].gather(1, eye[..., None].expand(-1, -1, 3))
    radius = figures.eye_radius[character].gather(1, eye[..., None])
    rest = torch.where(eye[..., None] > 0, centre + ball * radius, rest)
    # Upper lid and lashes shade the upper part of the eyeball.
    lid_shade = 1 - 0.45 * (ball[..., 1] * 2.2 - 0.1).clamp(0, 1)
    brightness = torch.where(eye > 0, lid_shade, figures.brightness[character])
    weights = figures.bone_weights[character]
    skinned = skin_points(rest, figures.bones[character], weights, acts.bone_transforms)
    rest = torch.where(weights.sum(2, keepdim=True) > 0, skinned, rest)
    world = to_world(
        rest, figures.head_weight[character], acts, figures.is_bust[character], figures.lean_weight[character]
    )
    return PoseBatch(world, brightness, model, gaze)


def face_landmarks(
    studio: StudioTensors,
    figures: FigureBatch,
    character: Tensor,
    acts: ActBatch,
    poses: PoseBatch,
    cameras: CameraBatch,
) -> Tensor:
    """True landmarks (P, 478, 3), as `LandmarkMap.face`."""
    points = (poses.model[:, studio.corners] * studio.weights).sum(2)
    angle = figures.iris_angle[character]
    around = torch.tensor([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]], dtype=angle.dtype, device=angle.device)
    depth = torch.cat([torch.ones_like(angle)[:, None], angle.cos()[:, None].expand(-1, 4)], 1)
    ring = torch.cat([around * angle.sin()[:, None, None], depth[..., None]], 2) @ poses.gaze.mT  # (P, 5, 3)
    irises = [
        figures.eye_centre[character, n][:, None] + ring * figures.eye_radius[character, n][:, None] for n in (1, 2)
    ]
    points = torch.cat([points, *irises], 1)
    face = cameras.canvas(to_world(points, torch.ones_like(points[..., :1]), acts, figures.is_bust[character]))
    # MediaPipe's iris points have the depth of the corners of the eye.
    depths = [face[:, list(eye), 2].mean(1, keepdim=True).expand(-1, 5) for eye in (RIGHT_EYE, LEFT_EYE)]
    z = torch.cat([face[:, :MESH_LANDMARK_COUNT, 2], *depths], 1)
    return torch.cat([face[..., :2], (z - z[:, :MESH_LANDMARK_COUNT].mean(1, keepdim=True))[..., None]], 2)


def body_landmarks(
    figures: FigureBatch, character: Tensor, acts: ActBatch, cameras: CameraBatch, face: Tensor, hits: Hits
) -> tuple[Tensor, Tensor]:
    """True body joints (P, 33, 4) and hands (P, 2, 21, 4), as `LandmarkMap.body` and `hands`; face (P, 478, 3)."""
    is_bust = figures.is_bust[character]
    joints = figures.joints[character]
    bone = figures.joint_bone[character][..., None]
    moved = skin_points(joints, bone, torch.ones_like(bone, dtype=joints.dtype), acts.bone_transforms)
    number = torch.arange(BODY_POINT_COUNT, device=joints.device)
    # The ears belong to the head, which no bone moves.
    joints = torch.where(((number == 7) | (number == 8))[None, :, None], joints, moved)
    weight = (number < 11).to(joints.dtype)[None, :, None]
    world = to_world(joints, weight, acts, is_bust, figures.joint_lean[character])
    canvas = cameras.canvas(world)
    z = canvas[..., 2] - canvas[:, [23, 24], 2].mean(1, keepdim=True)
    out = torch.cat([canvas[:, :JOINT_COUNT, :2], z[:, :JOINT_COUNT, None]], 2)
    focal, distance = cameras.values[:, 0], cameras.values[:, 1]
    face_depth = z[:, [7, 8]].mean(1) - focal / distance * 8
    joints_of_face, point = list(FACE_JOINTS), list(FACE_JOINTS.values())
    out[:, joints_of_face, :2] = face[:, point, :2]
    out[:, joints_of_face, 2] = face_depth[:, None] + face[:, point, 2]
    inside = (out[..., :2].abs() < 1).all(2)
    visibility = torch.where(inside, 0.98, 0.1)
    visibility[:, 15:] *= 1 - is_bust  # a bust has no joints below the elbows
    hand = canvas[:, JOINT_COUNT:].view(-1, 2, HAND_POINTS, 3)
    side = hits.inverse_depth.shape[1]
    pixel = ((hand[..., :2] + 1) * (side / 2)).long().clamp(0, side - 1)
    picture = torch.arange(len(hand), device=hand.device)[:, None, None]
    surface_depth = 1 / hits.inverse_depth[picture, pixel[..., 1], pixel[..., 0]].clamp_min(1e-4)
    depth = distance[:, None] - world[:, JOINT_COUNT:, 2]
    visible = (hand[..., :2].abs() < 1).all(3) & (surface_depth > depth.view(-1, 2, HAND_POINTS) - HAND_THICKNESS_CM)
    confidence = (visible.float().mean(2, keepdim=True) > 0.6).to(hand.dtype).expand(-1, -1, HAND_POINTS)
    hands = torch.cat([hand[..., :2], (hand[..., 2] - hand[..., :1, 2])[..., None], confidence[..., None]], 3)
    return torch.cat([out, visibility[..., None]], 2), hands * (1 - is_bust)[:, :, None, None]
