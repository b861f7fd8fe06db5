"""Bodies below the head: a MakeHuman shape on the head's scale, joined to its neck, dressed, and moved by its bones."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from training.render.arrays import Array, Ints
from training.render.character.atlas import TILES, texels
from training.render.character.bodykit import Bodykit
from training.render.character.clothes import Fields, Outfit
from training.render.character.noise import Rng
from training.render.character.parts import head_weight, smooth
from training.render.character.skeleton import ARM, BONES, FINGERS, PER_SIDE, SIDES, Skeleton, skin
from training.render.raster import raster

HEAD_CUT = -12.3  # height (see `slant`) where the head's own neck ends when it has a body
NECK_TOP = -9.0  # … where the body's neck begins, under the head's skin
JOIN = np.array([0.0, -8.0, -1.5])  # where the head holds the middle of the neck, at the height of the chin
CHIN_TO_EYES = 11.2  # cm on the mean head
INFLUENCES = 4


def slant(points: Array) -> Array:
    """Height (N,) of points along the leaning neck, cm."""
    return points[:, 1] + 0.3 * (points[:, 2] + 2)


class BodyModel:
    """What all bodies share, made once per process."""

    def __init__(self, kit: Bodykit) -> None:
        self.kit = kit
        mean = self._placed(kit.vertices, 1.0)
        used = np.unique(kit.faces)
        inside = np.zeros(len(mean), bool)
        inside[used] = slant(mean[used]) < NECK_TOP
        keep = inside[kit.faces].all(1)
        self.used, index = np.unique(kit.faces[keep], return_inverse=True)
        self.faces: Ints = index.reshape(-1, 3).astype(np.int32)
        corners, corner = np.unique(kit.corner_uv[keep], return_inverse=True)
        self.corner: Ints = corner.reshape(-1, 3).astype(np.int32)
        self.uv = np.clip(np.stack([kit.uv[corners, 0], 1 - kit.uv[corners, 1]], 1), 0, 1).astype(np.float32)
        self.owner = np.array([self._owner(i) for i in range(len(kit.bones))])
        self._weights(len(mean))
        self.fields = self._measure(mean)
        self.texture = self._texels()

    def _owner(self, bone: int) -> int:
        """The bone of ours that moves along with one of the kit's."""
        while bone >= 0 and self.kit.bones[bone] not in BONES:
            bone = int(self.kit.parent[bone])
        return BONES.index(self.kit.bones[bone]) if bone >= 0 else 0

    def _weights(self, count: int) -> None:
        dense = np.zeros((count, len(BONES)), np.float32)
        np.add.at(dense, (self.kit.weight_vertex, self.owner[self.kit.weight_bone]), self.kit.weight_value)
        dense = dense[self.used]
        order = np.argsort(-dense, axis=1)[:, :INFLUENCES]
        weights = np.take_along_axis(dense, order, 1)
        self.bones: Ints = order.astype(np.int32)
        self.weights = (weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)).astype(np.float32)
        starts = [1, 1 + PER_SIDE]
        self.on_arm = sum(dense[:, s + 1 : s + len(ARM) + len(FINGERS)].sum(1) for s in starts)
        self.on_leg = sum(dense[:, s + len(ARM) + len(FINGERS) : s + PER_SIDE].sum(1) for s in starts)

    def _placed(self, shape: Array, size: float) -> Array:
        """A body in the kit's place → on the head's scale and under it."""
        eye, _ = self.kit.ends(shape, "eye.L")
        _, chin = self.kit.ends(shape, "jaw")
        _, neck = self.kit.ends(shape, "neck01")
        scale = size * CHIN_TO_EYES / (eye[1] - chin[1])
        return ((shape - neck) * scale + JOIN).astype(np.float32)

    def _skeleton(self, shape: Array) -> Skeleton:
        ends = [(JOIN, JOIN), *(self.kit.ends(shape, name) for name in BONES[1:])]
        return Skeleton(np.array([e[0] for e in ends]), np.array([e[1] for e in ends]))

    def _measure(self, mean: Array) -> Fields:
        place = mean[self.used]
        bones = self._skeleton(mean)
        first = 1
        arm = [bones.heads[first + 2], bones.heads[first + 4], bones.heads[first + 6],
               bones.tails[first + len(ARM) + 8]]  # fmt: skip
        leg = [bones.heads[first + len(ARM) + len(FINGERS) + k] for k in range(3)]
        leg.append(bones.tails[first + PER_SIDE - 1])
        half = place * np.where(place[:, :1] < 0, [-1, 1, 1], 1)
        on_arm, on_leg = np.minimum(self.on_arm, 1), np.minimum(self.on_leg, 1)
        along_arm = _along(half, np.array(arm)) * on_arm - 0.2 * (1 - on_arm)
        along_leg = _along(half, np.array(leg)) * on_leg - 0.2 * (1 - on_leg)
        return Fields(place, along_arm.astype(np.float32), along_leg.astype(np.float32))

    def _texels(self) -> Fields:
        """The fields at the texels of the body tile, row by row."""
        tile = TILES["body"]
        triangle, weights = texels(tile.place(self.uv), self.corner, tile)
        corners = self.faces[triangle]

        def at(values: Array) -> Array:
            weight = weights if values.ndim == 1 else weights[..., None]
            return (values[corners] * weight).sum(2).astype(np.float32)

        fields = self.fields
        return Fields(at(fields.place).reshape(-1, 3), at(fields.arm).ravel(), at(fields.leg).ravel())

    def _shape(self, rng: Rng) -> Array:
        """A random build: sex, age, descent, muscle, weight, and a few details."""
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

    def grow(self, rng: Rng, neck: Array, drawn: bool, outfit: Outfit) -> Body:
        """A random body in these clothes, under a head whose skin near the neck is at `neck` (N, 3)."""
        size = float(rng.uniform(0.86, 1.04)) if not drawn or rng.random() < 0.4 else float(rng.uniform(0.55, 1.0))
        whole = self._placed(self._shape(rng), size)
        points = whole[self.used]
        normal = raster.normals(points, self.faces)
        points = points + normal * outfit.thickness(self.fields)[:, None]
        points = _joined(points, neck, slant(self.fields.place))
        return Body(self, points.astype(np.float32), self._skeleton(whole), whole)


def _along(points: Array, line: Array) -> Array:
    """Place (N,) along a limb's polyline (4, 3): half a unit per bone; beyond its end on."""
    best, out = np.full(len(points), np.inf), np.zeros(len(points))
    for i in range(len(line) - 1):
        bone = line[i + 1] - line[i]
        t = ((points - line[i]) @ bone) / (bone @ bone)
        t = np.clip(t, -0.3 if i == 0 else 0, 2 if i == len(line) - 2 else 1)
        gap = np.linalg.norm(points - line[i] - t[:, None] * bone, axis=1)
        out = np.where(gap < best, (i + t) / 2, out)
        best = np.minimum(best, gap)
    return np.asarray(out, np.float32)


def _joined(points: Array, neck: Array, goal: Array) -> Array:
    """Lay the upper end of a body's neck (V, 3) on the neck of the head (N, 3): it dives under the skin at its top.

    goal (V,): slant of the points on the mean body, to which the uppermost are stretched, so that no gap opens.
    """

    def around(p: Array) -> tuple[Array, Array, Array]:
        z = p[:, 2] - (JOIN[2] + 0.35 * (p[:, 1] - JOIN[1]))  # the neck leans forward as it rises
        radius = np.hypot(p[:, 0], z)
        turn = np.arctan2(p[:, 0], z)
        return radius, turn, np.stack([5 * np.sin(turn), 5 * np.cos(turn), slant(p)], 1)

    points = points.copy()
    points[:, 1] += smooth(-15.5, -12.0, goal) * (goal - slant(points)) * (np.abs(points[:, 0]) < 14)
    out = points.copy()
    height = slant(points)
    near = np.flatnonzero((height > -17) & (np.abs(points[:, 0]) < 14))
    ring = neck[(slant(neck) > HEAD_CUT - 1.5) & (slant(neck) < -8.5)]
    radius, _, key = around(ring)
    mine, turn, wanted = around(points[near])
    wanted[:, 2] = np.maximum(wanted[:, 2], HEAD_CUT)
    gap, which = cKDTree(key).query(wanted, 4)
    closeness = 1 / (gap + 0.05)
    skin_radius = (radius[which] * closeness).sum(1) / closeness.sum(1)
    dive = np.interp(height[near], [HEAD_CUT, -10.8, NECK_TOP], [0.35, 0.0, -0.8])
    blend = smooth(-16.5, -12.3, height[near])
    new = mine * (1 - blend) + (skin_radius + dive) * blend
    out[near, 0] = new * np.sin(turn)
    out[near, 2] = JOIN[2] + 0.35 * (points[near, 1] - JOIN[1]) + new * np.cos(turn)
    return out


# Joints of MediaPipe's pose below the head: (bone that carries it, bone whose end it is, which end), left ones.
POSE_JOINTS = {
    11: ("shoulder01", "upperarm01", 0), 13: ("upperarm02", "lowerarm01", 0), 15: ("wrist", "wrist", 0),
    17: ("wrist", "finger5-1", 0), 19: ("wrist", "finger2-1", 0), 21: ("finger1-2", "finger1-3", 0),
    23: ("torso", "upperleg01", 0), 25: ("upperleg01", "lowerleg01", 0), 27: ("lowerleg01", "foot", 0),
    29: ("foot", "foot", 0), 31: ("foot", "foot", 1),
}  # fmt: skip
HAND_POINTS = 21
ABOVE_SHOULDER, BELOW_HIP = 2.0, 4.0  # cm: where MediaPipe sees them, against the bones' ends


class Body:
    """One body: `points` (V, 3) at rest and dressed, cm; its bones; MediaPipe's joints on them."""

    def __init__(self, model: BodyModel, points: Array, skeleton: Skeleton, whole: Array) -> None:
        self.model, self.points, self.skeleton = model, points, skeleton
        arm, leg = np.minimum(model.on_arm, 1), np.minimum(model.on_leg, 1)
        self.hips = float(skeleton.heads[BONES.index("upperleg01.L"), 1])
        self.floor = float(points[:, 1].min())
        upright = smooth(self.hips - 2, self.hips + 28, points[:, 1])
        self.lean = (np.maximum(upright, arm) * (1 - leg)).astype(np.float32)
        self.head = (head_weight(points) * (np.abs(points[:, 0]) < 14) * (1 - arm)).astype(np.float32)
        self._joints(whole)

    def _joints(self, whole: Array) -> None:
        """Rest places of the 33 joints (the face's stay 0) and of the 21 points of each hand, and their bones."""
        self.joints = np.zeros((33, 3), np.float32)
        self.joint_bone = np.zeros((33, 1), np.int32)
        self.hands = np.zeros((2, HAND_POINTS, 3), np.float32)
        self.hand_bone = np.zeros((2, HAND_POINTS, 1), np.int32)
        ends = (self.skeleton.heads, self.skeleton.tails)
        sole = self.points[:, 1] < self.floor + 6
        for s, (side, sign) in enumerate(SIDES):
            for left, (carrier, bone, end) in POSE_JOINTS.items():
                self.joints[left + s] = ends[end][BONES.index(bone + side)]
                self.joint_bone[left + s] = BONES.index(carrier + side) if carrier != "torso" else 0
            self.joints[11 + s, 1] += ABOVE_SHOULDER
            self.joints[23 + s, 1] -= BELOW_HIP
            foot = self.points[sole & (self.points[:, 0] * sign > 0)]
            heel_to_toe = np.array([0, 0, 1.5], np.float32)
            self.joints[29 + s] = foot[foot[:, 2].argmin()] + heel_to_toe
            self.joints[31 + s] = foot[foot[:, 2].argmax()] - heel_to_toe
            wrist = BONES.index("wrist" + side)
            self.hands[s, 0], self.hand_bone[s, 0] = ends[0][wrist], wrist
            for point in range(1, HAND_POINTS):
                finger, k = (point - 1) // 4, (point - 1) % 4
                number = wrist + 1 + 3 * finger + min(k, 2)
                self.hands[s, point] = ends[k // 3][number]
                self.hand_bone[s, point] = number

    def moves(self, arms: Array, fingers: Array, shrug: Array) -> Array:
        return self.skeleton.moves(arms, fingers, shrug)

    def posed(self, moves: Array) -> Array:
        """Vertices (V, 3) in the torso's frame."""
        return skin(self.points, self.model.bones, self.model.weights, moves)

    def marks(self, moves: Array) -> tuple[Array, Array, Array]:
        """Joints (33, 3), points of the hands (2, 21, 3), both in the torso's frame, and the joints' lean (33, 1)."""
        joints = skin(self.joints, self.joint_bone, np.ones((33, 1), np.float32), moves)
        flat = skin(self.hands.reshape(-1, 3), self.hand_bone.reshape(-1, 1), np.ones((42, 1), np.float32), moves)
        lean = np.ones((33, 1), np.float32)
        lean[23:25] = smooth(self.hips - 2, self.hips + 28, np.array([self.hips], np.float32))
        lean[25:] = 0
        return joints, flat.reshape(2, HAND_POINTS, 3), lean
