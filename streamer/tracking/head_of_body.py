"""The head of a driver whose face is not found: placed by the head joints of their body, and handed over to and fro."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from models.geometry.body import HEAD_JOINTS
from streamer.tracking.head_guess import face_of_head
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix, rotation_vector
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Array, Motion, blend, smooth_share

PLACED_CONFIDENCE = 0.2  # `Motion.face_confidence` of a face that was not found but placed
USUAL_GROWTH = math.log(1.08)  # log of a found face's size over that of one placed by joints
LEARNING_FRAMES = 25  # with a found face on a seen head, over which their difference is averaged
MAX_GROWTH, MAX_TURN, MAX_SHIFT = 0.3, 0.35, 0.5  # of that difference: log of size, radians, canonical units
MIN_LEARNING_CONFIDENCE = 0.5  # of faces to learn from
HANDOVER_S = 0.35  # in which a found face replaces a placed one, or a placed one a found one


def sees_head(body: Array | None) -> bool:
    """Whether the joints (33, 4) of a body tell where its head is."""
    return (
        body is not None
        and bool(np.isfinite(body[HEAD_JOINTS]).all())
        and float(body[HEAD_JOINTS, VISIBILITY].min()) >= MIN_VISIBILITY
        and bool(np.ptp(body[HEAD_JOINTS, :2], axis=0).max() > 0)
    )


class HeadOfBody:
    """Places one driver's head by the joints of their body.

    Where both are seen it learns by how much faces that are found differ from faces that are placed, so that neither
    size nor place jumps when one replaces the other.
    """

    def __init__(self) -> None:
        self._difference = np.array([USUAL_GROWTH, 0, 0, 0, 0, 0, 0])  # log of size, rotation vector, shift in the head
        self._learnt = 0  # frames

    def learn(self, motions: Iterable[Motion]) -> None:
        """Compare found faces with placed ones, up to `LEARNING_FRAMES` of them; then the difference is settled."""
        for motion in motions:
            face, body = motion.face, motion.body
            if self._learnt >= LEARNING_FRAMES or face is None or body is None or not sees_head(body):
                continue
            if motion.face_confidence < MIN_LEARNING_CONFIDENCE:
                continue
            found, placed = head_pose(face), head_pose(face_of_head(body))
            shift = placed.rotation.T @ (found.shift - placed.shift) / placed.scale
            turn = rotation_vector(placed.rotation.T @ found.rotation)
            measured = np.array([math.log(found.scale / placed.scale), *turn, *shift])
            limits = np.array([MAX_GROWTH, *(MAX_TURN,) * 3, *(MAX_SHIFT,) * 3])
            if not np.isfinite(measured).all():
                continue
            self._learnt += 1
            self._difference += (np.clip(measured, -limits, limits) - self._difference) / self._learnt

    def pose(self, body: Array) -> HeadTransform:
        """Pose of the head of a body (33, 4) of which `sees_head` holds, camera units."""
        placed = head_pose(face_of_head(body))
        growth, turn, shift = self._difference[0], self._difference[1:4], self._difference[4:]
        rotation = (placed.rotation @ rotation_matrix(turn)).astype(np.float32)
        place = placed.shift + placed.scale * placed.rotation @ shift
        return HeadTransform(placed.scale * math.exp(growth), rotation, place.astype(np.float32))

    def place(self, motion: Motion, neutral: Motion) -> Motion:
        """The motion with the neutral's face, at rest, on the head of its body. Unchanged where a face was found or no
        head is seen. neutral: with a face.
        """
        if motion.face is not None or motion.body is None or neutral.face is None or not sees_head(motion.body):
            return motion
        pose = self.pose(motion.body)
        face = pose.apply(head_pose(neutral.face).inverse(neutral.face) + neutral.correction)
        return replace(motion, face=face, face_confidence=PLACED_CONFIDENCE, head=pose.rotation)

    def place_neutral(self, motion: Motion, neutral: Motion) -> Motion:
        """The same for a motion that is measured against: where no face was found, the light is the neutral's, too."""
        return motion if motion.face is not None else replace(self.place(motion, neutral), shade=neutral.shade)


def first_neutral(motions: Iterable[Motion], found: Motion | None, heads: HeadOfBody) -> Motion | None:
    """The neutral of a clip by its first motion in which a body with its head or a face is seen; None where neither is.

    found: the first one with a face, if there is one. Its face, without the head's pose, is that of the neutral.
    """
    for motion in motions:
        if motion.face is not None:
            return motion
        if sees_head(motion.body):
            return heads.place_neutral(motion, found or Motion.still(CANONICAL))
    return found


class Handover:
    """Turns a jump between two sources of a driver's head into a difference that fades: the head follows the new source
    from the first frame on (Bollo, "Inertialization: high-performance animation transitions", GDC 2018).
    """

    def __init__(self, shown: Motion, target: Motion, now: float) -> None:
        """shown: the last motion that was shown. target: the first of the new source, at `now` seconds; with faces."""
        if shown.face is None or target.face is None:
            raise ValueError("only motions with a face can be handed over")
        self._began, self._shown = now, shown
        before, after = head_pose(shown.face), head_pose(target.face)
        self._growth = math.log(before.scale / after.scale)
        self._turn = rotation_vector(before.rotation @ after.rotation.T)
        self._shift = (before.shift - after.shift) / after.scale

    def ends_before(self, now: float) -> bool:
        """Whether nothing is left of the difference at `now` seconds."""
        return not 0 <= now - self._began < HANDOVER_S

    def apply(self, target: Motion, now: float) -> Motion:
        """The motion to show in place of the target's at `now` seconds; its body is the target's."""
        if target.face is None:
            raise ValueError("only motions with a face can be handed over")
        t = min(max((now - self._began) / HANDOVER_S, 0.0), 1.0)
        faded = smooth_share(t)
        mixed, pose = blend(self._shown, target, faded), head_pose(target.face)
        assert mixed.face is not None
        left = 1 - faded
        moved = HeadTransform(
            pose.scale * math.exp(left * self._growth),
            (rotation_matrix(left * self._turn) @ pose.rotation).astype(np.float32),
            (pose.shift + pose.scale * left * self._shift).astype(np.float32),
        )
        face = moved.apply(head_pose(mixed.face).inverse(mixed.face))
        return replace(mixed, face=face, head=moved.rotation, body=target.body, torso=target.torso)
