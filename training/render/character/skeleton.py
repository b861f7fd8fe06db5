"""The bones of a body and how arms and fingers turn them: linear-blend skinning.

An arm is posed by directions in the torso's frame, not by angles: whoever has long arms and who has short ones then
makes the same gesture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.render.arrays import Array, Ints

Double = NDArray[np.float64]
SIDES = ((".L", 1.0), (".R", -1.0))  # left before right, as MediaPipe has hands
ARM = ("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
FINGERS = tuple(f"finger{finger}-{k}" for finger in range(1, 6) for k in range(1, 4))
LEG = ("upperleg01", "lowerleg01", "foot")
BONES = ["torso", *(name + side for side, _ in SIDES for name in (*ARM, *FINGERS, *LEG))]
PER_SIDE = len(ARM) + len(FINGERS) + len(LEG)
TWIST = 1.3  # radians that the forearm gives at most to a turn of the hand


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _skin(points, bones, weights, moves, out):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for row in range(3):
            total = np.float32(0)
            for k in range(bones.shape[1]):
                if weights[i, k] > 0:
                    m = moves[bones[i, k], row]
                    total += weights[i, k] * (m[0] * x + m[1] * y + m[2] * z + m[3])
            out[i, row] = total


def skin(points: Array, bones: Ints, weights: Array, moves: Array) -> Array:
    """Points (N, 3) moved by bones (N, K) with weights (N, K), whose moves are (B, 3, 4)."""
    out = np.empty_like(points)
    _skin(points, bones, weights, moves, out)
    return out


def about(axis: Double, angle: float) -> Double:
    """Rotation matrix (3, 3) about a unit axis."""
    return cv2.Rodrigues(np.asarray(axis, np.float64) * angle)[0]


def unit(vector: Double) -> Double:
    return vector / (np.linalg.norm(vector) + 1e-9)


def swing(start: Double, end: Double) -> Double:
    """The smallest rotation (3, 3) that takes one unit vector to another."""
    axis = np.cross(start, end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-6:
        return np.eye(3)
    return about(axis / sine, float(np.arctan2(sine, start @ end)))


def frame(along: Double, beside: Double) -> Double:
    """Orthonormal columns (3, 3): a unit vector, what of `beside` stands on it, and their product."""
    second = unit(beside - along * (along @ beside))
    return np.stack([along, second, np.cross(along, second)], 1)


@dataclass(frozen=True)
class Hold:
    """One arm's rest directions."""

    upper: Double
    fore: Double
    hinge: Double  # axis of the elbow
    hand: Double
    palm: Double  # where the palm looks
    curl: Double  # (5, 3) axis about which each finger bends into the palm


class Skeleton:
    """The bones of one body at rest: `heads` and `tails` (B, 3) cm, in the order of BONES."""

    def __init__(self, heads: Array, tails: Array) -> None:
        self.heads, self.tails = heads.astype(np.float64), tails.astype(np.float64)
        self.holds = [self._hold(1 + s * PER_SIDE, sign) for s, (_, sign) in enumerate(SIDES)]

    def _hold(self, first: int, sign: float) -> Hold:
        heads, tails = self.heads, self.tails
        shoulder, elbow, wrist = heads[first + 2], heads[first + 4], heads[first + 6]
        finger = first + len(ARM)
        upper, fore = unit(elbow - shoulder), unit(wrist - elbow)
        knuckles = heads[finger + 3 : finger + len(FINGERS) : 3]  # index … little finger
        palm = unit(-sign * np.cross(knuckles[0] - wrist, knuckles[3] - wrist))
        ways = [unit(tails[finger + 3 * k + 2] - heads[finger + 3 * k]) for k in range(5)]
        curl = [unit(np.cross(way, palm)) for way in ways]
        curl[0] = unit(np.cross(ways[0], unit(knuckles[3] - heads[finger]) + palm))
        hand = unit(knuckles[1] - wrist)
        return Hold(upper, fore, unit(np.cross(upper, fore)), hand, palm, np.array(curl))

    def moves(self, arms: Array, fingers: Array, shrug: Array) -> Array:
        """(B, 3, 4) rest → pose of every bone, in the torso's frame.

        arms (2, 12): left, right; directions of upper arm, forearm and hand and the palm's, x outwards. fingers (2, 6):
        bend of thumb … little finger, 0 straight .. 1 in the fist, and how far they are spread. shrug (2,): right and
        left shoulder up, cm.
        """
        turn = np.tile(np.eye(3), (len(BONES), 1, 1))
        place = self.heads.copy()
        for s, (_, sign) in enumerate(SIDES):
            first = 1 + s * PER_SIDE
            self._arm(turn, place, first, sign, arms[s], float(shrug[1 - s]))
            self._hand(turn, place, first, sign, fingers[s])
        shift = place - np.einsum("bij,bj->bi", turn, self.heads)
        return np.concatenate([turn, shift[..., None]], 2).astype(np.float32)

    def _arm(self, turn: Double, place: Double, first: int, sign: float, arm: Array, shrug: float) -> None:
        hold = self.holds[first // PER_SIDE]
        upper, fore, hand, palm = (unit(v) for v in arm.reshape(4, 3).astype(np.float64) * [sign, 1, 1])
        reach = np.linalg.norm(self.heads[first + 2] - self.heads[first])
        lifted = about(np.array([0.0, 0, 1]), sign * float(np.clip(shrug / reach, -0.5, 0.5)))
        swung = swing(hold.upper, upper)
        # A straight arm has no hinge of its own: then the one that swung along decides.
        hinge = unit(np.cross(upper, fore) + 0.15 * swung @ hold.hinge)
        whole = frame(upper, hinge) @ frame(hold.upper, hold.hinge).T
        lower = frame(fore, hinge) @ frame(hold.fore, hold.hinge).T
        held = frame(hand, palm) @ frame(hold.hand, hold.palm).T
        half = about(hold.upper, 0.5 * _twist(swung.T @ whole, hold.upper))
        roll = np.clip(_twist(lower.T @ held, hold.fore), -2 * TWIST, 2 * TWIST)
        part, _ = cv2.Rodrigues(swung)
        turns = [lifted, lifted @ cv2.Rodrigues(part * 0.25)[0], swung @ half, whole, lower,
                 lower @ about(hold.fore, 0.5 * roll), held]  # fmt: skip
        for k, matrix in enumerate(turns):
            turn[first + k] = matrix
            if k:
                above = first + k - 1
                place[first + k] = place[above] + turn[above] @ (self.heads[first + k] - self.heads[above])

    def _hand(self, turn: Double, place: Double, first: int, sign: float, fingers: Array) -> None:
        hold, wrist = self.holds[first // PER_SIDE], first + len(ARM) - 1
        for finger in range(5):
            bend = float(fingers[finger])
            fan = about(hold.palm, sign * 0.16 * float(fingers[5]) * (finger - 2)) if finger else np.eye(3)
            above, matrix = wrist, turn[wrist] @ fan
            for k, share in enumerate((0.5, 0.8, 0.9) if finger == 0 else (1.2, 1.6, 1.0)):
                bone = first + len(ARM) + 3 * finger + k
                matrix = matrix @ about(hold.curl[finger], share * bend)
                place[bone] = place[above] + turn[above] @ (self.heads[bone] - self.heads[above])
                turn[bone] = matrix
                above = bone


def _twist(matrix: Double, axis: Double) -> float:
    """The part of a rotation that is about a unit axis, radians (of its quaternion: swing-twist decomposition)."""
    turned = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]])
    return 2 * float(np.arctan2(axis @ turned, 1 + np.trace(matrix)))
