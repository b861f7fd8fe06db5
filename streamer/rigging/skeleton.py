"""The skeleton of a picture's person: joints and hand points that several looks at the picture agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from models.geometry.body import LEFT_EYE, LEFT_MOUTH, RIGHT_EYE, RIGHT_MOUTH
from models.geometry.limb_curve import FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS
from streamer.rigging.body_completion import Limb, complete, drop_impossible, hide_outside, in_picture, size_of_person
from streamer.rigging.body_points import Position, body_of_points, with_points
from streamer.rigging.canvas import Array, Canvas
from streamer.rigging.face_search import face_extent
from streamer.rigging.hand_search import find_hands
from streamer.rigging.pose_crops import detect_person
from streamer.tracking.head_guess import HEAD_LANDMARKS
from streamer.tracking.joint_agreement import AGREEMENT, LIMB_JOINTS, central_mean, limb_distance
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

NO_POINTS: Mapping[str, Position] = MappingProxyType({})
MAX_NOSE_DISTANCE = 1.0  # extents of the face between its nose and the pose's, beyond which the pose is somebody else's
MAX_HEAD_ERROR = 0.2  # extents of the face, mean over the joints of a head; more is another head, or back to front
HEAD_RATIO = (0.6, 1.6)  # size of the pose's head over the face's
PAIRED_BONES = tuple(  # left and right upper arm, thigh, forearm, shin
    ((starts[left], ends[left]), (starts[left + 1], ends[left + 1]))
    for starts, ends in ((FIRST_JOINTS, SECOND_JOINTS), (SECOND_JOINTS, THIRD_JOINTS))
    for left in (0, 2)
)
HEAD_ERROR_WEIGHT, ASYMMETRY_WEIGHT = 1.0, 0.1  # in the score, beside mean visibility
MIN_SHARE = 0.6  # of the guesses of a joint that lie near each other; fewer lower its visibility


@dataclass(frozen=True)
class Skeleton:
    """What was found of a person.

    body: (33, 4) joints x, y, z in canvas units and visibility, which is 0 where a joint's place is a guess; None where
    nobody was found. hands: (2, 21, 4) points of the left and of the right hand, confidence 0 where none was found;
    None without a body.
    notes: sentences for the user.
    """

    body: Array | None
    hands: Array | None
    notes: list[str] = field(default_factory=list)

    def noting(self, sentence: str) -> Skeleton:
        """The same with a sentence for the user before the others."""
        return replace(self, notes=[sentence, *self.notes])


def find_skeleton(canvas: Canvas, face: Array, points: Mapping[str, Position] = NO_POINTS) -> Skeleton:
    """The skeleton of the person with this face (478, 3), canvas units.

    points: hand-placed ones of the body by name, canvas units, which replace what is found.
    """
    guesses = [each for each in detect_person(canvas, face, MAX_NOSE_DISTANCE) if is_head_of(each, face)]
    body, dropped = body_of_points(points, face), list[Limb]()
    if guesses:
        body, dropped = drop_impossible(hide_outside(agreed(guesses, face, canvas), canvas), face)
        body = with_points(body, points)
    if body is None:
        return Skeleton(None, None)
    notes = [
        f"The {limb.name} does not lie where a limb can be, and rests: name its joints with --points points.json."
        for limb in dropped
        if body[limb.end, VISIBILITY] < MIN_VISIBILITY
    ]
    hands = find_hands(canvas, body, size_of_person(body, face))
    return Skeleton(complete(body, face), hands, notes)


def agreed(guesses: list[Array], face: Array, canvas: Canvas) -> Array:
    """One skeleton (33, 4) of several guesses: each joint is the mean of those near its most central guess.

    Guesses of another pose than that of the best one are left out. Joints on whose place the guesses differ lose
    visibility. face: (478, 3).
    """
    best = max(guesses, key=lambda each: score(each, face))
    size = size_of_person(best, face)
    same = [each for each in guesses if limb_distance(each, best) < AGREEMENT * size]
    stack = np.stack(same)  # (N, 33, 4)
    # A joint beyond its crop has visibility 0. That it lies beyond the picture, too, is worth knowing.
    counted = (stack[..., VISIBILITY] > 0) | ~in_picture(stack, canvas)
    counted |= ~counted.any(0)
    body, share = central_mean(stack, counted, size)
    body[:, VISIBILITY] *= np.minimum(share / MIN_SHARE, 1)
    return body


def score(joints: Array, face: Array) -> float:
    """How well a guess (33, 4) shows a person with this face (478, 3): visible, on the face, as long left as right."""
    ratios = []
    for left, right in PAIRED_BONES:
        lengths = [float(np.linalg.norm(joints[end, :3] - joints[start, :3])) for start, end in (left, right)]
        seen = joints[[*left, *right], VISIBILITY].min()
        ratios.append(seen * abs(np.log(max(lengths[0], 1e-3) / max(lengths[1], 1e-3))))
    visibility = joints[LIMB_JOINTS, VISIBILITY].mean()
    return float(visibility - HEAD_ERROR_WEIGHT * head_error(joints, face) - ASYMMETRY_WEIGHT * np.mean(ratios))


def head_error(joints: Array, face: Array) -> float:
    """Mean distance of the head's joints (33, 4) from the landmarks (478, 3) that show the same, in face extents."""
    distances = [
        np.linalg.norm(joints[joint, :2] - face[list(landmarks), :2].mean(0))
        for joint, landmarks in HEAD_LANDMARKS.items()
    ]
    return float(np.mean(distances) / face_extent(face))


def is_head_of(joints: Array, face: Array) -> bool:
    """Whether the head of joints (33, 4) is that of a face (478, 3): in its place, as large, and not back to front."""
    own = (joints[each, :2] for each in (LEFT_EYE, RIGHT_EYE, LEFT_MOUTH, RIGHT_MOUTH))
    landmarks = (
        face[list(HEAD_LANDMARKS[each]), :2].mean(0) for each in (LEFT_EYE, RIGHT_EYE, LEFT_MOUTH, RIGHT_MOUTH)
    )
    ratio = _head_size(*own) / max(_head_size(*landmarks), 1e-6)
    return HEAD_RATIO[0] < ratio < HEAD_RATIO[1] and head_error(joints, face) < MAX_HEAD_ERROR


def _head_size(left_eye: Array, right_eye: Array, left_mouth: Array, right_mouth: Array) -> float:
    """Distance of the eyes (2,) plus that from the eyes to the mouth, of which one at least is not foreshortened."""
    between, below = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    return float(np.linalg.norm(left_eye - right_eye) + np.linalg.norm(between - below))
