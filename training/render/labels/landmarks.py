"""True positions of MediaPipe's 478 face landmarks, 33 body joints and 21 hand points on rendered characters.

The map from the face model to the landmarks is fixed; `training.render.labels.measure` measured it on renders.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.geometry.topology import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_INNER_MOUTH_CORNER,
    LEFT_IRIS,
    MESH,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_INNER_MOUTH_CORNER,
    RIGHT_IRIS,
)
from training.render.arrays import Array, Ints
from training.render.character.act import Act
from training.render.character.body import HAND_POINTS
from training.render.character.character import Character
from training.render.character.parts import BUST_ELBOW, BUST_SHOULDER
from training.render.joints import EARS, FIRST_BODY_JOINT, FIRST_JOINT_BELOW_ELBOWS, HIPS, JOINT_COUNT, Joint
from training.render.raster.raster import Hits
from training.render.scene.scene import Camera

MAP_FILE = Path(__file__).with_name("landmarks.npz")
HAND_THICKNESS_CM = 3.5  # cm: a surface less than this in front of a hand point is the hand itself
RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (RIGHT_EYE_OUTER, RIGHT_EYE_INNER), (LEFT_EYE_INNER, LEFT_EYE_OUTER)
# Landmarks of the joints of the face, but for the ears.
FACE_JOINTS = {
    Joint.NOSE: NOSE_TIP,
    Joint.LEFT_EYE_INNER: LEFT_EYE_INNER,
    Joint.LEFT_EYE: LEFT_IRIS,
    Joint.LEFT_EYE_OUTER: LEFT_EYE_OUTER,
    Joint.RIGHT_EYE_INNER: RIGHT_EYE_INNER,
    Joint.RIGHT_EYE: RIGHT_IRIS,
    Joint.RIGHT_EYE_OUTER: RIGHT_EYE_OUTER,
    Joint.MOUTH_LEFT: LEFT_INNER_MOUTH_CORNER,
    Joint.MOUTH_RIGHT: RIGHT_INNER_MOUTH_CORNER,
}


def eye_distance(face: Array) -> float:
    """Distance between the eyes, each the midpoint of its corners, in landmarks (478, ≥2)."""
    right = (face[RIGHT_EYE_CORNERS[0], :2] + face[RIGHT_EYE_CORNERS[1], :2]) / 2
    left = (face[LEFT_EYE_CORNERS[0], :2] + face[LEFT_EYE_CORNERS[1], :2]) / 2
    return float(np.linalg.norm(left - right))


def ears_at_rest(character: Character) -> Array:
    """Left and right ear (2, 3) in the rest pose, cm."""
    ear = character.neutral[np.abs(character.studio.base[:, 0]).argmax()]
    return np.stack([ear * [sign * np.sign(ear[0]), 1, 1] for sign in (1, -1)]).astype(np.float32)


def joints_at_rest(character: Character) -> Array:
    """Joints (33, 3) of a bust in the rest pose, cm; the first eleven move with the head, the others with the bust."""
    scale = np.array([character.shoulder_width, 1, 1])
    joints = np.zeros((JOINT_COUNT, 3))
    mirror = np.array([-1, 1, 1])
    shoulder, elbow = BUST_SHOULDER * scale, BUST_ELBOW * scale
    wrist = elbow + np.array([2, -22, 8])
    left_side = {
        Joint.LEFT_SHOULDER: shoulder,
        Joint.LEFT_ELBOW: elbow,
        Joint.LEFT_WRIST: wrist,
        Joint.LEFT_PINKY: wrist + np.array([0, -7, 2]),
        Joint.LEFT_INDEX: wrist + np.array([0, -8, 2]),
        Joint.LEFT_THUMB: wrist + np.array([-2, -4, 2]),
        Joint.LEFT_HIP: (10, -68, -1),
        Joint.LEFT_KNEE: (10, -110, 0),
        Joint.LEFT_ANKLE: (10, -150, -2),
        Joint.LEFT_HEEL: (10, -154, -6),
        Joint.LEFT_FOOT_INDEX: (10, -156, 8),
    }
    joints[EARS] = ears_at_rest(character)
    for joint, position in left_side.items():
        joints[joint] = position
        joints[joint + 1] = joints[joint] * mirror  # the right joint follows the left one
    return joints.astype(np.float32)


@dataclass(frozen=True)
class LandmarkMap:
    """Barycentric coordinates, on the face model, of MediaPipe's first 468 landmarks, those of the face mesh."""

    vertices: Ints  # (468, 3) vertices of the face model
    weights: Array  # (468, 3)

    @classmethod
    def load(cls, path: Path = MAP_FILE) -> LandmarkMap:
        """Read the measured values from a file."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["vertices"].astype(np.int32), file["weights"].astype(np.float32))

    def face(self, character: Character, act: Act, camera: Camera) -> Array:
        """True landmarks (478, 3), canvas units; the mean of z over the first 468 is 0."""
        studio = character.studio
        corners = studio.compact[self.vertices]
        rest = character.with_expression(act)
        points = (rest[corners] * self.weights[..., None]).sum(1)
        irises = []
        for centre, rotation, radius in character.eye_axes(act):
            angle = character.appearance.iris_angle
            around = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]]) * np.sin(angle)
            depth = np.r_[1.0, np.full(4, np.cos(angle))]
            ring = np.concatenate([around, depth[:, None]], 1) @ rotation.T
            irises.append(centre + ring * radius)
        points = np.concatenate([points, *irises]).astype(np.float32)
        face = camera.canvas(character.to_world(points, np.ones((len(points), 1), np.float32), act))
        # MediaPipe's iris points have the depth of the corners of the eye.
        face[RIGHT_IRIS:LEFT_IRIS, 2] = face[list(RIGHT_EYE_CORNERS), 2].mean()
        face[LEFT_IRIS:, 2] = face[list(LEFT_EYE_CORNERS), 2].mean()
        face[:, 2] -= face[:MESH, 2].mean()
        return face

    def body(self, character: Character, act: Act, camera: Camera, face: Array) -> Array:
        """True body joints (33, 4): canvas x, y, z (0 at the hips), visibility 0..1.

        The arms of a bust end at the elbows; joints below have visibility 0 and a plausible position.
        """
        weight = np.zeros((JOINT_COUNT, 1), np.float32)
        weight[:FIRST_BODY_JOINT] = 1
        if character.body is None:
            world = character.to_world(joints_at_rest(character), weight, act)
        else:
            joints, _, lean = character.body.joint_positions(
                character.body.bone_transforms(act.arms, act.fingers, act.shrug)
            )
            joints[EARS] = ears_at_rest(character)
            world = character.to_world(joints, weight, act, lean)
        out = np.zeros((JOINT_COUNT, 4), np.float32)
        out[:, :3] = camera.canvas(world)
        out[:, 2] -= out[HIPS, 2].mean()
        face_depth = float(out[EARS, 2].mean()) - camera.focal / camera.distance * 8
        for joint, point in FACE_JOINTS.items():
            out[joint, :2] = face[point, :2]
            out[joint, 2] = face_depth + face[point, 2]
        inside = (np.abs(out[:, :2]) < 1).all(1)
        visible_joints = FIRST_JOINT_BELOW_ELBOWS if character.body is None else JOINT_COUNT
        out[:visible_joints, 3] = np.where(inside[:visible_joints], 0.98, 0.1)
        return out

    def hands(self, character: Character, act: Act, camera: Camera, hits: Hits | None = None) -> Array:
        """True points of left and right hand (2, 21, 4): canvas x, y, z (0 at the wrist), confidence 0 or 1.

        The confidence is 1 where most of a hand is inside the picture and, with the picture's `hits`, not occluded. A
        bust has no hands: all zero.
        """
        out = np.zeros((2, HAND_POINTS, 4), np.float32)
        if character.body is None:
            return out
        _, points, _ = character.body.joint_positions(character.body.bone_transforms(act.arms, act.fingers, act.shrug))
        flat = points.reshape(-1, 3)
        world = character.to_world(flat, np.zeros((len(flat), 1), np.float32), act)
        canvas = camera.canvas(world).reshape(2, HAND_POINTS, 3)
        visible = (np.abs(canvas[..., :2]) < 1).all(-1)
        if hits is not None:
            side = len(hits.inverse_depth)
            pixel = np.clip(((canvas[..., :2] + 1) * side / 2).astype(int), 0, side - 1)
            surface_depth = 1 / np.maximum(hits.inverse_depth[pixel[..., 1], pixel[..., 0]], 1e-4)
            visible &= surface_depth > camera.distance - world[:, 2].reshape(2, HAND_POINTS) - HAND_THICKNESS_CM
        out[..., :3] = canvas
        out[..., 2] -= out[:, :1, 2]
        out[..., 3] = (visible.mean(1) > 0.6)[:, None]
        return out
