"""Whole bodies below the head: a MakeHuman shape scaled to the head, joined to its neck, dressed, moved by bones."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from training.render.arrays import Array, Ints
from training.render.character.atlas import TILES, texel_triangles
from training.render.character.bodykit import Bodykit
from training.render.character.clothes import BodyCoordinates, Outfit
from training.render.character.noise import Rng
from training.render.character.parts import head_weight, smoothstep
from training.render.character.skeleton import ARM_BONES, BONES, BONES_PER_SIDE, FINGER_BONES, SIDES, Skeleton, skin
from training.render.joints import HIPS, JOINT_COUNT, Joint
from training.render.raster import raster

HEAD_CUT = -12.3  # height (see `slant`) where the neck of the head mesh ends above a whole body
NECK_TOP = -9.0  # height (see `slant`) where the neck of the body begins, under the skin of the head
NECK_PIVOT = np.array([0.0, -8.0, -1.5])  # centre of the head's neck at the height of the chin
CHIN_TO_EYES = 11.2  # cm on the mean head
INFLUENCES = 4  # bones per vertex


def slant(points: Array) -> Array:
    """Height (N,) of points along the neck, which leans forward, cm."""
    return points[:, 1] + 0.3 * (points[:, 2] + 2)


class BodyModel:
    """Mesh, skin weights and texture coordinates that all bodies share, built once per process."""

    def __init__(self, kit: Bodykit) -> None:
        self.kit = kit
        mean = self._to_head_scale(kit.vertices, 1.0)
        used = np.unique(kit.faces)
        inside = np.zeros(len(mean), bool)
        inside[used] = slant(mean[used]) < NECK_TOP
        keep = inside[kit.faces].all(1)
        self.used, index = np.unique(kit.faces[keep], return_inverse=True)
        self.faces: Ints = index.reshape(-1, 3).astype(np.int32)
        corners, corner_uv = np.unique(kit.corner_uv[keep], return_inverse=True)
        self.corner_uv: Ints = corner_uv.reshape(-1, 3).astype(np.int32)
        self.uv = np.clip(np.stack([kit.uv[corners, 0], 1 - kit.uv[corners, 1]], 1), 0, 1).astype(np.float32)
        self.bone_of = np.array([self._moving_bone(i) for i in range(len(kit.bones))])
        self._weights(len(mean))
        self.coordinates = self._measure_coordinates(mean)
        self.texture = self._texel_coordinates()

    def _moving_bone(self, bone: int) -> int:
        """Index in BONES of the nearest ancestor of a bone of the kit; 0, the torso, where there is none."""
        while bone >= 0 and self.kit.bones[bone] not in BONES:
            bone = int(self.kit.parent[bone])
        return BONES.index(self.kit.bones[bone]) if bone >= 0 else 0

    def _weights(self, count: int) -> None:
        dense = np.zeros((count, len(BONES)), np.float32)
        np.add.at(dense, (self.kit.weight_vertex, self.bone_of[self.kit.weight_bone]), self.kit.weight_value)
        dense = dense[self.used]
        order = np.argsort(-dense, axis=1)[:, :INFLUENCES]
        weights = np.take_along_axis(dense, order, 1)
        self.bones: Ints = order.astype(np.int32)
        self.weights = (weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)).astype(np.float32)
        starts = [1, 1 + BONES_PER_SIDE]
        self.on_arm = sum(dense[:, s + 1 : s + len(ARM_BONES) + len(FINGER_BONES)].sum(1) for s in starts)
        self.on_leg = sum(dense[:, s + len(ARM_BONES) + len(FINGER_BONES) : s + BONES_PER_SIDE].sum(1) for s in starts)

    def _to_head_scale(self, shape: Array, size: float) -> Array:
        """Vertices (V, 3) of a body scaled to the head and moved under it."""
        eye, _ = self.kit.ends(shape, "eye.L")
        _, chin = self.kit.ends(shape, "jaw")
        _, neck = self.kit.ends(shape, "neck01")
        scale = size * CHIN_TO_EYES / (eye[1] - chin[1])
        return ((shape - neck) * scale + NECK_PIVOT).astype(np.float32)

    def _skeleton(self, shape: Array) -> Skeleton:
        ends = [(NECK_PIVOT, NECK_PIVOT), *(self.kit.ends(shape, name) for name in BONES[1:])]
        return Skeleton(np.array([e[0] for e in ends]), np.array([e[1] for e in ends]))

    def _measure_coordinates(self, mean: Array) -> BodyCoordinates:
        position = mean[self.used]
        bones = self._skeleton(mean)
        first = 1
        arm = [bones.heads[first + 2], bones.heads[first + 4], bones.heads[first + 6],
               bones.tails[first + len(ARM_BONES) + 8]]  # fmt: skip
        leg = [bones.heads[first + len(ARM_BONES) + len(FINGER_BONES) + k] for k in range(3)]
        leg.append(bones.tails[first + BONES_PER_SIDE - 1])
        half = position * np.where(position[:, :1] < 0, [-1, 1, 1], 1)
        on_arm, on_leg = np.minimum(self.on_arm, 1), np.minimum(self.on_leg, 1)
        along_arm = _along_limb(half, np.array(arm)) * on_arm - 0.2 * (1 - on_arm)
        along_leg = _along_limb(half, np.array(leg)) * on_leg - 0.2 * (1 - on_leg)
        return BodyCoordinates(position, along_arm.astype(np.float32), along_leg.astype(np.float32))

    def _texel_coordinates(self) -> BodyCoordinates:
        """The coordinates at the texels of the body tile, row by row."""
        tile = TILES["body"]
        triangle, weights = texel_triangles(tile.to_texture(self.uv), self.corner_uv, tile)
        corners = self.faces[triangle]

        def at(values: Array) -> Array:
            weight = weights if values.ndim == 1 else weights[..., None]
            return (values[corners] * weight).sum(2).astype(np.float32)

        coordinates = self.coordinates
        position, arm, leg = at(coordinates.position), at(coordinates.arm), at(coordinates.leg)
        return BodyCoordinates(position.reshape(-1, 3), arm.ravel(), leg.ravel())

    def _random_shape(self, rng: Rng) -> Array:
        """Vertices (V, 3) of a random body: sex, age, descent, muscle, weight, and a few details."""
        shape = self.kit.vertices.copy()

        def add(name: str, weight: float) -> None:
            if weight and name in self.kit.targets:
                vertex, delta = self.kit.targets[name]
                shape[vertex] += np.float32(weight) * delta

        male = float(np.clip(rng.choice([0.0, 1.0]) + rng.normal(0, 0.15), 0, 1))
        old = float(rng.random() ** 2) if rng.random() < 0.5 else 0.0
        child = rng.random() < 0.06
        ages = {"child": 1.0} if child else {"young": 1 - old, "old": old}
        descents = rng.dirichlet([0.6, 0.6, 0.6])
        muscle, weight = rng.uniform(-0.8, 0.8), np.clip(rng.normal(0, 0.45), -0.9, 0.9)
        steps = [{"min": max(-x, 0.0), "average": 1 - abs(x), "max": max(x, 0.0)} for x in (muscle, weight)]
        tall = rng.uniform(-0.6, 0.6)
        for sex, is_sex in (("female", 1 - male), ("male", male)):
            for age, is_age in ages.items():
                for descent, part in zip(("african", "asian", "caucasian"), descents, strict=True):
                    add(f"macrodetails/{descent}-{sex}-{age}", is_sex * is_age * part)
                for m, is_muscle in steps[0].items():
                    for w, is_weight in steps[1].items():
                        add(f"macrodetails/universal-{sex}-{age}-{m}muscle-{w}weight",
                            is_sex * is_age * is_muscle * is_weight)  # fmt: skip
                height = f"macrodetails/height/{sex}-{age}-averagemuscle-averageweight-"
                add(height + ("maxheight" if tall > 0 else "minheight"), 0.5 * is_sex * is_age * abs(tall))
        details = [n for n in self.kit.targets if n.split("/")[0] in ("torso", "armslegs", "stomach", "hip")]
        for name in rng.choice(details, min(6, len(details)), replace=False) if details else ():
            amount = float(rng.uniform(0, 0.6))
            other = name.replace("/l-", "/r-") if "/l-" in name else name.replace("/r-", "/l-")
            for each in {name, other}:
                add(each, 0.0 if "pregnant" in each and male > 0.5 else amount)
        return shape

    def random_body(self, rng: Rng, neck: Array, stylised: bool, outfit: Outfit) -> Body:
        """A random body in these clothes.

        neck (N, 3): vertices of the head near its neck. stylised: sometimes smaller against the head.
        """
        size = float(rng.uniform(0.86, 1.04)) if not stylised or rng.random() < 0.4 else float(rng.uniform(0.55, 1.0))
        whole = self._to_head_scale(self._random_shape(rng), size)
        points = whole[self.used]
        normal = raster.normals(points, self.faces)
        points = points + normal * outfit.thickness(self.coordinates)[:, None]
        points = _join_neck(points, neck, slant(self.coordinates.position))
        return Body(self, points.astype(np.float32), self._skeleton(whole), whole)


def _along_limb(points: Array, line: Array) -> Array:
    """Position (N,) of points along a limb's polyline (4, 3): 0.5 per bone, continued beyond both ends."""
    best, out = np.full(len(points), np.inf), np.zeros(len(points))
    for i in range(len(line) - 1):
        bone = line[i + 1] - line[i]
        t = ((points - line[i]) @ bone) / (bone @ bone)
        t = np.clip(t, -0.3 if i == 0 else 0, 2 if i == len(line) - 2 else 1)
        gap = np.linalg.norm(points - line[i] - t[:, None] * bone, axis=1)
        out = np.where(gap < best, (i + t) / 2, out)
        best = np.minimum(best, gap)
    return np.asarray(out, np.float32)


def _join_neck(points: Array, neck: Array, target_height: Array) -> Array:
    """Move the upper end of a body's neck onto the neck of the head, under its skin at the top: new points (V, 3).

    points (V, 3): of the body. neck (N, 3): of the head. target_height (V,): slant of the points on the mean body, to
    which the uppermost are stretched, so that no gap opens.
    """

    def around(p: Array) -> tuple[Array, Array, Array]:
        z = p[:, 2] - (NECK_PIVOT[2] + 0.35 * (p[:, 1] - NECK_PIVOT[1]))  # the neck leans forward as it rises
        radius = np.hypot(p[:, 0], z)
        angle = np.arctan2(p[:, 0], z)
        return radius, angle, np.stack([5 * np.sin(angle), 5 * np.cos(angle), slant(p)], 1)

    points = points.copy()
    stretch = smoothstep(-15.5, -12.0, target_height)
    points[:, 1] += stretch * (target_height - slant(points)) * (np.abs(points[:, 0]) < 14)
    out = points.copy()
    height = slant(points)
    moved = np.flatnonzero((height > -17) & (np.abs(points[:, 0]) < 14))
    ring = neck[(slant(neck) > HEAD_CUT - 1.5) & (slant(neck) < -8.5)]
    radius, _, ring_key = around(ring)
    radius_of_body, angle, key = around(points[moved])
    key[:, 2] = np.maximum(key[:, 2], HEAD_CUT)
    gap, nearest = cKDTree(ring_key).query(key, 4)
    closeness = 1 / (gap + 0.05)
    skin_radius = (radius[nearest] * closeness).sum(1) / closeness.sum(1)
    dive = np.interp(height[moved], [HEAD_CUT, -10.8, NECK_TOP], [0.35, 0.0, -0.8])
    blend = smoothstep(-16.5, -12.3, height[moved])
    new_radius = radius_of_body * (1 - blend) + (skin_radius + dive) * blend
    out[moved, 0] = new_radius * np.sin(angle)
    out[moved, 2] = NECK_PIVOT[2] + 0.35 * (points[moved, 1] - NECK_PIVOT[1]) + new_radius * np.cos(angle)
    return out


# Joints of MediaPipe's pose below the head, left side: (bone that moves it, bone at whose end it is, 0 head or 1 tail).
POSE_JOINTS = {
    Joint.LEFT_SHOULDER: ("shoulder01", "upperarm01", 0),
    Joint.LEFT_ELBOW: ("upperarm02", "lowerarm01", 0),
    Joint.LEFT_WRIST: ("wrist", "wrist", 0),
    Joint.LEFT_PINKY: ("wrist", "finger5-1", 0),
    Joint.LEFT_INDEX: ("wrist", "finger2-1", 0),
    Joint.LEFT_THUMB: ("finger1-2", "finger1-3", 0),
    Joint.LEFT_HIP: ("torso", "upperleg01", 0),
    Joint.LEFT_KNEE: ("upperleg01", "lowerleg01", 0),
    Joint.LEFT_ANKLE: ("lowerleg01", "foot", 0),
    Joint.LEFT_HEEL: ("foot", "foot", 0),
    Joint.LEFT_FOOT_INDEX: ("foot", "foot", 1),
}
HAND_POINTS = 21
# cm: MediaPipe's shoulders are above, and its hips below, the ends of the bones.
SHOULDER_OFFSET, HIP_OFFSET = 2.0, 4.0


class Body:
    """One dressed body: vertices `points` (V, 3) in the rest pose, cm, its skeleton, and MediaPipe's joints on it.

    lean: (V,) how far each vertex follows when the body leans, 0 on the legs .. 1.
    head: (V,) skin weight of the head.
    joints: (33, 3) rest positions, those of the face 0; joint_bone: (33, 1) bone that moves each.
    hands: (2, 21, 3) rest positions; hand_bone: (2, 21, 1) bone that moves each.
    """

    def __init__(self, model: BodyModel, points: Array, skeleton: Skeleton, whole: Array) -> None:
        self.model, self.points, self.skeleton = model, points, skeleton
        arm, leg = np.minimum(model.on_arm, 1), np.minimum(model.on_leg, 1)
        self.hips = float(skeleton.heads[BONES.index("upperleg01.L"), 1])
        self.floor = float(points[:, 1].min())
        upright = smoothstep(self.hips - 2, self.hips + 28, points[:, 1])
        self.lean = (np.maximum(upright, arm) * (1 - leg)).astype(np.float32)
        self.head = (head_weight(points) * (np.abs(points[:, 0]) < 14) * (1 - arm)).astype(np.float32)
        self._joints(whole)

    def _joints(self, whole: Array) -> None:
        """Set the rest positions of joints and hand points, and their bones."""
        self.joints = np.zeros((JOINT_COUNT, 3), np.float32)
        self.joint_bone = np.zeros((JOINT_COUNT, 1), np.int32)
        self.hands = np.zeros((2, HAND_POINTS, 3), np.float32)
        self.hand_bone = np.zeros((2, HAND_POINTS, 1), np.int32)
        ends = (self.skeleton.heads, self.skeleton.tails)
        sole = self.points[:, 1] < self.floor + 6
        for s, (side, sign) in enumerate(SIDES):
            for left, (carrier, bone, end) in POSE_JOINTS.items():
                self.joints[left + s] = ends[end][BONES.index(bone + side)]
                self.joint_bone[left + s] = BONES.index(carrier + side) if carrier != "torso" else 0
            self.joints[Joint.LEFT_SHOULDER + s, 1] += SHOULDER_OFFSET
            self.joints[Joint.LEFT_HIP + s, 1] -= HIP_OFFSET
            foot = self.points[sole & (self.points[:, 0] * sign > 0)]
            heel_to_toe = np.array([0, 0, 1.5], np.float32)
            self.joints[Joint.LEFT_HEEL + s] = foot[foot[:, 2].argmin()] + heel_to_toe
            self.joints[Joint.LEFT_FOOT_INDEX + s] = foot[foot[:, 2].argmax()] - heel_to_toe
            wrist = BONES.index("wrist" + side)
            self.hands[s, 0], self.hand_bone[s, 0] = ends[0][wrist], wrist
            for point in range(1, HAND_POINTS):
                finger, k = (point - 1) // 4, (point - 1) % 4
                number = wrist + 1 + 3 * finger + min(k, 2)
                self.hands[s, point] = ends[k // 3][number]
                self.hand_bone[s, point] = number

    def bone_transforms(self, arms: Array, fingers: Array, shrug: Array) -> Array:
        """As `Skeleton.bone_transforms`."""
        return self.skeleton.bone_transforms(arms, fingers, shrug)

    def skinned(self, bone_transforms: Array) -> Array:
        """Vertices (V, 3) in the frame of the torso."""
        return skin(self.points, self.model.bones, self.model.weights, bone_transforms)

    def joint_positions(self, bone_transforms: Array) -> tuple[Array, Array, Array]:
        """Joints (33, 3) and hand points (2, 21, 3) in the frame of the torso, and the joints' lean weights (33, 1)."""
        joints = skin(self.joints, self.joint_bone, np.ones((JOINT_COUNT, 1), np.float32), bone_transforms)
        ones = np.ones((2 * HAND_POINTS, 1), np.float32)
        flat = skin(self.hands.reshape(-1, 3), self.hand_bone.reshape(-1, 1), ones, bone_transforms)
        lean = np.ones((JOINT_COUNT, 1), np.float32)
        lean[HIPS] = smoothstep(self.hips - 2, self.hips + 28, np.array([self.hips], np.float32))
        lean[Joint.LEFT_KNEE :] = 0
        return joints, flat.reshape(2, HAND_POINTS, 3), lean
