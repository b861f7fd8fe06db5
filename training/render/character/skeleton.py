"""The bones of a body and how arms and fingers turn them: linear-blend skinning.

An arm is posed by directions in the frame of the torso, not by joint angles, so that characters with long and with
short arms make the same gesture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints

Double = NDArray[np.float64]
SIDES = ((".L", 1.0), (".R", -1.0))  # left before right, as in MediaPipe's hands
ARM_BONES = ("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
FINGER_BONES = tuple(f"finger{finger}-{k}" for finger in range(1, 6) for k in range(1, 4))
LEG_BONES = ("upperleg01", "lowerleg01", "foot")
BONES = ["torso", *(name + side for side, _ in SIDES for name in (*ARM_BONES, *FINGER_BONES, *LEG_BONES))]
BONES_PER_SIDE = len(ARM_BONES) + len(FINGER_BONES) + len(LEG_BONES)
MAX_FOREARM_TWIST = 1.3  # largest twist of the forearm, radians


@compile_cached(fastmath=True, error_model="numpy")
def _skin(points, bones, weights, bone_transforms, out):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for row in range(3):
            total = np.float32(0)
            for k in range(bones.shape[1]):
                if weights[i, k] > 0:
                    m = bone_transforms[bones[i, k], row]
                    total += weights[i, k] * (m[0] * x + m[1] * y + m[2] * z + m[3])
            out[i, row] = total


def skin(points: Array, bones: Ints, weights: Array, bone_transforms: Array) -> Array:
    """Linear-blend skinning of points (N, 3) by bones (N, K) with weights (N, K); bone_transforms (B, 3, 4)."""
    out = np.empty_like(points)
    _skin(points, bones, weights, bone_transforms, out)
    return out


def axis_rotation(axis: Double, angle: float) -> Double:
    """Rotation matrix (3, 3) about a unit axis."""
    return cv2.Rodrigues(np.asarray(axis, np.float64) * angle)[0]


def normalised(vector: Double) -> Double:
    """The vector at unit length."""
    return vector / (np.linalg.norm(vector) + 1e-9)


def shortest_rotation(start: Double, end: Double) -> Double:
    """The shortest rotation (3, 3) from one unit vector to another."""
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-6:
        return np.eye(3)
    return axis_rotation(axis / sine, float(np.arctan2(sine, start @ end)))


def orthonormal_frame(along: Double, beside: Double) -> Double:
    """Orthonormal columns (3, 3): `along`, the part of `beside` perpendicular to it, and their cross product."""
    second = normalised(beside - along * (along @ beside))
    return np.stack([along, second, np.cross(along, second)], 1)


@dataclass(frozen=True)
class ArmRest:
    """Unit directions of one arm in the rest pose."""

    upper: Double
    forearm: Double
    hinge: Double  # axis of the elbow
    hand: Double
    palm: Double  # normal of the palm
    curl: Double  # (5, 3) axis about which each finger bends towards the palm


class Skeleton:
    """The bones of one body at rest: `heads` and `tails` (B, 3) cm, in the order of BONES."""

    def __init__(self, heads: Array, tails: Array) -> None:
        self.heads, self.tails = heads.astype(np.float64), tails.astype(np.float64)
        self.arm_rests = [self._arm_rest(1 + s * BONES_PER_SIDE, sign) for s, (_, sign) in enumerate(SIDES)]

    def _arm_rest(self, first: int, sign: float) -> ArmRest:
        heads, tails = self.heads, self.tails
        shoulder, elbow, wrist = heads[first + 2], heads[first + 4], heads[first + 6]
        finger = first + len(ARM_BONES)
        upper, forearm = normalised(elbow - shoulder), normalised(wrist - elbow)
        knuckles = heads[finger + 3 : finger + len(FINGER_BONES) : 3]  # index to little finger
        palm = normalised(-sign * np.cross(knuckles[0] - wrist, knuckles[3] - wrist))
        directions = [normalised(tails[finger + 3 * k + 2] - heads[finger + 3 * k]) for k in range(5)]
        curl = [normalised(np.cross(direction, palm)) for direction in directions]
        curl[0] = normalised(np.cross(directions[0], normalised(knuckles[3] - heads[finger]) + palm))
        hand = normalised(knuckles[1] - wrist)
        return ArmRest(upper, forearm, normalised(np.cross(upper, forearm)), hand, palm, np.array(curl))

    def bone_transforms(self, arms: Array, fingers: Array, shrug: Array) -> Array:
        """Transforms (B, 3, 4) of all bones from the rest pose, in the frame of the torso.

        arms (2, 12), left and right: directions of upper arm, forearm, hand and palm normal, x outwards.
        fingers (2, 6): bend of thumb to little finger, 0 = straight, 1 = fist, and their spread.
        shrug (2,): right and left shoulder raised, cm.
        """
        rotations = np.tile(np.eye(3), (len(BONES), 1, 1))
        positions = self.heads.copy()
        for s, (_, sign) in enumerate(SIDES):
            first = 1 + s * BONES_PER_SIDE
            self._arm(rotations, positions, first, sign, arms[s], float(shrug[1 - s]))
            self._hand(rotations, positions, first, sign, fingers[s])
        shift = positions - np.einsum("bij,bj->bi", rotations, self.heads)
        return np.concatenate([rotations, shift[..., None]], 2).astype(np.float32)

    def _arm(self, rotations: Double, positions: Double, first: int, sign: float, arm: Array, shrug: float) -> None:
        """Write rotations and positions of the bones from the clavicle to the hand, in place."""
        rest = self.arm_rests[first // BONES_PER_SIDE]
        upper, forearm, hand, palm = (normalised(v) for v in arm.reshape(4, 3).astype(np.float64) * [sign, 1, 1])
        collar_length = np.linalg.norm(self.heads[first + 2] - self.heads[first])
        lift = axis_rotation(np.array([0.0, 0, 1]), sign * float(np.clip(shrug / collar_length, -0.5, 0.5)))
        swing = shortest_rotation(rest.upper, upper)
        # A straight arm defines no hinge axis: then that of the rest pose, swung along, is used.
        hinge = normalised(np.cross(upper, forearm) + 0.15 * swing @ rest.hinge)
        upper_turn = orthonormal_frame(upper, hinge) @ orthonormal_frame(rest.upper, rest.hinge).T
        forearm_turn = orthonormal_frame(forearm, hinge) @ orthonormal_frame(rest.forearm, rest.hinge).T
        hand_turn = orthonormal_frame(hand, palm) @ orthonormal_frame(rest.hand, rest.palm).T
        half_twist = axis_rotation(rest.upper, 0.5 * _twist_angle(swing.T @ upper_turn, rest.upper))
        twist = _twist_angle(forearm_turn.T @ hand_turn, rest.forearm)
        twist = np.clip(twist, -2 * MAX_FOREARM_TWIST, 2 * MAX_FOREARM_TWIST)
        swing_vector, _ = cv2.Rodrigues(swing)
        shoulder_turn = lift @ cv2.Rodrigues(swing_vector * 0.25)[0]
        wrist_turn = forearm_turn @ axis_rotation(rest.forearm, 0.5 * twist)
        turns = [lift, shoulder_turn, swing @ half_twist, upper_turn, forearm_turn, wrist_turn, hand_turn]
        for k, matrix in enumerate(turns):
            bone, parent = first + k, first + k - 1
            rotations[bone] = matrix
            if k:
                positions[bone] = positions[parent] + rotations[parent] @ (self.heads[bone] - self.heads[parent])

    def _hand(self, rotations: Double, positions: Double, first: int, sign: float, fingers: Array) -> None:
        """Write rotations and positions of the finger bones, in place."""
        rest, wrist = self.arm_rests[first // BONES_PER_SIDE], first + len(ARM_BONES) - 1
        for finger in range(5):
            bend = float(fingers[finger])
            spread = axis_rotation(rest.palm, sign * 0.16 * float(fingers[5]) * (finger - 2)) if finger else np.eye(3)
            parent, matrix = wrist, rotations[wrist] @ spread
            for k, share in enumerate((0.5, 0.8, 0.9) if finger == 0 else (1.2, 1.6, 1.0)):
                bone = first + len(ARM_BONES) + 3 * finger + k
                matrix = matrix @ axis_rotation(rest.curl[finger], share * bend)
                positions[bone] = positions[parent] + rotations[parent] @ (self.heads[bone] - self.heads[parent])
                rotations[bone] = matrix
                parent = bone


def _twist_angle(matrix: Double, axis: Double) -> float:
    """Angle, radians, of a rotation's twist about a unit axis (swing-twist decomposition of its quaternion)."""
    vector = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    return 2 * float(np.arctan2(axis @ vector, 1 + np.trace(matrix)))
