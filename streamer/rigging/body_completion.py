"""What a body's proportions tell: joints that are not seen get a place, limbs that cannot be are taken for unseen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.geometry.body import (
    HANGING,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    TORSO_LENGTH,
)
from models.geometry.proportions import HEAD_SIZE, USUAL_LENGTHS
from streamer.rigging.canvas import Array, Canvas
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

Flags = NDArray[np.bool_]

# Lengths in shoulder widths.
UPPER_ARM, THIGH, FOREARM, SHIN, HAND = USUAL_LENGTHS[:10:2]  # HAND: from the wrist to where the pose's hand joints lie
FOOT = 0.5  # from the ankle to the toes
HIP_WIDTH = 0.6
FRONTAL_SHARE = 0.4  # of the body's size that the shoulders are apart at least where their line tells what is upright
PLAUSIBLE = (0.35, 1.5)  # times the usual length: a bone whose unseen end MediaPipe's own guess may place
IMPOSSIBLE = 3.0  # times the usual length from which no bone is that long
ARM_OVER_LEG = 2.0  # length of a visible arm over that of a visible leg from which one of them is wrong
WRISTS_APART = 0.06  # shoulder widths; nearer wrists are one wrist taken for both
OUTSIDE = 0.02  # canvas units beyond the picture's border within which a joint still counts as inside


@dataclass(frozen=True)
class Limb:
    """A chain of three joints and what hangs on the last one.

    lengths: usual ones of the two bones. reach: usual distance of the tips from the last joint. name: for people, with
    the picture's left and right, which are the person's right and left.
    """

    start: int
    middle: int
    end: int
    lengths: tuple[float, float]
    reach: float
    name: str

    @property
    def tips(self) -> tuple[int, ...]:
        """The joints that hang on the last one."""
        return HANGING[self.end]

    @property
    def bones(self) -> tuple[tuple[int, int, float], ...]:
        return (self.start, self.middle, self.lengths[0]), (self.middle, self.end, self.lengths[1])


ARM, LEG = (UPPER_ARM, FOREARM), (THIGH, SHIN)
LEFT_ARM = Limb(LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, ARM, HAND, "right arm")
RIGHT_ARM = Limb(RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, ARM, HAND, "left arm")
LEFT_LEG = Limb(LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, LEG, FOOT, "right leg")
RIGHT_LEG = Limb(RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE, LEG, FOOT, "left leg")
ARMS, LEGS = (LEFT_ARM, RIGHT_ARM), (LEFT_LEG, RIGHT_LEG)


def size_of_person(body: Array, face: Array) -> float:
    """The body's shoulder width seen from the front, canvas units, of joints (33, 4) and landmarks (478, 3).

    Shoulders that are seen from the side are narrow: then the torso's length tells, or the face's size.
    """
    usual = HEAD_SIZE * head_pose(face).scale
    shoulders, hips = body[[LEFT_SHOULDER, RIGHT_SHOULDER]], body[[LEFT_HIP, RIGHT_HIP]]
    if shoulders[:, VISIBILITY].min() < MIN_VISIBILITY:
        return float(usual)
    width = float(np.linalg.norm(shoulders[0, :2] - shoulders[1, :2]))
    if hips[:, VISIBILITY].min() < MIN_VISIBILITY:
        return max(width, FRONTAL_SHARE * float(usual))
    return max(width, float(np.linalg.norm(shoulders[:, :2].mean(0) - hips[:, :2].mean(0))) / TORSO_LENGTH)


def in_picture(points: Array, canvas: Canvas) -> Flags:
    """(…,) whether points (…, ≥2), canvas units, lie within the picture, `OUTSIDE` of its border included."""
    low = 2 * np.array([canvas.left, canvas.top]) / canvas.size - 1
    high = low + 2 * np.array([canvas.width, canvas.height]) / canvas.size
    inside = (points[..., :2] >= low - OUTSIDE) & (points[..., :2] <= high + OUTSIDE)
    return np.asarray(inside.all(-1))


def hide_outside(body: Array, canvas: Canvas) -> Array:
    """Joints (33, 4) whose visibility is 0 where they lie beyond the picture on the canvas, or nowhere."""
    hidden = np.nan_to_num(body)
    hidden[~(in_picture(body, canvas) & np.isfinite(body).all(1)), VISIBILITY] = 0
    return hidden


def drop_impossible(body: Array, face: Array) -> tuple[Array, list[Limb]]:
    """Joints (33, 4) without the visibility of limbs that cannot be, and these limbs."""
    body, size = body.copy(), size_of_person(body, face)
    dropped: list[Limb] = []

    def drop(limb: Limb, first: int) -> None:
        body[[limb.middle, limb.end][first:], VISIBILITY] = 0
        body[list(limb.tips), VISIBILITY] = 0
        dropped.append(limb)

    for limb in (*ARMS, *LEGS):
        for number, (start, end, usual) in enumerate(limb.bones):
            if _seen(body, start, end) and _length(body, start, end) > IMPOSSIBLE * usual * size:
                drop(limb, number)
                break
    if _seen(body, LEFT_WRIST, RIGHT_WRIST) and _length(body, LEFT_WRIST, RIGHT_WRIST) < WRISTS_APART * size:
        drop(min(ARMS, key=lambda arm: body[[arm.middle, arm.end], VISIBILITY].sum()), 0)
    arms, legs = ([each for each in limbs if _seen(body, each.start, each.middle, each.end)] for limbs in (ARMS, LEGS))
    for arm in arms:
        if legs and _whole(body, arm) > ARM_OVER_LEG * max(_whole(body, leg) for leg in legs):
            # The one of the two that is farther from its usual length is wrong.
            wrong = [arm] if _whole(body, arm) > 1.5 * sum(arm.lengths) * size else legs
            for limb in wrong:
                drop(limb, 0)
            legs = [] if wrong is legs else legs
    return body, dropped


def complete(body: Array, face: Array) -> Array:
    """Joints (33, 4) with a place for each that is not seen, whose visibility becomes 0; those that are seen stay.

    MediaPipe's own guess stays where it makes a bone of plausible length. Otherwise the limb is that of the other side,
    mirrored about the spine, or hangs down with usual proportions. Where no shoulder is seen, nothing is known.
    face: landmarks (478, 3).
    """
    body, size = body.copy(), size_of_person(body, face)
    hidden = body[:, VISIBILITY] < MIN_VISIBILITY
    body[hidden, VISIBILITY] = 0
    if hidden[[LEFT_SHOULDER, RIGHT_SHOULDER]].any():
        return body
    across = body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2]
    width = float(np.linalg.norm(across))
    # A person seen from the side is taken to stand upright.
    across = across / width if width > FRONTAL_SHARE * size else np.array([1.0, 0.0], np.float32)
    down = np.array([-across[1], across[0]], np.float32)
    down = down if down[1] >= 0 or width > FRONTAL_SHARE * size else -down
    _complete_hips(body, hidden, across, down, size)
    spine = body[[LEFT_HIP, RIGHT_HIP], :2].mean(0) - body[[LEFT_SHOULDER, RIGHT_SHOULDER], :2].mean(0)
    spine = spine / max(float(np.linalg.norm(spine)), 1e-6)
    for limb, other in ((LEFT_ARM, RIGHT_ARM), (RIGHT_ARM, LEFT_ARM), (LEFT_LEG, RIGHT_LEG), (RIGHT_LEG, LEFT_LEG)):
        for bone, mirrored in zip(limb.bones, other.bones, strict=True):
            _complete_bone(body, hidden, bone, mirrored, spine, down * size)
        _complete_tips(body, hidden, limb, size)
    return body


def _complete_hips(body: Array, hidden: Flags, across: Array, down: Array, size: float) -> None:
    """Place hips that are not seen below the shoulders. across: to the person's left, down: unit vectors (2,)."""
    middle = body[[LEFT_SHOULDER, RIGHT_SHOULDER], :3].mean(0)
    for hip, other, side in ((LEFT_HIP, RIGHT_HIP, 1), (RIGHT_HIP, LEFT_HIP, -1)):
        torso = float((body[hip, :2] - middle[:2]) @ down)
        if not hidden[hip] or PLAUSIBLE[0] * TORSO_LENGTH * size < torso < PLAUSIBLE[1] * TORSO_LENGTH * size:
            continue
        if hidden[other]:
            body[hip, :2] = middle[:2] + size * (TORSO_LENGTH * down + side * HIP_WIDTH / 2 * across)
        else:
            offset = body[other, :2] - middle[:2]
            body[hip, :2] = middle[:2] + offset - 2 * (offset @ across) * across
        body[hip, 2] = middle[2]


def _complete_bone(
    body: Array, hidden: Flags, bone: tuple[int, int, float], other: tuple[int, int, float], spine: Array, down: Array
) -> None:
    """Place the end of a bone that is not seen. other: the bone of the other side. spine: unit vector (2,) down it.
    down: (2,), where an upright body's limbs hang, as long as the shoulders are wide.
    """
    start, end, usual = bone
    size = float(np.linalg.norm(down))
    vector = body[end, :2] - body[start, :2]
    if not hidden[end] or PLAUSIBLE[0] * usual * size < np.linalg.norm(vector) < PLAUSIBLE[1] * usual * size:
        return
    if hidden[other[0]] or hidden[other[1]]:
        body[end, :2] = body[start, :2] + usual * down
    else:
        vector = body[other[1], :2] - body[other[0], :2]
        body[end, :2] = body[start, :2] + 2 * (vector @ spine) * spine - vector
    body[end, 2] = body[start, 2]


def _complete_tips(body: Array, hidden: Flags, limb: Limb, size: float) -> None:
    """Place hand or foot that is not seen in line with its limb, where it does not lie near it."""
    vector = body[limb.end, :2] - body[limb.middle, :2]
    along = vector / max(float(np.linalg.norm(vector)), 1e-6)
    for tip in limb.tips:
        if hidden[tip] and np.linalg.norm(body[tip, :2] - body[limb.end, :2]) > PLAUSIBLE[1] * limb.reach * size:
            body[tip, :2], body[tip, 2] = body[limb.end, :2] + limb.reach * size * along, body[limb.end, 2]


def _seen(body: Array, *joints: int) -> bool:
    return bool(body[list(joints), VISIBILITY].min() >= MIN_VISIBILITY)


def _length(body: Array, start: int, end: int) -> float:
    return float(np.linalg.norm(body[end, :2] - body[start, :2]))


def _whole(body: Array, limb: Limb) -> float:
    """Length of both bones of a limb."""
    return _length(body, limb.start, limb.middle) + _length(body, limb.middle, limb.end)
