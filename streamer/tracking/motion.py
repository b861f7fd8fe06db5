"""What one camera frame tells about the person in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE
from streamer.tracking.head_pose import CANONICAL, head_pose

Array = NDArray[np.float32]

_FLIP = np.array([-1, 1, 1], np.float32)
# Which landmark becomes which in a mirror: the canonical face is symmetric, its numbering is not.
_FACE_MIRROR = np.linalg.norm(CANONICAL[:, None] - CANONICAL[None] * _FLIP, axis=-1).argmin(axis=1)
# MediaPipe's joints: nose, left eye and right eye (three each), then pairs of left (odd) and right (even).
_BODY_MIRROR = np.array([0, 4, 5, 6, 1, 2, 3, *(joint + (1 if joint % 2 else -1) for joint in range(7, 33))])


@dataclass(frozen=True, slots=True)
class Motion:
    """One frame of one driver, in camera units (x right, y down, z away from the camera; docs/architecture.md).

    captured: seconds, from the CameraFrame. face: (478, 3) float32 or None. face_confidence: 0..1.
    body: (33, 4) x y z visibility or None. hands: (2, 21, 4) x y z confidence; first the person's left hand, then the
    right; confidence 0 = not seen. head: (3, 3) rotation, identity = as the canonical face, straight into the camera.
    torso: (2, 4) x y keyframe confidence of two points that go with the clothes (streamer/tracking/torso_tracker.py),
    left and right;
    to be compared only where the keyframe is the same; confidence 0 = not measured.
    shade: (n, n, 2) how light the skin is, see `Driver.shade`; weights of 0 = not measured.
    mouth: (h, w, 4) what an open mouth shows, see `Driver.mouth`; weights of 0 = not measured.
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
    stages: dict[str, float] = field(default_factory=dict)

    @classmethod
    def still(cls, face: Array, body: Array | None = None, captured: float = 0.0) -> Motion:
        """A motion of somebody who is surely there. face: (478, 3). body: (33, 4), or (33, 3) seen everywhere."""
        if body is not None and body.shape[-1] == 3:
            body = np.concatenate([body, np.ones_like(body[:, :1])], axis=-1)
        return cls(captured, face, 1.0, body, head=head_pose(face).rotation)

    def mirrored(self) -> Motion:
        """The same motion as seen in a mirror."""
        flip = np.append(_FLIP, np.float32(1))
        return replace(
            self,
            face=None if self.face is None else self.face[_FACE_MIRROR] * _FLIP,
            body=None if self.body is None else self.body[_BODY_MIRROR] * flip,
            hands=self.hands[::-1] * flip,
            head=self.head * np.outer(_FLIP, _FLIP),
            torso=self.torso[::-1] * flip,
            shade=self.shade[:, ::-1],
            mouth=self.mouth[:, ::-1],
        )


def blend(a: Motion, b: Motion, share: float) -> Motion:
    """`share` (0..1) of the way from a to b; both have a face. The head turns and travels rigidly and the expression
    changes in the head's own frame, so that no landmark takes a short cut through the head. Everything else is b's.
    """
    if a.face is None or b.face is None:
        raise ValueError("only motions with a face can be blended")
    pose_a, pose_b = head_pose(a.face), head_pose(b.face)
    shape_a, shape_b = pose_a.inverse(a.face), pose_b.inverse(b.face)
    pose = pose_a.towards(pose_b, share)
    body = b.body if a.body is None or b.body is None else a.body + np.float32(share) * (b.body - a.body)
    face = pose.apply(shape_a + np.float32(share) * (shape_b - shape_a))
    shade, mouth = (one + np.float32(share) * (other - one) for one, other in ((a.shade, b.shade), (a.mouth, b.mouth)))
    torso = _blend_torso(a.torso, b.torso, share)
    return replace(b, face=face, body=body, head=pose.rotation, torso=torso, shade=shade, mouth=mouth)


def _blend_torso(a: Array, b: Array, share: float) -> Array:
    """Between points of one keyframe. What only one has fades with its share; other keyframes than b's are left."""
    if a[0, 2] == b[0, 2]:
        return a + np.float32(share) * (b - a)
    known, left = (b, share) if b[0, 3] > 0 else (a, 1 - share)
    return known * np.array([1, 1, 1, left], np.float32)


def face_size(face: Array) -> float:
    """Distance of the outer eye corners in three dimensions: the face's own yardstick, which turning hardly changes."""
    return float(np.linalg.norm(face[33] - face[263]))
