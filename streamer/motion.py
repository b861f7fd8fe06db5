"""What one camera frame tells about the person in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from models.motion import Driver
from streamer import mirror

Array = NDArray[np.float32]

# Midline points and symmetric pairs (right, left of the person) that the skull carries and no expression moves.
_ABOVE, _BELOW = (10, 151, 9, 8), (5, 4, 1, 2)
_RIGHT, _LEFT = (33, 133, 127, 234, 130, 162), (263, 362, 356, 454, 359, 389)
# What these directions give for the canonical face: its nose slopes by 12.6 degrees.
_STRAIGHT = np.array([[1, 0, 0], [0, 0.9759, 0.2181], [0, -0.2181, 0.9759]])


@dataclass(frozen=True, slots=True)
class Motion:
    """One frame of one driver, in camera units (x right, y down, z away from the camera; docs/architecture.md).

    captured: seconds, from the CameraFrame. face: (478, 3) float32 or None. face_confidence: 0..1.
    body: (33, 4) x y z visibility or None. hands: (2, 21, 4) x y z confidence; 0 is the person's left hand, 1 the right,
    confidence 0 = not seen. head: (3, 3) rotation of the head, identity = facing the camera; columns are the head's own
    right-in-the-picture, down and away axes. stages: milliseconds spent by stage name.
    """

    captured: float
    face: Array | None = None
    face_confidence: float = 0.0
    body: Array | None = None
    hands: Array = field(default_factory=lambda: np.zeros((2, 21, 4), np.float32))
    head: Array = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    stages: dict[str, float] = field(default_factory=dict)

    @classmethod
    def still(cls, face: Array, body: Array | None = None, captured: float = 0.0) -> Motion:
        """A motion of somebody who is surely there. face: (478, 3). body: (33, 4), or (33, 3) seen everywhere."""
        if body is not None and body.shape[-1] == 3:
            body = np.concatenate([body, np.ones_like(body[:, :1])], axis=-1)
        return cls(captured, face, 1.0, body, head=head_rotation(face))

    def mirrored(self) -> Motion:
        """The same motion as seen in a mirror."""
        flip = np.array([-1, 1, 1], np.float32)
        flip4 = np.array([-1, 1, 1, 1], np.float32)
        return replace(
            self,
            face=None if self.face is None else self.face[mirror.FACE] * flip,
            body=None if self.body is None else self.body[mirror.BODY] * flip4,
            hands=self.hands[::-1] * flip4,
            head=self.head * np.outer(flip, flip),
        )


def head_rotation(face: Array) -> Array:
    """(478, 3) landmarks → (3, 3) rotation of the head, identity for a face that looks straight into the camera.

    Taken from the directions of symmetric pairs and of the bridge of the nose, so neither mouth nor lids turn it.
    A degenerate face (all points equal) gives the identity.
    """
    across = face[list(_LEFT)].mean(0) - face[list(_RIGHT)].mean(0)
    down = face[list(_BELOW)].mean(0) - face[list(_ABOVE)].mean(0)
    x = across / max(float(np.linalg.norm(across)), 1e-9)
    y = down - x * (down @ x)
    y = y / max(float(np.linalg.norm(y)), 1e-9)
    turn = np.stack([x, y, np.cross(x, y)], axis=1)
    if np.linalg.det(turn) < 0.5:
        return np.eye(3, dtype=np.float32)
    return (turn @ _STRAIGHT.T).astype(np.float32)


def face_size(face: Array) -> float:
    """Distance of the outer eye corners in three dimensions: the face's own yardstick, which turning hardly changes."""
    return float(np.linalg.norm(face[33] - face[263]))


def to_driver(motions: Sequence[Motion], device: torch.device | str) -> Driver:
    """Motions of several people, each with a face, as one batch of tensors; a body not seen has visibility 0."""
    faces, bodies = [], []
    for motion in motions:
        if motion.face is None:
            raise ValueError("a motion without a face cannot be drawn: resolve it with Presence first")
        faces.append(motion.face)
        bodies.append(np.zeros((33, 4), np.float32) if motion.body is None else motion.body)

    def tensor(values: Sequence[Array]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.stack(values), np.float32)).to(device)

    return Driver(tensor(faces), tensor(bodies), tensor([motion.hands for motion in motions]))
