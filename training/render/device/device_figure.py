"""Characters on a device: their arrays as batches of C figures, padded to V vertices.

The first M vertices are the face model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.render.arrays import Array, Ints
from training.render.character.act import Act
from training.render.character.appearance import Appearance
from training.render.character.body import HAND_POINTS, INFLUENCES
from training.render.character.character import Character
from training.render.character.gestures import REST_ARMS, REST_FINGERS
from training.render.character.skeleton import BONES, Skeleton
from training.render.character.studio import Studio
from training.render.joints import EARS, JOINT_COUNT
from training.render.labels.landmarks import LandmarkMap, ears_at_rest, joints_at_rest
from training.render.labels.limb_labels import NO_LIMB, limb_places
from training.render.raster.device_raster import pad_stack
from training.render.raster.device_shading import SurfaceBatch
from training.render.raster.shading import Surface

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
    limb_places: (V, 4), see `limb_labels.limb_places`.
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
    limb_places: Array
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
        """Copy the arrays of a character."""
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
            joints[EARS] = ears_at_rest(character)
            joint_bone = np.concatenate([body.joint_bone, body.hand_bone.reshape(-1, 1)])[:, 0].astype(np.int64)
            still = body.bone_transforms(REST_ARMS, REST_FINGERS, np.zeros(2, np.float32))
            joint_lean[:JOINT_COUNT] = body.joint_positions(still)[2]
            lean = lean if character.lean_weight is None else character.lean_weight
        return cls(
            character.rest, character.head_weight, character.brightness.astype(np.float32), expression_vertex, eye,
            np.stack([np.zeros(3, np.float32), *(centre for centre, _ in character.eyes)]),
            np.array([[1.0], *([radius] for _, radius in character.eyes)], np.float32),
            character.local_scale.astype(np.float32), lean, bones, bone_weights,
            np.array([body is None], np.float32), limb_places(character), joints, joint_bone, joint_lean,
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
        """Copy a studio's face model and landmark map to a device."""
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
    limb_places: Tensor
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
        """Pad and stack figures on a device."""

        def many(name: str, empty: float = 0) -> Tensor:
            return pad_stack([getattr(figure, name) for figure in figures], device, empty)

        return cls(
            many("rest"), many("head_weight"), many("brightness"),
            many("expression_vertex", len(figures[0].local_scale)), many("eye"), many("eye_centre"),
            many("eye_radius"), many("local_scale"), many("lean_weight"), many("bones"), many("bone_weights"),
            many("is_bust"), many("limb_places", NO_LIMB),
            many("joints"), many("joint_bone"), many("joint_lean"), many("shadow_casters"),
            torch.tensor([figure.one_sided for figure in figures], device=device),
            torch.tensor([figure.appearance.iris_angle for figure in figures], dtype=torch.float32, device=device),
            torch.tensor([float(figure.appearance.materials[0, 0]) for figure in figures], device=device),
            SurfaceBatch.pack([figure.surface for figure in figures], [figure.label for figure in figures], device),
            [figure.appearance for figure in figures],
        )  # fmt: skip
