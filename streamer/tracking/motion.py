"""The tracked motion of one driver in one camera frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from models.motion import EXTRAS, MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE
from streamer.tracking.head_pose import CANONICAL, head_pose

Array = NDArray[np.float32]

VISIBILITY = 3  # column of `Motion.body`, after x, y, z
MIN_VISIBILITY = 0.5  # from which a joint counts as detected
CONFIDENCE = 3  # column of `Motion.hands` and `Motion.torso`
KEYFRAME = 2  # column of `Motion.torso`, after x, y

_FLIP_X = np.array([-1, 1, 1], np.float32)
_FLIP_JOINTS = np.array([-1, 1, 1, 1], np.float32)
# Index of each landmark's mirror image. The canonical face is symmetric, the numbering of its landmarks is not.
MIRRORED_LANDMARKS = np.linalg.norm(CANONICAL[:, None] - CANONICAL[None] * _FLIP_X, axis=-1).argmin(axis=1)
# The same of MediaPipe's joints: nose, left eye and right eye (three each), then pairs of left (odd) and right (even).
MIRRORED_JOINTS = np.array([0, 4, 5, 6, 1, 2, 3, *(joint + (1 if joint % 2 else -1) for joint in range(7, 33))])


def mirrored_joints(joints: Array) -> Array:
    """Joints (33, 4) of a person's mirror image: x, y, z in any units around the middle, and visibility."""
    return joints[MIRRORED_JOINTS] * _FLIP_JOINTS


@dataclass(frozen=True, slots=True)
class Motion:
    """One frame of one driver, in camera units: x right, y down, z away from the camera, -1..1 along the longer side of
    the picture (docs/types.md).

    captured: seconds, from the CameraFrame.
    face: (478, 3) float32 landmarks, or None where no face was found.
    face_confidence: 0..1.
    body: (33, 4) joints x, y, z, visibility, or None where no body was found.
    hands: (2, 21, 4) x, y, z, confidence of the person's left and right hand; confidence 0 = not detected.
    head: (3, 3) rotation of the canonical face; identity = straight into the camera.
    torso: (2, 4) x, y, keyframe, confidence of two points fixed to the clothes at the left and the right shoulder
        (streamer/tracking/torso_tracker.py); comparable only within one keyframe; confidence 0 = not measured.
    shade: (n, n, 2) log brightness of the skin and its weight, see `Driver.shade`; weight 0 = not measured.
    mouth: (h, w, 4) colours inside the open mouth and their weight, see `Driver.mouth`; weight 0 = not measured.
    lids: (2, 2) of the right and of the left eye: openness in the driver's own range (0 = shut, 1 = as usual) and its
        weight; weight 0 = not measured (streamer/tracking/habits.py).
    correction: (478, 3) of a neutral: what to add to its shape, canonical units, since it is not how the driver usually
        rests (streamer/tracking/habits.py).
    extras: (2,) 0..1, what no camera measures and a source may add: how far the tongue is out, and how much the cheeks
        blush.
    scene: number of the camera's scene (streamer/tracking/scene_tracker.py); motions are not comparable to a neutral of
        another one.
    stages: milliseconds spent by stage name.
    """

    captured: float
    face: Array | None = None
    face_confidence: float = 0.0
    body: Array | None = None
    hands: Array = field(default_factory=lambda: np.zeros((2, 21, 4), np.float32))
    head: Array = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    torso: Array = field(default_factory=lambda: np.zeros((2, 4), np.float32))
    shade: Array = field(default_factory=lambda: np.zeros((SHADE_SIDE, SHADE_SIDE, 2), np.float32))
    mouth: Array = field(default_factory=lambda: np.zeros((MOUTH_ROWS, MOUTH_COLUMNS, 4), np.float32))
    lids: Array = field(default_factory=lambda: np.zeros((2, 2), np.float32))
    correction: Array = field(default_factory=lambda: np.zeros((478, 3), np.float32))
    extras: Array = field(default_factory=lambda: np.zeros(EXTRAS, np.float32))
    scene: int = 0
    stages: dict[str, float] = field(default_factory=dict)

    @classmethod
    def still(cls, face: Array, body: Array | None = None, captured: float = 0.0) -> Motion:
        """A motion with full confidence. face: (478, 3). body: (33, 4), or (33, 3) with all joints visible."""
        if body is not None and body.shape[-1] == 3:
            body = np.concatenate([body, np.ones_like(body[:, :1])], axis=-1)
        return cls(captured, face, 1.0, body, head=head_pose(face).rotation)

    def mirrored(self) -> Motion:
        """The motion of the driver's mirror image."""
        return replace(
            self,
            face=None if self.face is None else self.face[MIRRORED_LANDMARKS] * _FLIP_X,
            body=None if self.body is None else mirrored_joints(self.body),
            hands=self.hands[::-1] * _FLIP_JOINTS,
            head=self.head * np.outer(_FLIP_X, _FLIP_X),
            torso=self.torso[::-1] * _FLIP_JOINTS,
            shade=self.shade[:, ::-1],
            mouth=self.mouth[:, ::-1],
            lids=self.lids[::-1],
            correction=self.correction[MIRRORED_LANDMARKS] * _FLIP_X,
        )


def smooth_share(t: float) -> float:
    """A share 0..1 that begins and ends without speed, from one that rises evenly: 3t² − 2t³."""
    return t * t * (3 - 2 * t)


def blend(a: Motion, b: Motion, fraction: float) -> Motion:
    """Interpolate from a to b, `fraction` 0..1 of the way. Raises ValueError unless both have a face.

    The head moves rigidly and the expression changes in canonical coordinates, so that no landmark moves through the
    head. Hands, confidence, time and stages are those of b.
    """
    if a.face is None or b.face is None:
        raise ValueError("only motions with a face can be blended")
    pose_a, pose_b = head_pose(a.face), head_pose(b.face)
    shape_a, shape_b = pose_a.inverse(a.face), pose_b.inverse(b.face)
    pose = pose_a.towards(pose_b, fraction)
    body = b.body if a.body is None or b.body is None else a.body + np.float32(fraction) * (b.body - a.body)
    face = pose.apply(shape_a + np.float32(fraction) * (shape_b - shape_a))
    shade = a.shade + np.float32(fraction) * (b.shade - a.shade)
    mouth = a.mouth + np.float32(fraction) * (b.mouth - a.mouth)
    torso = _blend_torso(a.torso, b.torso, fraction)
    lids = _blend_lids(a.lids, b.lids, fraction)
    correction = a.correction + np.float32(fraction) * (b.correction - a.correction)
    extras = a.extras + np.float32(fraction) * (b.extras - a.extras)
    return replace(
        b, face=face, body=body, head=pose.rotation, torso=torso, shade=shade, mouth=mouth, lids=lids,
        correction=correction, extras=extras,
    )  # fmt: skip


def _blend_lids(a: Array, b: Array, fraction: float) -> Array:
    """Interpolate the openness of eyes (2, 2) by their weights, and the weights."""
    weights = (1 - fraction) * a[:, 1], fraction * b[:, 1]
    total = weights[0] + weights[1]
    openness = (weights[0] * a[:, 0] + weights[1] * b[:, 0]) / np.maximum(total, 1e-6)
    return np.stack([openness, total], 1).astype(np.float32)


def _blend_torso(a: Array, b: Array, fraction: float) -> Array:
    """Interpolate between torso points (2, 4) of one keyframe. Between two keyframes only the confidence changes: b's
    points fade in or, where b has none, a's fade out.
    """
    if a[0, KEYFRAME] == b[0, KEYFRAME]:
        return a + np.float32(fraction) * (b - a)
    measured, weight = (b, fraction) if b[0, CONFIDENCE] > 0 else (a, 1 - fraction)
    return measured * np.array([1, 1, 1, weight], np.float32)


def face_size(face: Array) -> float:
    """Distance of the outer eye corners in three dimensions: the unit of lengths on a face, which rotation hardly
    changes.
    """
    return float(np.linalg.norm(face[RIGHT_EYE_OUTER] - face[LEFT_EYE_OUTER]))
