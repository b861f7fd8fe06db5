"""Hands that hang beyond the border of a picture: where a usual hand would be, so that a driver can raise them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.body import (
    LEFT_ELBOW,
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_THUMB,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_INDEX,
    RIGHT_PINKY,
    RIGHT_THUMB,
    RIGHT_WRIST,
)
from models.geometry.hand import HAND_WRIST, MIDDLE_ROOT
from models.geometry.limb_claims import DARK, ON_PERSON, SKIN_LIGHT, SKIN_TINT
from models.geometry.limb_curve import (
    FINGERS,
    FOREARM_PIECES,
    LIMB_SAMPLES,
    limb_polylines,
    limb_samples,
    place_on_limb,
)
from streamer.rigging.border import runs
from streamer.rigging.canvas import Array
from streamer.rigging.finger_outline import MIN_CONFIDENCE, FingerOutlines, finger_shapes, palm_width
from streamer.rigging.limb_outline import LimbOutlines, limb_corners
from streamer.tracking.limb_gate import body_size
from streamer.tracking.motion import CONFIDENCE

# Points of a hand that hangs, seen from its back, in lengths of the palm: towards the thumb, and along the forearm.
SHAPE = (
    (0.0, 0.0),
    (0.28, 0.2), (0.5, 0.48), (0.62, 0.76), (0.68, 0.98),
    (0.26, 0.98), (0.3, 1.42), (0.32, 1.68), (0.33, 1.9),
    (0.03, 1.02), (0.04, 1.5), (0.045, 1.8), (0.05, 2.04),
    (-0.18, 0.96), (-0.21, 1.4), (-0.23, 1.68), (-0.24, 1.91),
    (-0.37, 0.85), (-0.42, 1.17), (-0.45, 1.38), (-0.47, 1.57),
)  # fmt: skip
PALM_SIZE = 0.25  # length of a palm in sizes of the body
PALM_RANGE = (0.75, 1.35)  # of a palm that was found, over that
# Half widths of a palm at these s of the arm, in its lengths: towards the thumb, and away from it.
PALM_AT = (1.95, 2.0, 2.15, 2.3, 2.45, 2.57, 2.67, 3.1)
THUMB_SIDE = (0.24, 0.24, 0.33, 0.38, 0.4, 0.4, 0.37, 0.3)
OTHER_SIDE = (0.24, 0.24, 0.32, 0.36, 0.39, 0.38, 0.33, 0.2)
# In lengths of the palm from the wrist, and to both sides: where the picture shows a palm, and where a fist ends.
PALM_SEEN, FIST_END, ACROSS = (0.35, 0.75), 0.95, 0.25
AT_BORDER = 0.12  # lengths of the palm before the picture's border that a hand fills if the border cuts it
MIN_CUT = 0.3  # share of that which must look as the palm does
CUT_ROWS = 3  # pixels before the border in which a hand is looked for that it cuts
HAND_BESIDE = 1 / 32  # of the canvas's side: what there may belong to the hand beside its shape
FIRST_JOINT = 10  # point of a hand: the middle finger's joint after the knuckle
SIDES = (
    (LEFT_ELBOW, LEFT_WRIST, LEFT_INDEX, LEFT_PINKY, LEFT_THUMB),
    (RIGHT_ELBOW, RIGHT_WRIST, RIGHT_INDEX, RIGHT_PINKY, RIGHT_THUMB),
)
JOINT_POINTS = (5, 17, 3)  # points of a hand that the joints of index, little finger and thumb are nearest to


@dataclass(frozen=True)
class CompletedHands:
    """A body with hands where the picture's border hides them; what is shown is as it was.

    body (33, 4), hands (2, 21, 4), limbs, fingers: as for `find_fingers`. hidden: (2,) float32, 1 for the left and the
    right hand if it was added.
    """

    body: Array
    hands: Array
    limbs: LimbOutlines
    fingers: FingerOutlines
    hidden: Array


def complete_hands(
    rgb: Array,
    alpha: Array,
    body: Array,
    hands: Array | None,
    limbs: LimbOutlines,
    fingers: FingerOutlines | None,
    unseen: Array | None = None,
) -> CompletedHands | None:
    """Add the hands that hang beyond the picture's border on forearms that it shows; None where there are none.

    rgb (S, S, 3), alpha (S, S): the picture and the person's alpha. body (33, 4), hands (2, 21, 4): joints
    and points, canvas units. fingers: of hands that the picture shows open. unseen: (2,), 1 for arms that the picture
    does not show, which get no hand.
    """
    found = np.zeros((2, len(SHAPE), 4), np.float32) if hands is None else hands.copy()
    radii = np.zeros((2 * FINGERS, LIMB_SAMPLES, 2), np.float32) if fingers is None else fingers.radii.copy()
    shown = np.zeros(2 * FINGERS, np.float32) if fingers is None else fingers.shown.copy()
    body, arms, hidden = body.copy(), limbs.radii.copy(), np.zeros(2, np.float32)
    for side, joints in enumerate(SIDES):
        of_hand = slice(side * FINGERS, (side + 1) * FINGERS)
        if limbs.shown.reshape(-1)[FOREARM_PIECES[side]] == 0 or shown[of_hand].any():
            continue
        if unseen is not None and unseen[side]:
            continue
        elbow, wrist = body[joints[0], :2], body[joints[1], :2]
        length = palm_length(body, found[side])
        along = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6)
        points = usual_hand(wrist, along, length, side)
        if found[side, :, CONFIDENCE].min() >= MIN_CONFIDENCE:
            beyond = is_beyond(found[side], limbs)
        else:
            beyond = is_beyond(points, limbs) and not is_fist(rgb, alpha, wrist, length * along, limbs)
        if not beyond:
            continue
        hidden[side] = 1
        found[side] = points
        found[side, :, 2] = body[joints[1], 2]
        body[list(joints[2:]), :2] = points[list(JOINT_POINTS), :2]
        radii[of_hand] = palm_width(points) * finger_shapes()[..., None]
        shown[of_hand] = 1
        arms[side] = with_palm(arms[side], length, side, shown_samples(body, side, limbs))
    if not hidden.any():
        return None
    return CompletedHands(body, found, replace(limbs, radii=arms), FingerOutlines(radii, shown), hidden)


def cut_columns(rgb: Array, body: Array, limbs: LimbOutlines, hidden: Array) -> NDArray[np.bool_]:
    """(S,) columns at the lower border of the picture on a canvas (S, S, 3) where it cuts hands: of arms of a body
    (33, 4) with hidden (2,) hands.
    """
    size = rgb.shape[0]
    row = round((float(limbs.inside[3]) + 1) * size / 2)
    shape = np.zeros((size, size), np.uint8)
    below_elbow = int((limb_samples(torch.device("cpu")) <= 1).sum())
    for side in np.flatnonzero(hidden):
        line = limb_polylines(torch.from_numpy(body)[None])[0, side]
        corners = (limb_corners(line, limbs.radii[side], below_elbow) + 1) * size / 2 - 0.5
        cv2.fillPoly(shape, [np.round(corners).astype(np.int32)], 1)
    before = slice(max(0, row - CUT_ROWS), row)
    cut = shape[before].max(0, initial=0) > 0
    return cut | alike_beside(rgb[before].mean(0), cut, max(1, round(HAND_BESIDE * size)))


def alike_beside(colours: Array, cut: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """(S,) places of a row of colours (S, 3) beside cut ones (S,), up to `reach` pixels, that look like these rather
    than like what lies farther away.
    """
    grown = np.zeros_like(cut)
    for first, last in runs(cut):
        own = np.median(colours[first : last + 1], 0)
        for edge, step in ((first, -1), (last, 1)):
            beside = edge + step * np.arange(1, 2 * reach + 1)
            beside = beside[(beside >= 0) & (beside < len(cut))]
            if len(beside) <= reach:
                continue
            other = np.median(colours[beside[reach:]], 0)
            near = beside[:reach]
            nearer = np.linalg.norm(colours[near] - own, axis=-1) < np.linalg.norm(colours[near] - other, axis=-1)
            grown[near[np.logical_and.accumulate(nearer)]] = True
    return grown


def palm_length(body: Array, hand: Array) -> float:
    """Length of the palm of a body (33, 4), canvas units; as points (21, 4) of the hand tell it, where it was found."""
    usual = PALM_SIZE * body_size(body)
    if hand[:, CONFIDENCE].min() < MIN_CONFIDENCE:
        return usual
    own = float(np.linalg.norm(hand[MIDDLE_ROOT, :2] - hand[HAND_WRIST, :2]))
    return float(np.clip(own, PALM_RANGE[0] * usual, PALM_RANGE[1] * usual))


def usual_hand(wrist: Array, along: Array, length: float, side: int) -> Array:
    """Points (21, 4) of a hand with a palm of this length at a wrist (2,) in the direction along (2,), of full
    confidence. side: 0 the left hand, 1 the right one.
    """
    towards_thumb = np.array([-along[1], along[0]]) * (1 if side == 0 else -1)
    places = wrist + length * (np.array(SHAPE) @ np.stack([towards_thumb, along]))
    points = np.ones((len(SHAPE), 4), np.float32)
    points[:, :2], points[:, 2] = places, 0
    return points


def is_beyond(points: Array, limbs: LimbOutlines) -> bool:
    """Whether the fingers of a hand (21, 4) lie beyond the picture's border."""
    place = points[FIRST_JOINT, :2]
    return bool(((place < limbs.inside[:2]) | (place > limbs.inside[2:])).any())


def is_fist(rgb: Array, alpha: Array, wrist: Array, palm: Array, limbs: LimbOutlines) -> bool:
    """Whether the picture (S, S, 3) with a person's alpha (S, S) shows that a hand ends before its border, as a fist.

    wrist (2,): canvas units. palm (2,): from there to the knuckles.
    """
    steps = np.linspace(0, 2, 81)
    places = wrist + steps[:, None] * palm
    inside = ((places > limbs.inside[:2]) & (places < limbs.inside[2:])).all(1)
    end = float(steps[np.logical_and.accumulate(inside)].max(initial=0.0))
    if end < FIST_END:
        return False
    size, across = rgb.shape[0], np.linspace(-ACROSS, ACROSS, 9)[:, None] * np.array([-palm[1], palm[0]])

    def sampled(start: float, stop: float) -> tuple[Array, Array]:
        along = wrist + np.linspace(start, stop, 9)[:, None] * palm
        pixels = ((along[:, None] + across + 1) * size / 2 - 0.5).astype(np.float32)
        colours, person = (cv2.remap(image, pixels, None, cv2.INTER_LINEAR) for image in (rgb, alpha))
        return np.log(colours.reshape(-1, 3) + DARK), person.reshape(-1)

    skin = np.median(sampled(*PALM_SEEN)[0], 0)
    colours, person = sampled(end - AT_BORDER, end)
    light = (colours - skin).mean(1)
    tint = np.abs(colours - skin - light[:, None]).max(1)
    alike = (tint < SKIN_TINT) & (np.abs(light) < SKIN_LIGHT) & (person > ON_PERSON)
    return bool(alike.mean() < MIN_CUT)


def shown_samples(body: Array, side: int, limbs: LimbOutlines) -> NDArray[np.bool_]:
    """(`LIMB_SAMPLES`,) which samples of an arm of joints (33, 4) lie within the picture's border."""
    line = limb_polylines(torch.from_numpy(body)[None])[0, side]
    places = place_on_limb(line, limb_samples(line.device), torch.zeros(LIMB_SAMPLES)).numpy()
    return np.asarray(((places > limbs.inside[:2]) & (places < limbs.inside[2:])).all(1))


def with_palm(radii: Array, length: float, side: int, shown: NDArray[np.bool_]) -> Array:
    """Half widths (`LIMB_SAMPLES`, 2) of an arm that ends in a usual hand with a palm of this length, but for what is
    shown (`LIMB_SAMPLES`,) of it: cuffs and hands that were traced.
    """
    s = limb_samples(torch.device("cpu")).numpy()
    thumb, other = (length * np.interp(s, PALM_AT, widths) for widths in (THUMB_SIDE, OTHER_SIDE))
    palm = np.stack([other, thumb] if side == 0 else [thumb, other], -1)
    return np.where((s >= PALM_AT[0])[:, None] & ~shown[:, None], palm, radii).astype(np.float32)
