"""How thick the fingers of a picture's hands are, and which hands it shows well enough for their fingers to move."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from models.geometry.body import (
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_THUMB,
    LEFT_WRIST,
    RIGHT_INDEX,
    RIGHT_PINKY,
    RIGHT_THUMB,
    RIGHT_WRIST,
)
from models.geometry.hand import HAND_WRIST, INDEX_ROOT, KNUCKLES, MIDDLE_ROOT, PINKY_ROOT
from models.geometry.limb_curve import FINGERS, FOREARM_PIECES, LIMB_SAMPLES, limb_samples
from streamer.rigging.canvas import Array
from streamer.rigging.limb_outline import INSIDE, LimbOutlines
from streamer.tracking.motion import CONFIDENCE

OTHER_HANDS = ((RIGHT_WRIST, RIGHT_INDEX, RIGHT_PINKY, RIGHT_THUMB), (LEFT_WRIST, LEFT_INDEX, LEFT_PINKY, LEFT_THUMB))
# Half widths of fingers at these s, over the distance of the knuckles of index and little finger.
WIDTHS_AT = (-0.6, 0.0, 1.0, 2.0, 2.7, 3.0, 3.1)
THUMB_WIDTHS = (0.2, 0.22, 0.2, 0.19, 0.16, 0.09, 0.05)
FINGER_WIDTHS = (0.16, 0.175, 0.165, 0.15, 0.125, 0.08, 0.04)
FINGER_SIZES = (1.0, 1.0, 1.0, 0.95, 0.85)  # over that, by finger
NARROW_PALM = 0.75  # lengths of the palm: its width at least, where it is seen from the side
MIN_CONFIDENCE = 0.7
MIN_FINGER = 4.0  # pixels of a finger's width
MIN_SPAN = 0.45  # distance of the outer knuckles over the palm's length; less is a hand seen from the side
MIN_FINGER_LENGTH = 0.55  # of a finger from knuckle to tip, over the palm's length; less is bent or foreshortened
MIN_STRAIGHTNESS = 0.85  # distance from knuckle to tip over the length of the bones between
MIN_APART = 0.6  # finger widths between the tips of neighbouring fingers
APART = 0.6  # lengths of the palm from a hand's points to the other hand's joints, at least
MIN_COVERED = 0.85  # share of the fingers' points that lie on the person


@dataclass(frozen=True)
class FingerOutlines:
    """The outlines of the fingers of both hands, the left one's first, thumb first.

    radii: (10, `LIMB_SAMPLES`, 2) float32, half widths, canvas units, to negative and to positive d.
    shown: (10,) float32, 1 for the fingers of a hand that the picture shows well enough, else 0.
    """

    radii: Array
    shown: Array


def find_fingers(alpha: Array, face: Array, body: Array, hands: Array, limbs: LimbOutlines) -> FingerOutlines | None:
    """The outlines of the fingers of a picture; None where it shows none well enough to move on their own.

    alpha: (S, S) float32 0..1, of the person. face: (478, 3) landmarks, body: (33, 4) joints and visibility, hands:
    (2, 21, 4) points and confidence; canvas units.
    """
    arms = limbs.shown.reshape(-1)[list(FOREARM_PIECES)] > 0
    shown = [
        bool(arm) and shows_fingers(alpha, face, hand, limbs.inside) and not meets(hand, body[list(others)])
        for arm, hand, others in zip(arms, hands, OTHER_HANDS, strict=True)
    ]
    if not any(shown):
        return None
    widths = np.array([palm_width(hand) if found else 0.0 for hand, found in zip(hands, shown, strict=True)])
    radii = (widths[:, None, None] * finger_shapes()).reshape(2 * FINGERS, LIMB_SAMPLES, 1).repeat(2, -1)
    return FingerOutlines(radii.astype(np.float32), np.repeat(shown, FINGERS).astype(np.float32))


def finger_shapes() -> Array:
    """(5, `LIMB_SAMPLES`) half widths of fingers, over the palm's width."""
    s = limb_samples(torch.device("cpu")).numpy()
    thumb, finger = (np.interp(s, WIDTHS_AT, widths) for widths in (THUMB_WIDTHS, FINGER_WIDTHS))
    shapes = np.stack([thumb, *[finger] * (FINGERS - 1)]) * np.array(FINGER_SIZES)[:, None]
    return shapes.astype(np.float32)


def palm_width(hand: Array) -> float:
    """Width of a hand's palm, from knuckle to knuckle, of points (21, 4)."""
    span = np.linalg.norm(hand[INDEX_ROOT, :2] - hand[PINKY_ROOT, :2])
    return float(max(span, NARROW_PALM * np.linalg.norm(hand[MIDDLE_ROOT, :2] - hand[HAND_WRIST, :2])))


def meets(hand: Array, others: Array) -> bool:
    """Whether a hand (21, 4) may touch the other one, with joints (N, 4): their fingers are not told apart."""
    length = np.linalg.norm(hand[MIDDLE_ROOT, :2] - hand[HAND_WRIST, :2])
    distance = np.linalg.norm(hand[:, None, :2] - others[None, :, :2], axis=-1)
    return bool(distance.min() < APART * length)


def shows_fingers(alpha: Array, face: Array, hand: Array, borders: Array) -> bool:
    """Whether a hand (21, 4) is open, large, within the picture's borders (4,), on the person and not before the face.

    Fists, hands seen from the side and fingers that lie behind one another stay rigid: what such fingers hide would
    have to be made up. See `find_fingers`.
    """
    points = hand[:, :2]
    if hand[:, CONFIDENCE].min() < MIN_CONFIDENCE or not ((points > borders[:2]) & (points < borders[2:])).all():
        return False
    knuckles, tips = points[list(KNUCKLES)], points[[root + 3 for root in KNUCKLES]]
    length = np.linalg.norm(points[MIDDLE_ROOT] - points[HAND_WRIST])
    width = 2 * FINGER_WIDTHS[2] * palm_width(hand)
    bones = np.linalg.norm(np.diff(points[5:].reshape(FINGERS - 1, 4, 2), axis=1), axis=-1).sum(1)
    reach = np.linalg.norm(tips - knuckles, axis=1)
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    x, y = ((points[1:] + 1) * alpha.shape[0] / 2 - 0.5).astype(np.float32).T
    covered = (cv2.remap(alpha, x, y, cv2.INTER_LINEAR) > INSIDE).mean()
    return bool(
        width * alpha.shape[0] / 2 >= MIN_FINGER
        and np.linalg.norm(knuckles[0] - knuckles[-1]) > MIN_SPAN * length
        and (reach > MIN_FINGER_LENGTH * length).all()
        and (reach > MIN_STRAIGHTNESS * bones).all()
        and (np.linalg.norm(np.diff(tips, axis=0), axis=1) > MIN_APART * width).all()
        and covered > MIN_COVERED
        and not ((points > low) & (points < high)).all(1).any()
    )
