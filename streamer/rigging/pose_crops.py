"""Independent guesses of one person's joints: MediaPipe's pose on crops of a picture and on their mirror images."""

from __future__ import annotations

import numpy as np

from models.geometry.body import HIPS, NOSE, SHOULDERS
from models.geometry.topology import NOSE_TIP
from streamer.rigging.canvas import WHOLE_CANVAS, Array, Box, Canvas
from streamer.rigging.face_search import face_extent
from streamer.rigging.pose_model import detect_joints, pose_model
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

PERSON_MARGIN = 1.3  # half side of the crop around a person, over half of the extent of the joints
SAME_BOX = 0.12  # boxes whose middles and half sides differ by less, in half sides, show the same
# Half sides of the crops around a person of whom only the face is known, in extents of the face, and how far below
# the nose their middles lie.
UPPER_BODY_CROP, WHOLE_BODY_CROP = (2.4, 1.2), (5.0, 3.6)


def detect_person(canvas: Canvas, face: Array, max_distance: float) -> list[Array]:
    """Guesses (33, 4) of the joints of the person with this face (478, 3), from several crops; empty without any.

    The crops are the whole canvas, the person and the upper body, each also mirrored. max_distance: of the pose's nose
    from that of the face, in extents of the face; other people's joints are left out.
    """
    extent, nose = face_extent(face), face[NOSE_TIP, :2]

    def of_this_person(joints: Array | None) -> bool:
        return joints is not None and bool(np.linalg.norm(joints[NOSE, :2] - nose) < max_distance * extent)

    with pose_model() as model:
        guesses = [detect_joints(model, canvas, WHOLE_CANVAS, mirrored) for mirrored in (False, True)]
        coarse = [joints for joints in guesses if joints is not None and of_this_person(joints)]
        boxes = person_boxes(coarse, face) if coarse else _boxes_below(nose, extent)
        for box in boxes:
            guesses.extend(detect_joints(model, canvas, box, mirrored) for mirrored in (False, True))
    return [joints for joints in guesses if joints is not None and of_this_person(joints)]


def person_boxes(guesses: list[Array], face: Array) -> list[Box]:
    """Boxes around a person and around the upper body, from guesses of the joints (33, 4) and from the face; without
    what shows the same as the whole canvas or another one.
    """
    joints = np.concatenate(guesses)
    seen = (joints[:, VISIBILITY] > MIN_VISIBILITY) & (np.abs(joints[:, :2]).max(1) < 1)
    upper = np.concatenate([each[part] for each in guesses for part in (SHOULDERS, HIPS)])
    boxes: list[Box] = []
    for points in (joints[seen], upper):
        around = np.concatenate([points[:, :2], face[:, :2]])
        low, high = around.min(0).clip(-1, 1), around.max(0).clip(-1, 1)
        x, y = (low + high) / 2
        box = (float(x), float(y), float(PERSON_MARGIN * (high - low).max() / 2))
        if not any(_shows_the_same(box, other) for other in (WHOLE_CANVAS, *boxes)):
            boxes.append(box)
    return boxes


def _boxes_below(nose: Array, extent: float) -> list[Box]:
    """Boxes around the upper and around the whole body below a face, where a person is expected."""
    x, y = float(nose[0]), float(nose[1])
    return [(x, y + down * extent, half * extent) for half, down in (UPPER_BODY_CROP, WHOLE_BODY_CROP)]


def _shows_the_same(box: Box, other: Box) -> bool:
    return bool(np.abs(np.subtract(box, other)).max() < SAME_BOX * other[2])
